import { setTimeout as sleep } from 'node:timers/promises';

/** How often and for how long something is asked. */
export interface UntilOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
}

/** Asks until there is an answer; undefined where the time runs out. */
export async function until<T>(
  ask: () => Promise<T | undefined>,
  { timeoutMs, signal, intervalMs = 1_000 }: UntilOptions,
): Promise<T | undefined> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() >= end) return undefined;
    await sleep(intervalMs, undefined, { signal });
  }
}
