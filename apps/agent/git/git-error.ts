import { oneLine, redact } from '../../../lib/kubernetes/problem.ts';

/**
 * What became of a try to read a repository. `unreachable`: nobody answered in time, so another try may succeed.
 * `unauthorized`: the credential is missing, wrong or not allowed. `not-found`: there is no such repository or commit.
 * `protocol`: the answer is not git's, or larger than allowed. `refused`: this program does not go there.
 */
export type GitErrorKind = 'unreachable' | 'unauthorized' | 'not-found' | 'protocol' | 'refused';

/** Why a repository could not be read, on one line and without credentials. */
export class GitError extends Error {
  override readonly name = 'GitError';
  readonly kind: GitErrorKind;

  constructor(kind: GitErrorKind, message: string, options?: ErrorOptions) {
    super(oneLine(redact(message)), options);
    this.kind = kind;
  }
}
