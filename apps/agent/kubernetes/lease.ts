import type { Kubernetes } from './client.ts';
import { hasStatus, isConflict } from './errors.ts';
import type { KubernetesObject } from './object.ts';
import type { Reference } from './resources.ts';

/** A Lease: who holds it, and since when it was not renewed. */
export interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    /** RFC 3339 with six fractional digits. */
    readonly renewTime?: string;
    readonly acquireTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** Where a Lease is. */
export interface LeaseReference {
  readonly namespace: string;
  readonly name: string;
}

/** What Leases are in the API. */
export const LEASE_KIND = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' } as const;

function reference({ namespace, name }: LeaseReference): Reference {
  return { ...LEASE_KIND, namespace, name };
}

/** The Lease; one that is missing is made without a holder, by server-side apply, for which a right by name is enough. */
export async function readLease(
  client: Kubernetes,
  lease: LeaseReference,
  fieldManager: string,
): Promise<Lease> {
  const found = await client.get<Lease>(reference(lease));
  return found ?? client.apply<Lease>({ ...LEASE_KIND, metadata: { ...lease } }, { fieldManager });
}

/** Who holds the Lease, if anybody does. */
export function holderOf(lease: Lease | undefined): string | undefined {
  return lease?.spec?.holderIdentity || undefined;
}

/** Takes or renews the Lease as it was read. False where anybody else has changed it since. */
export async function hold(
  client: Kubernetes,
  lease: Lease,
  holder: string,
  seconds: number,
): Promise<boolean> {
  const now = microTime(Date.now());
  const renewal = holderOf(lease) === holder;
  return change(client, lease, {
    holderIdentity: holder,
    leaseDurationSeconds: seconds,
    renewTime: now,
    ...(!renewal && { acquireTime: now, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 }),
  });
}

/** Removes the holder from the Lease as it was read. False where anybody else has changed it since. */
export function letGo(client: Kubernetes, lease: Lease): Promise<boolean> {
  return change(client, lease, { holderIdentity: null, renewTime: null, acquireTime: null });
}

async function change(
  client: Kubernetes,
  { metadata }: Lease,
  spec: { holderIdentity: string | null; renewTime: string | null; [field: string]: unknown },
): Promise<boolean> {
  const { name, namespace = '', resourceVersion } = metadata;
  const where = reference({ name, namespace });
  try {
    await client.patch(where, { metadata: { resourceVersion }, spec });
    return true;
  } catch (error) {
    if (hasStatus(error, 404)) return false;
    if (!isConflict(error)) throw error;
    // Where an answer got lost, the change that is in the way may be this one.
    const now = (await client.get<Lease>(where))?.spec;
    return (
      (now?.holderIdentity || null) === spec.holderIdentity && (now?.renewTime ?? null) === spec.renewTime
    );
  }
}

/**
 * Kubernetes' MicroTime has six fractional digits, and no fewer.
 * @see https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/micro_time.go
 */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
