import type { GarbageCollectionConfiguration } from '../../../lib/agent/garbage-collection.ts';
import type { ControllerContext } from '../controller/context.ts';
import { type CollectionState, changeState } from './collection-state.ts';
import type { Plan } from './plan.ts';
import { until } from './until.ts';
import { progressOf, Workload } from './workloads.ts';

/** A collection that was given up. Nothing is lost by that. */
export class CollectionError extends Error {
  override readonly name = 'CollectionError';
}

const STARTS_MS = 10 * 60_000;
const STOPS_MS = 5 * 60_000;

/**
 * Collects a registry's garbage while nothing is pushed to it. The caller restores the registry afterwards, whatever
 * becomes of this.
 *
 * 1. The collector's pod is started. It waits, for the plan is missing, so that an image that can't be pulled costs nothing.
 * 2. What the registry has to get back is noted, and the registry is stopped.
 * 3. With the registry gone, the plan is written, and the collector runs to its end.
 *
 * @returns what was deleted
 * @throws CollectionError where it was given up
 */
export async function collectGarbage(
  { client, log }: Pick<ControllerContext, 'client' | 'log'>,
  collection: GarbageCollectionConfiguration,
  state: CollectionState,
  plan: Plan,
  signal: AbortSignal,
): Promise<string> {
  const { registry, collector } = Workload.of(client, collection);
  const replicas = await registry.replicas();
  if (replicas === 0) throw new CollectionError('the registry has no pod, and so nothing was collected');
  await collector.scaleTo(1);
  await waitForPod(collector, signal);
  signal.throwIfAborted();
  const noted = await changeState(client, collection, state, { replicas });
  await registry.scaleTo(0);
  log.info({ registry: registry.name }, 'the registry is stopped, to collect its garbage');
  const gone = await until(async () => (await registry.pods()).length === 0 || undefined, {
    timeoutMs: STOPS_MS,
    signal,
  });
  if (!gone) throw new CollectionError('the registry did not stop');
  signal.throwIfAborted();
  await changeState(client, collection, noted, { plan });
  log.info({ collector: collector.name }, 'the collector has its plan');
  const timeoutMs = collection.timeoutSeconds * 1000;
  const message = await until(() => endOf(registry, collector), { timeoutMs, signal });
  if (message !== undefined) return message;
  throw new CollectionError(
    `the collection was not done within ${collection.timeoutSeconds} s: give it a longer timeout`,
  );
}

async function waitForPod(collector: Workload, signal: AbortSignal): Promise<void> {
  let doing = '';
  const waits = await until(
    async () => {
      const progress = progressOf(await collector.pods());
      if (progress.phase === 'Starting') doing = progress.message;
      return progress.phase === 'Starting' ? undefined : progress;
    },
    { timeoutMs: STARTS_MS, signal },
  );
  if (waits?.phase === 'Waiting') return;
  if (waits !== undefined)
    throw new CollectionError(`the pod that collects did not wait for its plan: ${waits.phase}`);
  throw new CollectionError(`the pod that collects did not start${doing === '' ? '' : `: ${doing}`}`);
}

/** What was deleted, once that is so. */
async function endOf(registry: Workload, collector: Workload): Promise<string | undefined> {
  // What is pushed while it runs may be taken for garbage.
  if ((await registry.pods()).length > 0)
    throw new CollectionError('somebody has started the registry meanwhile');
  const progress = progressOf(await collector.pods());
  if (progress.phase === 'Failed') throw new CollectionError(progress.message);
  return progress.phase === 'Ended' ? progress.message : undefined;
}
