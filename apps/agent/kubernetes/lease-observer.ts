import type { Lease } from './lease.ts';

/**
 * Since when Leases are as they are, measured by one's own clock, as client-go's leader election does: that of another
 * machine may be wrong.
 */
export class LeaseObserver {
  readonly #seen = new Map<string, { readonly version: string | undefined; readonly at: number }>();

  /** Whether a Lease has not been renewed for longer than it holds good. Never, where it is seen for the first time. */
  isExpired({ metadata, spec }: Lease): boolean {
    const { namespace, name, resourceVersion: version } = metadata;
    const key = `${namespace}/${name}`;
    const now = performance.now();
    const seen = this.#seen.get(key);
    if (seen?.version === version) return now - (seen?.at ?? now) > (spec?.leaseDurationSeconds ?? 0) * 1000;
    this.#seen.set(key, { version, at: now });
    return false;
  }
}
