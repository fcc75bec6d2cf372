import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';
import type { Kubernetes } from './client.ts';
import { hold, holderOf, LEASE_KIND, type Lease, type LeaseReference, letGo, readLease } from './lease.ts';
import { LeaseObserver } from './lease-observer.ts';

/** How a leader is elected. */
export interface ElectionOptions {
  readonly lease: LeaseReference;
  /** This replica, such as its pod's name. */
  readonly identity: string;
  readonly fieldManager: string;
  readonly log: Log;
  /** Ends candidacy and leadership. */
  readonly signal: AbortSignal;
  /** For how long a leader that is not heard of is waited for, in seconds. */
  readonly seconds?: number;
}

const SECONDS = 15;
/** Nobody waits longer for the Lease to be given up at the end. */
const GIVE_UP_MS = 5_000;

/**
 * Waits to be elected, and then leads until the Lease is lost or `signal` is aborted; time and again until `signal` is
 * aborted. The Lease is given up at the end, so that the next leader need not wait. An error of `lead` ends it.
 *
 * The time of another leader is measured by one's own clock, from when its Lease was last seen to change. Whoever loses
 * the Lease may act for a moment after another has it: all that leaders do is safe to be done twice.
 */
export async function leadWhenElected(
  client: Kubernetes,
  options: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { identity, log, signal, seconds = SECONDS } = options;
  const candidate = new Candidate(client.until(signal), options);
  while (!signal.aborted) {
    const heldSince = await candidate.take().catch((error: unknown) => {
      if (!signal.aborted) log.warn({ error }, 'the election failed');
      return undefined;
    });
    if (heldSince !== undefined) {
      log.info({ identity }, 'leads');
      await leadWhileHeld(client, options, heldSince, lead);
      log.info({ identity }, 'leads no more');
    }
    await pause(seconds * 100 + Math.random() * 500, signal);
  }
}

/** Looks at the Lease from time to time. */
class Candidate {
  readonly #client: Kubernetes;
  readonly #options: ElectionOptions;
  readonly #observer = new LeaseObserver();

  constructor(client: Kubernetes, options: ElectionOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Takes the Lease where it is free, and says since when it is held. */
  async take(): Promise<number | undefined> {
    const { identity, seconds = SECONDS } = this.#options;
    const now = performance.now();
    const lease = await readLease(this.#client, this.#options.lease, this.#options.fieldManager);
    const isExpired = this.#observer.isExpired(lease);
    const holder = holderOf(lease);
    const free = holder === undefined || holder === identity || isExpired;
    return free && (await hold(this.#client, lease, identity, seconds)) ? now : undefined;
  }
}

async function leadWhileHeld(
  client: Kubernetes,
  options: ElectionOptions,
  heldSince: number,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { seconds = SECONDS } = options;
  const lost = new AbortController();
  const leading = AbortSignal.any([options.signal, lost.signal]);
  let deadline: NodeJS.Timeout | undefined;
  // Others may take the Lease after `seconds`; by then this one must have stopped.
  const heldFrom = (time: number): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => lost.abort(), time + seconds * 800 - performance.now());
  };
  heldFrom(heldSince);
  const renewing = renew(client, options, leading, heldFrom).finally(() => lost.abort());
  try {
    await lead(leading);
  } finally {
    lost.abort();
    clearTimeout(deadline);
    await renewing;
    await giveUp(client.until(AbortSignal.timeout(GIVE_UP_MS)), options).catch((error: unknown) =>
      options.log.warn({ error }, 'the Lease was not given up'),
    );
  }
}

/** Renews the Lease until it is another's. */
async function renew(
  client: Kubernetes,
  { lease, identity, fieldManager, log, seconds = SECONDS }: ElectionOptions,
  leading: AbortSignal,
  heldFrom: (time: number) => void,
): Promise<void> {
  for (;;) {
    await pause(seconds * 200, leading);
    if (leading.aborted) return;
    const now = performance.now();
    try {
      // A renewal that hangs must leave time for another.
      const renewed = await within(seconds * 250, leading, async (signal) => {
        const bound = client.until(signal);
        const current = await readLease(bound, lease, fieldManager);
        return holderOf(current) === identity ? hold(bound, current, identity, seconds) : 'lost';
      });
      if (renewed === 'lost') return;
      if (renewed) heldFrom(now);
    } catch (error) {
      if (!leading.aborted) log.warn({ error }, 'the Lease was not renewed');
    }
  }
}

/** Work that is told to end after some time, and with `signal`. AbortSignal.any would keep each of its signals in memory. */
async function within<T>(
  milliseconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const end = (): void => own.abort();
  const timer = setTimeout(end, milliseconds);
  signal.addEventListener('abort', end);
  try {
    return await work(own.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

async function giveUp(client: Kubernetes, { lease, identity }: ElectionOptions): Promise<void> {
  const current = await client.get<Lease>({ ...LEASE_KIND, ...lease });
  if (current !== undefined && holderOf(current) === identity) await letGo(client, current);
}

function pause(milliseconds: number, signal: AbortSignal): Promise<unknown> {
  return sleep(milliseconds, undefined, { signal }).catch(() => undefined);
}
