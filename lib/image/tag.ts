import { placeholder } from '../agent/job-template.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import { endsInHash, shortHash } from '../kubernetes/names.ts';
import type { Problem } from '../kubernetes/problem.ts';

/** The tag grammar of the OCI distribution specification. */
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * The tag of an image: fixed, or taken from the commit that the image is built from.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 * @example
 * registry.image('leafai/build', { tag: Tag.branch() })
 */
export abstract class Tag {
  /** The branch, with what a tag may not hold replaced and a hash added where anything was. */
  static branch(): Tag {
    return new CommitTag('tag.branch', (branch) => branchTag(branch));
  }

  /** The commit's object name. Keel can't watch such a tag: it never moves. */
  static commit(): Tag {
    return new CommitTag('tag.commit', () => undefined);
  }

  /** The pipeline's version. */
  static version(): Tag {
    return new CommitTag('tag.version', () => undefined);
  }

  /** A fixed tag, such as `latest`. */
  static named(name: string): Tag {
    return new NamedTag(name);
  }

  /** The tag as it stands in a job template: a placeholder where the commit decides. */
  abstract readonly template: string;

  /** The tag for a branch, or undefined where it differs from commit to commit. */
  abstract forBranch(branch: string): string | undefined;

  /** What is wrong with the tag. */
  abstract problems(property: string): Problem[];
}

class NamedTag extends Tag {
  readonly template: string;

  constructor(name: string) {
    super();
    this.template = name;
  }

  forBranch(): string {
    return this.template;
  }

  problems(property: string): Problem[] {
    if (typeof this.template === 'string' && TAG.test(this.template)) return [];
    return [
      {
        property,
        value: this.template,
        message: 'is not a valid image tag',
        remedy: 'use at most 128 letters, digits, "_", "." and "-", not starting with "." or "-"',
      },
    ];
  }
}

class CommitTag extends Tag {
  readonly template: string;
  readonly forBranch: (branch: string) => string | undefined;

  constructor(
    name: 'tag.branch' | 'tag.commit' | 'tag.version',
    forBranch: (branch: string) => string | undefined,
  ) {
    super();
    this.template = placeholder(name);
    this.forBranch = forBranch;
  }

  problems(): Problem[] {
    return [];
  }
}

/** Leaves room for a dash and a commit's 64 digits within the 128 characters of a tag. */
const MAX_BRANCH_TAG = 63;

/**
 * The image tag of a branch. It is injective: a branch that is no valid tag keeps what is valid of it and
 * gets a hash, so that `feature/x` and `feature-x` never overwrite each other's image.
 */
export function branchTag(branch: string): string {
  return whenKnown(branch, tagOf);
}

function tagOf(branch: string): string {
  if (TAG.test(branch) && branch.length <= MAX_BRANCH_TAG && !endsInHash(branch)) return branch;
  const base = branch
    .replace(/[^A-Za-z0-9_.-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, MAX_BRANCH_TAG - 9);
  return `${base}-${shortHash(branch)}`.replace(/^-/, '_-');
}
