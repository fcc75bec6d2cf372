import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject, ObjectMeta } from '../kubernetes/object.ts';
import type { Reference } from '../kubernetes/resources.ts';
import type { Log } from '../observe/log.ts';
import { whyNotReady } from './readiness.ts';

const POLL_MS = 250;
const POLLS_UNTIL_STARTED_AGAIN = 20;
/** Longer than the kubelet lets a pod take its time to end. */
const ENDED_WITHIN_MS = 45_000;

/** What runs beside a build, and only then. */
export class Services {
  readonly #client: Kubernetes;
  readonly #namespace: string;
  readonly #services: readonly ServiceConfiguration[];
  readonly #log: Log;

  constructor(client: Kubernetes, namespace: string, services: readonly ServiceConfiguration[], log: Log) {
    this.#client = client;
    this.#namespace = namespace;
    this.#services = services;
    this.#log = log;
  }

  /** Starts them. One that is not there, or not to be scaled, will not answer either. */
  async start(): Promise<void> {
    await Promise.all(
      this.#services.map((service) =>
        this.#scale(service, 1).catch((error: unknown) => {
          if (!hasStatus(error, 403, 404)) throw error;
          this.#log.warn({ error, service: service.name }, 'the service could not be started');
        }),
      ),
    );
  }

  /**
   * Waits until the pods of services that were stopped are gone. A Deployment that is scaled up again does not wait for
   * them, and two pods on one volume may leave it unusable.
   */
  async whenEnded(signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#services.map((service) =>
        this.#whenOneEnded(service, signal).catch((error: unknown) => {
          if (!hasStatus(error, 403, 404)) throw error;
        }),
      ),
    );
  }

  async #whenOneEnded(service: ServiceConfiguration, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + ENDED_WITHIN_MS;
    const { spec } = (await this.#client.get<Deployment>(this.#reference(service))) ?? {};
    const { replicas = 1, selector } = spec ?? {};
    const labels = Object.entries(selector?.matchLabels ?? {});
    if (replicas > 0 || labels.length === 0) return;
    const labelSelector = labels.map(([name, value]) => `${name}=${value}`).join();
    const pods = { apiVersion: 'v1', kind: 'Pod', namespace: this.#namespace, labelSelector };
    while (Date.now() < deadline) {
      const { items } = await this.#client.list<Pod>(pods);
      if (items.every(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')) return;
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Waits until all of them answer. What is returned is why they don't, when the time is up. */
  async whyNotUp(timeoutSeconds: number, signal: AbortSignal): Promise<string | undefined> {
    const deadline = Date.now() + timeoutSeconds * 1000;
    const problems = await Promise.all(
      this.#services.map((service) => this.#waitFor(service, deadline, signal)),
    );
    const found = problems.filter((problem) => problem !== undefined);
    return found.length === 0 ? undefined : found.join('; ');
  }

  /** Stops them, but for those that another build uses as well: the controller knows when nobody does any more. */
  async stop(): Promise<void> {
    const own = this.#services.filter(({ shared }) => shared !== true);
    await Promise.all(
      own.map((service) =>
        this.#scale(service, 0).catch((error: unknown) => {
          if (!hasStatus(error, 404)) throw error;
        }),
      ),
    );
  }

  async #waitFor(
    service: ServiceConfiguration,
    deadline: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { name } = service;
    const startedAt = Date.now();
    for (let polls = 1; ; polls++) {
      const problem =
        (await whyNotReady(service.readiness, signal)) ??
        (await this.#whyNotAvailable(service).catch((error: unknown) => (error as Error).message));
      signal.throwIfAborted();
      if (problem === undefined) {
        this.#log.info({ service: name, milliseconds: Date.now() - startedAt }, 'the service answers');
        return undefined;
      }
      if (Date.now() > deadline) return `${name} does not answer: ${problem}`;
      // A controller that had looked just before the Lease was taken may have stopped it since.
      if (polls % POLLS_UNTIL_STARTED_AGAIN === 0) await this.#scale(service, 1).catch(() => undefined);
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** What answers may be a pod of the build before that is about to end: Services send to such where there is no other. */
  async #whyNotAvailable(service: ServiceConfiguration): Promise<string | undefined> {
    const { metadata, status } = (await this.#client.get<Deployment>(this.#reference(service))) ?? {};
    const { observedGeneration = 0, availableReplicas = 0 } = status ?? {};
    const known = observedGeneration >= (metadata?.generation ?? 0);
    return known && availableReplicas > 0 ? undefined : 'it has no pod that is available';
  }

  #scale(service: ServiceConfiguration, replicas: number): Promise<void> {
    return this.#client.scale(this.#reference(service), replicas);
  }

  #reference({ deployment }: ServiceConfiguration): Reference {
    return { apiVersion: 'apps/v1', kind: 'Deployment', namespace: this.#namespace, name: deployment };
  }
}

interface Pod extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}

interface Deployment extends KubernetesObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  };
  readonly metadata: ObjectMeta & { readonly generation?: number };
  readonly status?: { readonly observedGeneration?: number; readonly availableReplicas?: number };
}
