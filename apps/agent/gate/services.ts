import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { Log } from '../observe/log.ts';
import { whyNotReady } from './readiness.ts';

const POLL_MS = 250;

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

  /** Starts them. */
  async start(): Promise<void> {
    await Promise.all(this.#services.map((service) => this.#client.scale(this.#reference(service), 1)));
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
        this.#client.scale(this.#reference(service), 0).catch((error: unknown) => {
          if (!hasStatus(error, 404)) throw error;
        }),
      ),
    );
  }

  async #waitFor(
    { name, readiness }: ServiceConfiguration,
    deadline: number,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const startedAt = Date.now();
    for (;;) {
      signal.throwIfAborted();
      const problem = await whyNotReady(readiness);
      if (problem === undefined) {
        this.#log.info({ service: name, milliseconds: Date.now() - startedAt }, 'the service answers');
        return undefined;
      }
      if (Date.now() > deadline) return `${name} does not answer: ${problem}`;
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  #reference({ deployment }: ServiceConfiguration): {
    apiVersion: string;
    kind: string;
    namespace: string;
    name: string;
  } {
    return { apiVersion: 'apps/v1', kind: 'Deployment', namespace: this.#namespace, name: deployment };
  }
}
