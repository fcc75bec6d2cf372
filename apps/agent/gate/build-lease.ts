import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from '../kubernetes/client.ts';
import {
  hold,
  holderOf,
  isExpired,
  type Lease,
  type LeaseReference,
  letGo,
  readLease,
} from '../kubernetes/lease.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { FIELD_MANAGER } from './field-manager.ts';

/** For how long the Lease holds good, and how often it is renewed. */
const SECONDS = 60;
const RENEWAL_MS = 10_000;

/** The Lease of a build: whoever holds it is the pod that builds. */
export class BuildLease {
  readonly #client: Kubernetes;
  readonly #lease: LeaseReference;
  readonly #holder: string;

  /** @param holder the pod's UID */
  constructor(client: Kubernetes, lease: LeaseReference, holder: string) {
    this.#client = client;
    this.#lease = lease;
    this.#holder = holder;
  }

  /** Waits until no other pod of the build holds it, and takes it. */
  async take(signal: AbortSignal): Promise<void> {
    while (!(await this.tryTake())) await sleep(500, undefined, { signal });
  }

  /** Takes it, or renews it, where no other pod has it. */
  async tryTake(): Promise<boolean> {
    const lease = await readLease(this.#client, this.#lease, FIELD_MANAGER);
    const holder = holderOf(lease);
    const free = holder === undefined || holder === this.#holder || (await this.#isStale(lease, holder));
    return free && hold(this.#client, lease, this.#holder, SECONDS);
  }

  /** Renews it until `signal` is aborted. Where another had taken it for lost, `lost` is asked what to do. */
  async keep(signal: AbortSignal, lost: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await sleep(RENEWAL_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const lease = await readLease(this.#client, this.#lease, FIELD_MANAGER).catch(() => undefined);
      if (lease === undefined) continue;
      const before = holderOf(lease);
      const mine = await (before === this.#holder
        ? hold(this.#client, lease, this.#holder, SECONDS)
        : this.tryTake()
      ).catch(() => false);
      if (mine && before !== this.#holder) await lost();
    }
  }

  /** Gives it up, where it is this pod's. */
  async giveUp(): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      const lease = await readLease(this.#client, this.#lease, FIELD_MANAGER);
      if (holderOf(lease) !== this.#holder || (await letGo(this.#client, lease))) return;
    }
  }

  /** A pod that is gone or has ended holds nothing; nor does one that was not heard of for too long. */
  async #isStale(lease: Lease, holder: string): Promise<boolean> {
    if (isExpired(lease)) return true;
    const { namespace } = this.#lease;
    const { items } = await this.#client.list<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace });
    const pod = items.find(({ metadata }) => metadata.uid === holder);
    return pod === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  }
}

interface Pod extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}
