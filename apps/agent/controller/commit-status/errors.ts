import { printable } from '../../kubernetes/events.ts';

/** Why a commit status was not written. */
export type StatusFailure =
  /** 401: the token is none, or has ended. */
  | 'unauthorized'
  /** 403: the token may not. */
  | 'forbidden'
  /** 404: the repository or commit is not there, or the token may not see it. */
  | 'not-found'
  /** Any other 4xx: the API does not take it. */
  | 'refused'
  /** 3xx: the token is not shown to another place. */
  | 'redirected'
  /** 429, or 403 with a time to wait. */
  | 'rate-limited'
  /** 5xx, no answer, or none in time. */
  | 'unavailable'
  /** Nothing was sent: what should be is not sound. */
  | 'invalid';

const REMEDIES: Readonly<Record<StatusFailure, string>> = {
  unauthorized: 'put a valid token into the Secret that source.statuses.token names',
  forbidden: 'let the token write commit statuses: "Commit statuses" of GitHub, the scope "api" of GitLab',
  'not-found': 'see that source.statuses.repository is right, and that the token may see that repository',
  refused: 'see what it said, and that source.statuses names the API and the repository that has the commit',
  redirected: 'give the URL that it leads to as source.statuses.apiUrl',
  'rate-limited': 'wait, or give this pipeline a token of its own',
  unavailable: 'see that the API answers, and that the egress of the platform lets the controller reach it',
  invalid: "see what the pipeline's configuration says of source.statuses",
};

/** A failure that may pass is tried again. */
const TRANSIENT: readonly StatusFailure[] = ['rate-limited', 'unavailable'];

/** A commit status that was not written, with what to do about it. */
export class CommitStatusError extends Error {
  override readonly name = 'CommitStatusError';
  readonly failure: StatusFailure;
  readonly remedy: string;
  /** For how long the API asks not to be tried again, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(failure: StatusFailure, message: string, retryAfterMs?: number) {
    super(`${message}; ${REMEDIES[failure]}`);
    this.failure = failure;
    this.remedy = REMEDIES[failure];
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether it may pass by itself. */
  get transient(): boolean {
    return TRANSIENT.includes(this.failure);
  }
}

const MAX_SAID = 200;

/** What an API said, for a log: on one line, bounded, and without the token, which a hostile one could repeat. */
export function saidBy(answer: string, token: string): string {
  const text = token === '' ? answer : answer.replaceAll(token, '***');
  return printable(text).replace(/\s+/g, ' ').trim().slice(0, MAX_SAID);
}
