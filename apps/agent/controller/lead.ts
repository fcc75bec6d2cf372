import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { SecretKeyConfiguration } from '../../../lib/agent/configuration.ts';
import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import type { GitHttp } from '../git/refs-http.ts';
import { watch } from '../kubernetes/watch.ts';
import { GarbageCollector } from '../registry-gc/garbage-collector.ts';
import { BuildSlots } from './build-slots.ts';
import { boundedFetch } from './commit-status/bounded-fetch.ts';
import { CommitStatuses } from './commit-status/commit-statuses.ts';
import type { ControllerContext } from './context.ts';
import { deleteHomeless } from './hand-over/homeless.ts';
import { EMPTY_LEDGER, type Ledger } from './ledger.ts';
import { Periodic } from './periodic.ts';
import { pipelineObject } from './pipeline.ts';
import { PipelineController, type SharedParts } from './pipeline-controller.ts';
import { readSecret } from './read-secret.ts';
import { deleteOldNamespaces } from './retention.ts';
import { KnownWebhooks } from './webhooks/known-webhooks.ts';
import { startWebhooks } from './webhooks/receive-webhooks.ts';

const LOADED_WITHIN_MS = 20_000;
const RETENTION_MS = 60_000;
const SPREAD_MS = 10;

interface Served {
  readonly controller: PipelineController;
  readonly stop: AbortController;
}

/** Serves the pipelines of a platform: those whose namespace has its name in a label. */
export class Leadership {
  readonly #context: ControllerContext;
  readonly #shared: SharedParts;
  readonly #metrics: Registry;
  readonly #signal: AbortSignal;
  readonly #served = new Map<string, Served>();
  readonly #garbage: GarbageCollector;
  /** Whether it is known which image builds run: before that, none is started. */
  #ready = false;

  constructor(context: ControllerContext, http: GitHttp, metrics: Registry, signal: AbortSignal) {
    const { configuration, log } = context;
    this.#context = context;
    this.#metrics = metrics;
    this.#signal = signal;
    // Those of a source are in the pipeline's own namespace.
    const read = (
      namespace: string,
      { secretName, key }: SecretKeyConfiguration,
    ): Promise<string | undefined> => readSecret(context, namespace, { secretName, key });
    const slots = new BuildSlots(configuration.maxConcurrentBuilds);
    this.#garbage = new GarbageCollector(context, {
      running: () => (this.#ready ? slots.taken : Number.POSITIVE_INFINITY),
      released: () => this.#buildImages(),
    });
    this.#shared = {
      http,
      slots,
      mayStart: () => this.#ready && !this.#garbage.isCollecting(),
      webhooks: new KnownWebhooks({ read, log }),
      statuses: new CommitStatuses({
        read,
        failed: (namespace, { message }) => {
          const text = { type: 'Warning', reason: 'CommitStatusNotWritten', message } as const;
          void context.events.say(pipelineObject({ namespace }), text);
        },
        log,
        metrics,
        signal,
        fetch: boundedFetch(http.addresses),
      }),
    };
  }

  /** Serves them until it leads no more, and what runs has ended. */
  async run(): Promise<void> {
    const { client, configuration, log } = this.#context;
    const signal = this.#signal;
    const webhooks = await this.#receiveWebhooks();
    const retention = this.#retention(signal);
    retention.wake(RETENTION_MS);
    const garbage = this.#garbage.run(signal);
    const labelSelector = `${KeelsonLabels.PLATFORM}=${configuration.platform}`;
    const watched = { apiVersion: 'v1', kind: 'Namespace', labelSelector };
    const onProblem = (error: unknown): void => log.warn({ error }, 'the namespaces are not watched');
    for await (const event of watch(client, watched, signal, onProblem)) {
      if (event.type === 'listed') {
        const present = new Set(event.objects.map(({ metadata }) => metadata.name));
        for (const name of this.#served.keys()) if (!present.has(name)) this.#leave(name);
        // Many pipelines that are found at once are not read at once.
        for (const name of present) this.#serve(name, signal, Math.random() * present.size * SPREAD_MS);
        if (!this.#ready) void this.#whenLoaded(signal);
      } else if (event.type === 'deleted' || event.object.metadata.deletionTimestamp !== undefined) {
        this.#leave(event.object.metadata.name);
      } else this.#serve(event.object.metadata.name, signal);
    }
    await Promise.all([retention, ...this.#controllers()].map((each) => each.settled()));
    await garbage;
    await this.#shared.statuses.settled();
    webhooks?.close();
    webhooks?.closeAllConnections();
    this.#served.clear();
  }

  /** The leader alone is told of pushes: an ingress controller tries the next replica where nobody listens. */
  async #receiveWebhooks(): Promise<Server | undefined> {
    const { configuration, log } = this.#context;
    if (configuration.webhooks === undefined) return undefined;
    return startWebhooks({
      port: configuration.webhooks.port,
      find: (namespace) => this.#shared.webhooks.find(namespace),
      notify: (namespace) => this.#served.get(namespace)?.controller.poke(),
      log,
      metrics: this.#metrics,
    });
  }

  /** A pipeline that can't be read must not keep the others from building. */
  async #whenLoaded(signal: AbortSignal): Promise<void> {
    const late = sleep(LOADED_WITHIN_MS, undefined, { signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#controllers().map(({ loaded }) => loaded)), late]);
    this.#ready = true;
    this.#buildImages();
  }

  #buildImages(): void {
    for (const controller of this.#controllers()) controller.buildImages();
  }

  /** A pipeline that is gone has no ledger: what was made for it goes by its age. */
  #retention(signal: AbortSignal): Periodic {
    const ledgerOf = async (home: string): Promise<Ledger> =>
      (await this.#served.get(home)?.controller.ledger()) ?? EMPTY_LEDGER;
    const task = async (): Promise<undefined> => {
      await deleteOldNamespaces(this.#context, ledgerOf);
      await deleteHomeless(this.#context);
      return undefined;
    };
    return new Periodic({
      name: 'retention',
      task,
      intervalMs: RETENTION_MS,
      log: this.#context.log,
      signal,
    });
  }

  #controllers(): readonly PipelineController[] {
    return [...this.#served.values()].map(({ controller }) => controller);
  }

  #serve(namespace: string, signal: AbortSignal, inMs = 0): void {
    if (this.#served.has(namespace)) return;
    const stop = new AbortController();
    const until = AbortSignal.any([signal, stop.signal]);
    const controller = new PipelineController(this.#context, namespace, this.#shared, until);
    controller.start(inMs);
    this.#served.set(namespace, { controller, stop });
    this.#context.metrics.pipelines.set(this.#served.size);
  }

  #leave(namespace: string): void {
    this.#served.get(namespace)?.stop.abort();
    this.#served.delete(namespace);
    this.#shared.slots.freeAllOf(namespace);
    this.#shared.webhooks.delete(namespace);
    this.#context.metrics.pipelines.set(this.#served.size);
  }
}
