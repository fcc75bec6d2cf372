import { setTimeout as sleep } from 'node:timers/promises';
import { formatProblem } from '../../../../lib/kubernetes/problem.ts';
import { type StatusTarget, statusTargetProblems } from '../../../../lib/source/status-target.ts';
import { printable } from '../../kubernetes/events.ts';
import { describeError } from '../../observe/log.ts';
import { type Answer, APIS } from './apis.ts';
import { CommitStatusError, type StatusFailure, saidBy } from './errors.ts';
import type { CommitStatus } from './status.ts';

/** How a commit status is written. */
export interface PostOptions {
  readonly token: string;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** For how long an answer is waited for, in milliseconds. */
  readonly timeLimitMs?: number;
  /** The pause before the second try, in milliseconds; each further one is four times as long. */
  readonly pauseMs?: number;
  /** What requests are made with. It must not follow redirects. */
  readonly fetch: typeof fetch;
  /** Whether the API may be asked by plain http. @default false */
  readonly allowHttp?: boolean;
}

const ATTEMPTS = 4;
/** An API that asks for a longer pause is not waited for. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * Writes what became of a commit beside it. What may pass is tried again; everything else, and what does not pass, is
 * thrown as {@link CommitStatusError}.
 */
export async function postCommitStatus(
  target: StatusTarget,
  status: CommitStatus,
  options: PostOptions,
): Promise<void> {
  check(target, status, options);
  for (let attempt = 1; ; attempt++) {
    try {
      await postOnce(target, status, options);
      return;
    } catch (error) {
      if (!(error instanceof CommitStatusError) || !error.transient || attempt >= ATTEMPTS) throw error;
      const { pauseMs = 1000, signal } = options;
      const pause = pauseMs * 4 ** (attempt - 1) * (0.5 + Math.random());
      const asked = error.retryAfterMs ?? 0;
      if (asked > LONGEST_PAUSE_MS) throw error;
      await sleep(Math.max(pause, asked), undefined, { signal });
    }
  }
}

async function postOnce(target: StatusTarget, status: CommitStatus, options: PostOptions): Promise<void> {
  const { token, signal, timeLimitMs = 20_000, fetch } = options;
  const late = AbortSignal.timeout(timeLimitMs);
  const where = `the commit status of ${status.commit.slice(0, 12)} at ${target.apiUrl} for ${target.repository}`;
  let answer: Answer;
  try {
    answer = await APIS[target.provider](target, status, {
      token,
      fetch,
      signal: AbortSignal.any([signal, late]),
    });
  } catch (error) {
    signal.throwIfAborted();
    const why = late.aborted ? `no answer within ${timeLimitMs} ms` : saidBy(describeError(error), token);
    throw new CommitStatusError('unavailable', `${where} was not written: ${why}`);
  }
  if (answer.status === 201) return;
  throw new CommitStatusError(
    failureOf(answer),
    `${where} was not written: ${answer.status} ${saidBy(answer.text, token)}`,
    retryAfter(answer),
  );
}

function failureOf(answer: Answer): StatusFailure {
  const { status, headers } = answer;
  // GitHub answers 403 to too many requests too: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
  if (status === 403 && (headers['retry-after'] !== undefined || headers['x-ratelimit-remaining'] === '0'))
    return 'rate-limited';
  if (status >= 300 && status < 400) return 'redirected';
  return FAILURES.get(status) ?? (status >= 500 ? 'unavailable' : 'refused');
}

const FAILURES: ReadonlyMap<number, StatusFailure> = new Map([
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [404, 'not-found'],
  [408, 'unavailable'],
  [429, 'rate-limited'],
]);

function retryAfter({ headers }: Answer): number | undefined {
  const seconds = Number(headers['retry-after']);
  if (Number.isFinite(seconds)) return seconds * 1000;
  const reset = Number(headers['x-ratelimit-reset']);
  if (headers['x-ratelimit-remaining'] !== '0' || !Number.isFinite(reset)) return undefined;
  return Math.max(0, reset * 1000 - Date.now());
}

/** The configuration is what somebody has put into a ConfigMap: nothing of it may lead a token elsewhere. */
function check(target: StatusTarget, status: CommitStatus, { token, allowHttp = false }: PostOptions): void {
  const { commit, context, targetUrl = target.targetUrl } = status;
  const invalid = (message: string): never => {
    throw new CommitStatusError('invalid', `a commit status was not written: ${message}`);
  };
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) invalid('its commit is no full object name');
  if (context === '' || context.length > 255 || context !== printable(context))
    invalid('its context is no name');
  const [problem] = statusTargetProblems(
    'source.statuses',
    { ...target, ...(targetUrl !== undefined && { targetUrl }) },
    allowHttp,
  );
  if (problem !== undefined) invalid(formatProblem(problem));
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CommitStatusError(
      'unauthorized',
      'the token of commit statuses is empty, or holds what no token does',
    );
}
