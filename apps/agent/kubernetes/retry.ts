import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesError } from './errors.ts';

/** How often a request is tried, and how long the pauses between are at first and at most, in milliseconds. */
export interface RetryOptions {
  readonly attempts: number;
  readonly first: number;
  readonly most: number;
}

const DEFAULTS: RetryOptions = { attempts: 6, first: 100, most: 5_000 };

/**
 * Tries again what failed for a reason that may pass: no answer, 429, 5xx. Pauses double, with a random part so that
 * many clients don't come back at once, and are never shorter than the API server asks for.
 */
export async function retried<T>(
  request: () => Promise<T>,
  signal: AbortSignal | undefined,
  { attempts, first, most }: RetryOptions = DEFAULTS,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof KubernetesError) || !error.transient) throw error;
      if (attempt >= attempts || signal?.aborted) throw error;
      const pause = Math.min(most, first * 2 ** (attempt - 1)) * (0.5 + Math.random());
      await sleep(Math.max(pause, Math.min(error.retryAfter ?? 0, 30_000)), undefined, {
        ...(signal && { signal }),
      });
    }
  }
}
