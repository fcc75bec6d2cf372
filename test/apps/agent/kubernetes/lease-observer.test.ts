import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Lease } from '../../../../apps/agent/kubernetes/lease.ts';
import { LeaseObserver } from '../../../../apps/agent/kubernetes/lease-observer.ts';

const lease = (resourceVersion: string, name = 'build'): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name, namespace: 'ci', resourceVersion },
  // Of a machine whose clock is wrong by years.
  spec: { holderIdentity: 'pod', leaseDurationSeconds: 60, renewTime: '2001-01-01T00:00:00.000000Z' },
});

describe('a Lease', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  test('has expired when it was seen unchanged for longer than it holds good, whatever time stands in it', () => {
    const observer = new LeaseObserver();
    expect(observer.isExpired(lease('1'))).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(observer.isExpired(lease('1'))).toBe(false);
    vi.advanceTimersByTime(1);
    expect(observer.isExpired(lease('1'))).toBe(true);
    expect(observer.isExpired(lease('1', 'another'))).toBe(false);
  });

  test('that is renewed now and then never has', () => {
    const observer = new LeaseObserver();
    for (let version = 1; version < 10; version++) {
      expect(observer.isExpired(lease(String(version)))).toBe(false);
      vi.advanceTimersByTime(50_000);
      expect(observer.isExpired(lease(String(version)))).toBe(false);
    }
  });
});
