import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from './client.ts';
import { hasStatus, KubernetesError } from './errors.ts';
import type { KubernetesObject } from './object.ts';
import { isOlder } from './resource-version.ts';
import { follow, type Watched } from './watch-stream.ts';

export type { Watched } from './watch-stream.ts';

/** What a watch says: all objects at first, and again whenever it has lost track; then each change. */
export type WatchEvent<T extends KubernetesObject> =
  | { readonly type: 'listed'; readonly objects: readonly T[] }
  | { readonly type: 'changed'; readonly object: T }
  | { readonly type: 'deleted'; readonly object: T };

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;
/** After so many failures in a row, what is there is listed anew: the server may want nothing to do with the version. */
const FAILURES_UNTIL_LISTED = 3;
/** A list of the past is refused so often; after that the cluster itself is back in the past, put back from a backup. */
const LISTS_REFUSED = 5;

/**
 * Watches until `signal` is aborted. Where the server closes it, has forgotten its past (410), or does not answer, the
 * watch goes on from where it was, or lists anew; `onProblem` is told. A list that is older than what was seen before
 * is not believed.
 *
 * A single object is got and not listed, so that rights by name are enough.
 */
export async function* watch<T extends KubernetesObject>(
  client: Kubernetes,
  watched: Watched,
  signal: AbortSignal,
  onProblem?: (error: KubernetesError) => void,
): AsyncGenerator<WatchEvent<T>> {
  const bound = client.until(signal);
  let tracked: string | undefined;
  let newest = '';
  let failures = 0;
  let refused = 0;
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      for await (const event of follow<T>(bound, watched, tracked)) {
        if (signal.aborted) return;
        const { version } = event;
        if (event.type === 'listed') {
          if (version !== undefined && isOlder(version, newest) && ++refused < LISTS_REFUSED)
            throw new KubernetesError('list', {
              status: 0,
              body: `it is of ${version}, and ${newest} was seen`,
            });
          refused = 0;
          yield { type: 'listed', objects: event.objects };
        } else {
          failures = 0;
          if (event.type !== 'bookmark') yield { type: event.type, object: event.object };
        }
        if (version !== undefined) tracked = newest = version;
      }
      // One that ends as soon as it has begun must not become a hot loop.
      if (performance.now() - startedAt < 1000) await pause(++failures, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof KubernetesError)) throw error;
      onProblem?.(error);
      failures++;
      if (hasStatus(error, 410) || failures >= FAILURES_UNTIL_LISTED) tracked = undefined;
      await pause(failures, signal);
    }
  }
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  await sleep(longest * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined);
}
