import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';
import type { Kubernetes } from './client.ts';
import { hold, holderOf, type Lease, type LeaseReference, letGo, readLease } from './lease.ts';

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

/**
 * Waits to be elected, and then leads until the Lease is lost or `signal` is aborted. The Lease is given up at the end,
 * so that the next leader need not wait.
 *
 * The time of another leader is measured by one's own clock, from when its Lease was last seen to change. Whoever loses
 * the Lease may act for a moment after another has it: all that leaders do is safe to be done twice.
 */
export async function leadWhenElected(
  client: Kubernetes,
  options: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { log, signal, seconds = 15 } = options;
  const pause = (milliseconds: number): Promise<unknown> =>
    sleep(milliseconds, undefined, { signal }).catch(() => undefined);
  let seen: { version: string | undefined; at: number } = { version: undefined, at: 0 };
  while (!signal.aborted) {
    try {
      const lease = await readLease(client, options.lease, options.fieldManager);
      const version = lease.metadata.resourceVersion;
      if (seen.version !== version) seen = { version, at: Date.now() };
      const holder = holderOf(lease);
      const free =
        holder === undefined || holder === options.identity || Date.now() - seen.at > seconds * 1000;
      if (free && (await hold(client, lease, options.identity, seconds))) {
        log.info({ identity: options.identity }, 'leads');
        await leadWhileHeld(client, options, lead);
        log.info({ identity: options.identity }, 'leads no more');
        continue;
      }
    } catch (error) {
      if (signal.aborted) return;
      log.warn({ error }, 'the election failed');
    }
    await pause(seconds * 100 + Math.random() * 500);
  }
}

async function leadWhileHeld(
  client: Kubernetes,
  { lease, identity, fieldManager, log, signal, seconds = 15 }: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  const leading = AbortSignal.any([signal, lost.signal]);
  const work = lead(leading).finally(() => lost.abort());
  let renewedAt = Date.now();
  while (!leading.aborted) {
    await sleep((seconds * 1000) / 5, undefined, { signal: leading }).catch(() => undefined);
    if (leading.aborted) break;
    const current = await readLease(client, lease, fieldManager).catch((error: unknown) => {
      log.warn({ error }, 'the Lease could not be read');
      return undefined;
    });
    if (current !== undefined) {
      if (holderOf(current) !== identity) break;
      const renewed = await hold(client, current, identity, seconds).catch(() => false);
      if (renewed) renewedAt = Date.now();
    }
    // Others may take it after `seconds`; by then this one must have stopped.
    if (Date.now() - renewedAt > seconds * 1000 * 0.8) break;
  }
  lost.abort();
  await work;
  await giveUp(client, lease, identity).catch((error: unknown) =>
    log.warn({ error }, 'the Lease was not given up'),
  );
}

async function giveUp(
  client: Kubernetes,
  { namespace, name }: LeaseReference,
  identity: string,
): Promise<void> {
  const current = await client.get<Lease>({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    namespace,
    name,
  });
  if (current !== undefined && holderOf(current) === identity) await letGo(client, current);
}
