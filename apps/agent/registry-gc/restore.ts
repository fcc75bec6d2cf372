import type { GarbageCollectionConfiguration } from '../../../lib/agent/garbage-collection.ts';
import type { ControllerContext } from '../controller/context.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import { type CollectionState, changeState, readState } from './collection-state.ts';
import { until } from './until.ts';
import { Workload } from './workloads.ts';

/** A pod of a node that does not answer stays for ever, and its collection does not. */
const STOPS_MS = 5 * 60_000;

/**
 * Ends a collection, however far it has come: nothing may delete any more, the collector's pods go, and the registry gets
 * those that it had. All of that may be done again, and where there is nothing to do nothing is written.
 *
 * @returns the state afterwards; undefined where the manifests of the collection are not there
 */
export async function restoreRegistry(
  { client, events, log }: Pick<ControllerContext, 'client' | 'events' | 'log'>,
  collection: GarbageCollectionConfiguration,
  signal: AbortSignal,
): Promise<CollectionState | undefined> {
  let state = await readState(client, collection);
  if (state === undefined) return undefined;
  const { registry, collector } = Workload.of(client, collection);
  if (state.planned) state = await changeState(client, collection, state, { plan: null });
  try {
    // The manifests don't say how many pods it has, and so Kubernetes makes one at first.
    if ((await collector.replicas()) > 0) await collector.scaleTo(0);
  } catch (error) {
    // Without rights to it, as without it, there is nothing to stop.
    if (!hasStatus(error, 403, 404)) throw error;
  }
  const { replicas } = state;
  if (replicas === undefined) return state;
  const gone = await until(async () => (await podsOf(collector)) === 0 || undefined, {
    timeoutMs: STOPS_MS,
    signal,
  });
  if (!gone) {
    const message = 'the pod that collects garbage does not go: the registry is started all the same';
    await events.say(registry.object, { type: 'Warning', reason: 'CollectorLeft', message });
  }
  signal.throwIfAborted();
  await registry.scaleTo(replicas);
  log.info({ registry: registry.name, replicas }, 'the registry is started again');
  return changeState(client, collection, state, { replicas: null });
}

async function podsOf(collector: Workload): Promise<number> {
  return collector.pods().then(
    (pods) => pods.length,
    (error: unknown) => {
      if (hasStatus(error, 404)) return 0;
      throw error;
    },
  );
}
