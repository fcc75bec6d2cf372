import { GitError } from './git-error.ts';

/**
 * Calls a function with a signal that is aborted when the time is over or the program stops; its reason is a GitError.
 * The program's own signal gets no listener that stays.
 */
export async function withDeadline<Result>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  use: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const late = `${what} took longer than ${timeoutMs / 1000} s`;
  const stop = (): void =>
    deadline.abort(new GitError('unreachable', `${what} was given up: the program is stopping`));
  const timer = setTimeout(() => deadline.abort(new GitError('unreachable', late)), timeoutMs);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    return await use(deadline.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
