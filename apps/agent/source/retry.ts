import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';

/** How long, and after what, something is tried again. */
export interface RetryOptions {
  /** Whether another try may go better. */
  readonly mayPass: (error: unknown) => boolean;
  /** For how long it may fail in a row. */
  readonly seconds: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/** Tries until it succeeds, with pauses that grow and are never the same, so that a server that comes back is not run over. */
export async function tryAgain<Result>(
  what: string,
  attempt: () => Promise<Result>,
  { mayPass, seconds, log, signal }: RetryOptions,
): Promise<Result> {
  let failingSince: number | undefined;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      failingSince ??= Date.now();
      const wait = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random());
      const tooLong = Date.now() + wait - failingSince > seconds * 1000;
      if (signal.aborted || tooLong || !mayPass(error)) throw error;
      log.warn({ error, tries, waitMs: Math.round(wait) }, `${what} failed and is tried again`);
      await pause(wait, undefined, { signal });
    }
  }
}
