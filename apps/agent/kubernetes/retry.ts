import { setTimeout as sleep } from 'node:timers/promises';
import { KubernetesError } from './errors.ts';

/** How often a request is tried, and how long the pauses between are at first and at most, in milliseconds. */
export interface RetryOptions {
  readonly attempts?: number;
  readonly first?: number;
  readonly most?: number;
  /** What is tried again; by default no answer, 429 and 5xx. */
  readonly mayPass?: (error: KubernetesError) => boolean;
}

/** The longest pause that the API server may ask for. */
const LONGEST_RETRY_AFTER_MS = 30_000;

/**
 * Tries again what failed for a reason that may pass. Pauses double, with a random part so that many clients don't come
 * back at once, and are never shorter than the API server asks for. Aborted, it throws the last try's error.
 */
export async function retried<T>(
  request: () => Promise<T>,
  signal: AbortSignal | undefined,
  options: RetryOptions = {},
): Promise<T> {
  const { attempts = 6, first = 100, most = 5_000, mayPass = ({ transient }) => transient } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof KubernetesError) || !mayPass(error)) throw error;
      if (attempt >= attempts || signal?.aborted) throw error;
      const pause = Math.min(most, first * 2 ** (attempt - 1)) * (0.5 + Math.random());
      const asked = Math.min(error.retryAfter ?? 0, LONGEST_RETRY_AFTER_MS);
      await sleep(Math.max(pause, asked), undefined, { ...(signal && { signal }) }).catch(() => undefined);
      if (signal?.aborted) throw error;
    }
  }
}
