/** Which new images Keel rolls out for a semantic version tag. */
export type SemverScope = 'major' | 'minor' | 'patch' | 'all';

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
   * A tag with a higher semantic version.
   *
   * @param scope the part of the version that may change
   * @param options.preRelease whether pre-releases count too
   */
  static semver(scope: SemverScope, options: { readonly preRelease?: boolean } = {}): KeelPolicy {
    const matchPreRelease = String(options.preRelease ?? false);
    return new KeelPolicy({ 'keel.sh/policy': scope, 'keel.sh/matchPreRelease': matchPreRelease }, {}, true);
  }

  /** A tag that matches a glob pattern and sorts after the one that runs. */
  static glob(pattern: string): KeelPolicy {
    // A pattern is no valid label value, so it stands in an annotation.
    return new KeelPolicy({}, { 'keel.sh/policy': `glob:${pattern}` }, true);
  }

  /** A tag that matches a regular expression; a group named `compare` is what is sorted by. */
  static regexp(pattern: string): KeelPolicy {
    return new KeelPolicy({}, { 'keel.sh/policy': `regexp:${pattern}` }, true);
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
}
