import { setTimeout as sleep } from 'node:timers/promises';
import type { GarbageCollectionConfiguration } from '../../../lib/agent/garbage-collection.ts';
import type { ControllerContext } from '../controller/context.ts';
import { CollectionError, collectGarbage } from './collect.ts';
import { type CollectionState, changeState } from './collection-state.ts';
import { imagesInUse } from './in-use.ts';
import { readPipelines } from './pipelines.ts';
import { type Plan, planOf, repositoriesOf } from './plan.ts';
import { restoreRegistry } from './restore.ts';
import { until } from './until.ts';
import { Workload } from './workloads.ts';

/** What collecting garbage has to know of image builds. */
export interface BuildsOfImages {
  /** How many run now, and releases that copy images. */
  readonly running: () => number;
  /** Called when builds need not wait any more. */
  readonly released: () => void;
}

const LOOK_MS = 60_000;
/** What has failed, or was in the way, is not tried again at once: the registry is away for each try. */
const AGAIN_MS = 3_600_000;
/** For how long the builds that run are waited for, once new ones have to wait. */
const QUIET_MS = 2 * 3_600_000;
/** A process that is told to stop has 30 seconds. */
const LAST_MS = 20_000;
const PAUSES_MS = [1_000, 2_000, 5_000, 15_000];

/** Collects the garbage of a platform's registry when that is due, and holds image builds back meanwhile. */
export class GarbageCollector {
  readonly #context: ControllerContext;
  readonly #collection: GarbageCollectionConfiguration | undefined;
  readonly #builds: BuildsOfImages;
  /** Until it is known that the registry is there, nothing is pushed to it. */
  #collecting: boolean;

  constructor(context: ControllerContext, builds: BuildsOfImages) {
    this.#context = context;
    this.#collection = context.configuration.garbageCollection;
    this.#builds = builds;
    this.#collecting = this.#collection !== undefined;
  }

  /** Whether image builds have to wait. */
  isCollecting(): boolean {
    return this.#collecting;
  }

  /** Takes up what a controller before has left, and then collects whenever it is due, until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const collection = this.#collection;
    if (collection === undefined) return;
    try {
      for (;;) {
        const state = await this.#restore(collection, signal);
        const wait = await this.#collectWhenDue(collection, state, signal).catch((error: unknown) => {
          signal.throwIfAborted();
          this.#context.log.warn({ error }, 'the end of a collection was not noted');
          return LOOK_MS;
        });
        await sleep(Math.min(LOOK_MS, wait), undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      if (this.#collecting) await this.#restoreAtLast(collection);
    }
  }

  /** Returns in how many milliseconds to look again. */
  async #collectWhenDue(
    collection: GarbageCollectionConfiguration,
    state: CollectionState | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    if (state === undefined) {
      const { namespace, collector } = collection;
      this.#context.log.warn({ namespace, collector }, 'the manifests that collect garbage are not applied');
      return LOOK_MS;
    }
    const late = Date.now() - (state.next ?? Date.now());
    if (late < 0) return -late;
    // Builds of images come first, until there has been no moment without one for a while.
    const insist = late > (collection.everySeconds * 1000) / 4;
    if (this.#builds.running() > 0 && !insist) return LOOK_MS;
    this.#collecting = true;
    await this.#collect(collection, state, signal);
    return LOOK_MS;
  }

  async #collect(
    collection: GarbageCollectionConfiguration,
    state: CollectionState,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, events, log } = this.#context;
    const about = Workload.of(client, collection).registry.object;
    const result = await this.#tryToCollect(collection, state, signal).catch((error: Error) => error);
    const after = await this.#restore(collection, signal);
    if (result instanceof Error) {
      log.warn({ error: result }, 'garbage was not collected, and is tried again in an hour');
      const message = `${result.message}; it is tried again in an hour`;
      await events.say(about, { type: 'Warning', reason: 'GarbageNotCollected', message });
      return;
    }
    if (after) {
      const next = Date.now() + collection.everySeconds * 1000;
      await changeState(client, collection, after, { next });
    }
    log.info({ deleted: result }, 'garbage was collected');
    await events.say(about, { type: 'Normal', reason: 'GarbageCollected', message: result });
  }

  async #tryToCollect(
    collection: GarbageCollectionConfiguration,
    state: CollectionState,
    signal: AbortSignal,
  ): Promise<string> {
    const begun = await changeState(this.#context.client, collection, state, { next: Date.now() + AGAIN_MS });
    const quiet = async (): Promise<true | undefined> => this.#builds.running() === 0 || undefined;
    if (!(await until(quiet, { timeoutMs: QUIET_MS, signal }))) {
      throw new CollectionError('image builds were running all the time');
    }
    return collectGarbage(this.#context, collection, begun, await this.#plan(collection), signal);
  }

  async #plan(collection: GarbageCollectionConfiguration): Promise<Plan> {
    const pipelines = await readPipelines(this.#context);
    const repositories = repositoriesOf(collection, pipelines);
    return planOf(collection, pipelines, await imagesInUse(this.#context, pipelines, repositories));
  }

  /** Tries until it has worked: without its registry, a cluster can't build. */
  async #restore(
    collection: GarbageCollectionConfiguration,
    signal: AbortSignal,
  ): Promise<CollectionState | undefined> {
    for (let failures = 0; ; failures++) {
      try {
        const state = await restoreRegistry(this.#context, collection, signal);
        if (this.#collecting) {
          this.#collecting = false;
          this.#builds.released();
        }
        return state;
      } catch (error) {
        signal.throwIfAborted();
        this.#context.log.warn({ error }, 'the registry could not be looked after, and is tried again');
        await sleep(PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)], undefined, { signal });
      }
    }
  }

  /** Whoever leads next would do it too, but perhaps nobody does. */
  async #restoreAtLast(collection: GarbageCollectionConfiguration): Promise<void> {
    const last = AbortSignal.timeout(LAST_MS);
    // The client's own signal is the one that has ended the collection.
    const context = { ...this.#context, client: this.#context.client.until(last) };
    await restoreRegistry(context, collection, last).catch((error: unknown) =>
      context.log.warn({ error }, 'the registry was not looked after: the next controller does it'),
    );
  }
}
