import type { ImageName } from '../image/image-name.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/** The part of a semantic version that may change; with `all`, pre-releases count as higher versions too. */
export type SemverScope = 'major' | 'minor' | 'patch' | 'all';

/** Options of {@link KeelPolicy.semver}. */
export interface SemverOptions {
  /**
   * Whether a version may have another pre-release part than the one that runs: whether 1.1.0-rc.1, and then
   * 1.1.0, follow 1.0.0. The scope `all` does so always.
   * @default false
   */
  readonly preRelease?: boolean;
}

const SCOPES: readonly unknown[] = ['major', 'minor', 'patch', 'all'] satisfies SemverScope[];
/** What Keel reads as a version: one part at least, and the rest of a semantic version. */
const VERSION = /^v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

/**
 * When Keel rolls out a new image. Only combinations that Keel understands can be written; the facts are
 * those of https://keel.sh/docs/#policies and of Keel's internal/policy.
 *
 * @example
 * KeelPolicy.sameTag()
 */
export class KeelPolicy {
  /** A new digest under the same tag: what a branch's tag gets with every build. */
  static sameTag(): KeelPolicy {
    // Without matchTag, Keel up to 0.22.1 may pick any other tag of the repository.
    return new KeelPolicy({ 'keel.sh/policy': 'force', 'keel.sh/matchTag': 'true' }, {}, false);
  }

  /**
   * A tag with a higher semantic version. Keel writes the new tag into the Deployment, where what is applied
   * next puts the old one back, which a GitOps tool does at once. There is a warning where one program has both.
   *
   * @param scope the part of the version that may change; `all` takes no {@link SemverOptions}
   */
  static semver(scope: 'all'): KeelPolicy;
  static semver(scope: Exclude<SemverScope, 'all'>, options?: SemverOptions): KeelPolicy;
  static semver(scope: SemverScope, options: SemverOptions = {}): KeelPolicy {
    const preRelease = options?.preRelease ?? false;
    // matchPreRelease asks for the same pre-release part as before. Keel ignores it for `all`.
    const labels = { 'keel.sh/policy': scope, 'keel.sh/matchPreRelease': String(!preRelease) };
    return new KeelPolicy(scope === 'all' ? { 'keel.sh/policy': scope } : labels, {}, true);
  }

  /**
   * A tag that matches a glob pattern and sorts after the one that runs. For a Deployment of your own: a
   * watched build can't be held back with it.
   *
   * @param pattern the pattern, in which `*` stands for anything; without a colon
   */
  static glob(pattern: string): KeelPolicy {
    // A pattern is no valid label value, so it stands in an annotation.
    return new KeelPolicy(
      {},
      { 'keel.sh/policy': `glob:${typeof pattern === 'string' ? pattern : ''}` },
      true,
    );
  }

  /**
   * A tag that matches a regular expression; a group named `compare` is what is sorted by. For a Deployment of
   * your own: a watched build can't be held back with it.
   *
   * @param pattern the expression, in Go's syntax: https://pkg.go.dev/regexp/syntax
   */
  static regexp(pattern: string): KeelPolicy {
    return new KeelPolicy(
      {},
      { 'keel.sh/policy': `regexp:${typeof pattern === 'string' ? pattern : ''}` },
      true,
    );
  }

  /** The labels of a build's Deployment that say so to Keel. */
  readonly labels: Readonly<Record<string, string>>;
  /** The annotations of a build's Deployment that say so to Keel. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Whether Keel has to read Nodes for this policy, as it does from 0.22.0 where the tag may change. */
  readonly readsNodes: boolean;

  private constructor(
    labels: Record<string, string>,
    annotations: Record<string, string>,
    readsNodes: boolean,
  ) {
    this.labels = labels;
    this.annotations = annotations;
    this.readsNodes = readsNodes;
  }

  /**
   * Whether a workload with this policy can be held back: the gate does so by the annotation
   * `keel.sh/policy: never` and lets go by deleting it, so the policy itself must not stand there.
   */
  get canBeHeldBack(): boolean {
    return !('keel.sh/policy' in this.annotations);
  }

  /**
   * What is wrong with it: Keel ignores a Deployment whose policy it can't read, and says so in its log only.
   *
   * @param property how the caller spells the policy
   * @param image the image that is watched, where it is known
   */
  problems(property: string, image?: ImageName): Problem[] {
    const { 'keel.sh/policy': inLabels } = this.labels;
    const text = this.annotations['keel.sh/policy'] ?? '';
    const whenPattern = (pattern: string, find: typeof globProblems): Problem[] =>
      problemsWhenKnown(property, pattern, (known) => find(property, known));
    if (text.startsWith('glob:')) return whenPattern(text.slice('glob:'.length), globProblems);
    if (text.startsWith('regexp:')) return whenPattern(text.slice('regexp:'.length), regexpProblems);
    return inLabels === 'force' ? [] : semverProblems(property, inLabels, image?.tag);
  }
}

function globProblems(property: string, pattern: string): Problem[] {
  if (pattern !== '' && !pattern.includes(':')) return [];
  const remedy = 'give a pattern without a colon, such as release-*';
  return [{ property, value: pattern, message: 'is no pattern to Keel', remedy }];
}

function regexpProblems(property: string, pattern: string): Problem[] {
  const remedy = "write an expression in Go's syntax, which has no look-around and no references back";
  const problem = { property, value: pattern, message: 'is no regular expression to Keel', remedy };
  if (pattern === '' || /\(\?<?[=!]|\\[1-9]/.test(pattern)) return [problem];
  // Flags such as (?i) are Go's alone.
  if (/\(\?[imsU-]+[:)]/.test(pattern)) return [];
  try {
    new RegExp(pattern.replaceAll('(?P<', '(?<'));
    return [];
  } catch {
    return [problem];
  }
}

function semverProblems(property: string, scope: unknown, tag: string | undefined): Problem[] {
  if (!SCOPES.includes(scope)) {
    const remedy = 'use major, minor, patch or all';
    return [{ property, value: scope, message: 'is no part of a version', remedy }];
  }
  return problemsWhenKnown(property, tag, (value) => {
    if (value === undefined || value === 'latest' || VERSION.test(value)) return [];
    const message = 'compares versions, and this tag is none';
    return [{ property, value, message, remedy: 'watch a tag such as 1.2.3, or use KeelPolicy.sameTag()' }];
  });
}
