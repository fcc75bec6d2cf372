import { setTimeout as sleep } from 'node:timers/promises';
import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hasStatus, KubernetesError } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { Log } from '../observe/log.ts';

const POLICY = 'keel.sh/policy';
const NEVER = 'never';

/** Keel writes its old copy of a Deployment within moments of reading it, and looks again after at most a minute. */
const CHECKS_MS = [2_000, 3_000, 5_000, 10_000, 40_000];
const LATER_MS = 60_000;

/**
 * Holds Keel back from a Deployment: an annotation over the policy in its labels. It is removed again, and no policy is
 * ever written, because Keel takes policy and matchTag from one map only.
 */
export class KeelHold {
  readonly #client: Kubernetes;
  readonly #deployment: { readonly namespace: string; readonly name: string };
  readonly #log: Log;

  constructor(
    client: Kubernetes,
    deployment: { readonly namespace: string; readonly name: string },
    log: Log,
  ) {
    this.#client = client;
    this.#deployment = deployment;
    this.#log = log;
  }

  /** The annotations of the Deployment. */
  async annotations(): Promise<Readonly<Record<string, string>>> {
    return (await this.#read()).metadata.annotations ?? {};
  }

  /** Holds Keel back, and asks for the next listener where the build hands over. */
  async hold(handOver?: string): Promise<void> {
    await this.#annotate({
      [POLICY]: NEVER,
      ...(handOver !== undefined && { [KeelsonAnnotations.HAND_OVER]: handOver }),
    });
  }

  /**
   * Looks until `signal` is aborted whether the hold is still there. Where no admission policy keeps Keel from it, Keel
   * may erase one that was made between its reading and its writing.
   */
  async keep(signal: AbortSignal): Promise<void> {
    for (let check = 0; !signal.aborted; check++) {
      await sleep(CHECKS_MS[check] ?? LATER_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        if ((await this.annotations())[POLICY] === NEVER) continue;
        this.#log.warn('the hold was erased, and is made again');
        await this.hold();
        check = 0;
      } catch (error) {
        this.#log.warn({ error }, 'the hold could not be looked at');
      }
    }
  }

  /** Lets Keel go again. A policy that is not the gate's stays. */
  async release(): Promise<void> {
    for (let tries = 0; tries < 10; tries++) {
      const { metadata } = await this.#read();
      if (metadata.annotations?.[POLICY] !== NEVER) return;
      try {
        await this.#annotate({ [POLICY]: null }, metadata.resourceVersion);
        return;
      } catch (error) {
        if (!hasStatus(error, 409)) throw error;
      }
    }
  }

  async #annotate(
    annotations: Readonly<Record<string, string | null>>,
    resourceVersion?: string,
  ): Promise<void> {
    const metadata = { annotations, ...(resourceVersion !== undefined && { resourceVersion }) };
    await this.#client.patch(this.#reference(), { metadata });
  }

  async #read(): Promise<KubernetesObject> {
    const found = await this.#client.get(this.#reference());
    if (found !== undefined) return found;
    const { namespace, name } = this.#deployment;
    throw new KubernetesError(`the Deployment ${namespace}/${name}`, {
      status: 404,
      body: { message: 'is gone' },
    });
  }

  #reference(): { apiVersion: string; kind: string; namespace: string; name: string } {
    return { apiVersion: 'apps/v1', kind: 'Deployment', ...this.#deployment };
  }
}
