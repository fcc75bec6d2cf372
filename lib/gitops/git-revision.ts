import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import { branchProblems } from '../source/branch.ts';

/** What of a repository is brought to the cluster: what a branch or a tag names now, or one commit. */
export class GitRevision {
  /** The newest commit of a branch. */
  static branch(name: string): GitRevision {
    return new GitRevision('branch', name);
  }

  /** What a tag names; moved to another commit, that one. */
  static tag(name: string): GitRevision {
    return new GitRevision('tag', name);
  }

  /**
   * One commit, for good.
   *
   * @param name the commit's full object name
   */
  static commit(name: string): GitRevision {
    return new GitRevision('commit', name);
  }

  /** What kind of name it is. */
  readonly kind: 'branch' | 'tag' | 'commit';
  /** The name. */
  readonly name: string;

  private constructor(kind: GitRevision['kind'], name: string) {
    this.kind = kind;
    this.name = name;
  }

  /** What is wrong with the revision. */
  problems(property: string): Problem[] {
    const { kind, name } = this;
    if (kind === 'branch') return branchProblems(property, name);
    if (kind === 'tag') {
      const remedy = 'give the name of a tag as `git tag` prints it, without refs/tags/';
      return branchProblems(property, name).map((problem) => ({ ...problem, remedy }));
    }
    return problemsWhenKnown(property, name, (known) => {
      if (typeof known === 'string' && /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(known)) return [];
      return [
        {
          property,
          value: known,
          message: "is not a commit's full object name",
          remedy: 'give the 40 or 64 hexadecimal digits that `git rev-parse` prints',
        },
      ];
    });
  }
}
