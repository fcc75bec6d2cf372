import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';
import { GitHubError } from './github-error.ts';

/** Pauses between tries, in milliseconds. */
export interface Pauses {
  readonly first: number;
  readonly most: number;
}

/** Something that is done in steps, of which each may fail. */
export interface Work<T> {
  /** Does what can be done; undefined as long as there is more. */
  advance(): Promise<T | undefined>;
  /** How much was done so far. */
  progress(): number;
}

const PAUSES: Pauses = { first: 1000, most: 60_000 };
/** Failures in a row without any progress. */
const MAX_FAILURES = 8;
/** Looks in a row that find something to do, and no failure. */
const MAX_LOOKS = 10;
/** A limit of requests is one for an hour. */
const MAX_WAIT_MS = 65 * 60_000;

/**
 * Goes on after failures that may pass: after pauses that double, or as long as GitHub asks to wait.
 *
 * @throws the last failure, where it doesn't pass, comes too often, or asks to wait for more than an hour
 */
export async function persist<T>(
  work: Work<T>,
  log: Log,
  signal: AbortSignal,
  { first, most }: Pauses = PAUSES,
): Promise<T> {
  let failures = 0;
  let looks = 0;
  let waited = 0;
  for (;;) {
    const before = work.progress();
    try {
      const result = await work.advance();
      if (result !== undefined) return result;
      failures = 0;
      looks += 1;
      if (looks > MAX_LOOKS) throw new Error('GitHub does not keep what it is given: see its status page');
    } catch (error) {
      if (!(error instanceof GitHubError) || !error.passing) throw error;
      if (work.progress() > before) failures = 0;
      looks = 0;
      failures += 1;
      const pause = error.waitMs ?? Math.min(most, first * 2 ** (failures - 1)) * (0.5 + Math.random());
      waited += pause;
      if (failures > MAX_FAILURES || waited > MAX_WAIT_MS) throw error;
      log.warn({ error, seconds: Math.ceil(pause / 1000) }, 'waiting before the next try');
      await sleep(pause, undefined, { signal });
    }
  }
}
