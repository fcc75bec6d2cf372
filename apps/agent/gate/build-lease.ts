import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from '../kubernetes/client.ts';
import { hold, holderOf, type Lease, type LeaseReference, letGo, readLease } from '../kubernetes/lease.ts';
import { LeaseObserver } from '../kubernetes/lease-observer.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { FIELD_MANAGER } from './field-manager.ts';

/** For how long the Lease holds good. It is renewed each time that the build is looked after. */
const SECONDS = 60;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 2_000;

/** The Lease of a build: whoever holds it is the pod that builds. */
export class BuildLease {
  readonly #client: Kubernetes;
  readonly #lease: LeaseReference;
  readonly #holder: string;
  readonly #observer = new LeaseObserver();
  #goodUntil = 0;

  /** @param holder the pod's UID */
  constructor(client: Kubernetes, lease: LeaseReference, holder: string) {
    this.#client = client;
    this.#lease = lease;
    this.#holder = holder;
  }

  /** Whether no other pod can have taken it since it was renewed. */
  get isGood(): boolean {
    return performance.now() < this.#goodUntil;
  }

  /** Waits until no other pod of the build holds it, and takes it. */
  async take(signal: AbortSignal): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; !(await this.tryTake()); ) {
      await sleep(pause, undefined, { signal });
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }

  /** Takes it, or renews it, where no other pod has it. */
  async tryTake(): Promise<boolean> {
    for (;;) {
      const askedAt = performance.now();
      const lease = await this.#read();
      const holder = holderOf(lease);
      if (holder !== undefined && holder !== this.#holder && !(await this.#isStale(lease, holder)))
        return false;
      if (await hold(this.#client, lease, this.#holder, SECONDS)) {
        this.#goodUntil = askedAt + SECONDS * 1000;
        return true;
      }
    }
  }

  /** Whether it is this pod's. */
  async isOwn(): Promise<boolean> {
    return holderOf(await this.#read()) === this.#holder;
  }

  /** Gives it up, where it is this pod's. */
  async giveUp(): Promise<void> {
    this.#goodUntil = 0;
    for (;;) {
      const lease = await this.#read();
      if (holderOf(lease) !== this.#holder || (await letGo(this.#client, lease))) return;
    }
  }

  /** A pod that is gone or has ended holds nothing. Nor does one that was not heard of for too long. */
  async #isStale(lease: Lease, holder: string): Promise<boolean> {
    if (this.#observer.isExpired(lease)) return true;
    const { namespace } = this.#lease;
    const { items } = await this.#client.list<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace });
    const pod = items.find(({ metadata }) => metadata.uid === holder);
    return pod === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  }

  #read(): Promise<Lease> {
    return readLease(this.#client, this.#lease, FIELD_MANAGER);
  }
}

interface Pod extends KubernetesObject {
  readonly status?: { readonly phase?: string };
}
