import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Notifications } from '../../../../../apps/agent/controller/webhooks/notifications.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('notifications', () => {
  test('are told at once, and those of the second after it together at its end', () => {
    const notify = vi.fn();
    const notifications = new Notifications(notify);
    notifications.push('a', { branch: 'main' });
    expect(notify.mock.calls).toEqual([['a', { branch: 'main' }]]);
    for (let n = 0; n < 100; n++) notifications.push('a', { branch: 'main' });
    vi.advanceTimersByTime(999);
    expect(notify).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(notify.mock.calls.slice(1)).toEqual([['a', { branch: 'main' }]]);
    vi.advanceTimersByTime(60_000);
    expect(notify).toHaveBeenCalledTimes(2);
  });

  test('of a sender that never stops are one a second', () => {
    const notify = vi.fn();
    const notifications = new Notifications(notify);
    for (let n = 0; n < 1000; n++) {
      notifications.push('a', {});
      vi.advanceTimersByTime(10);
    }
    expect(notify).toHaveBeenCalledTimes(11);
  });

  test('of several branches in a second have no branch', () => {
    const notify = vi.fn();
    const notifications = new Notifications(notify);
    for (const branch of ['a', 'b', 'c', 'c']) notifications.push('x', { branch });
    vi.advanceTimersByTime(1000);
    expect(notify.mock.calls).toEqual([
      ['x', { branch: 'a' }],
      ['x', {}],
    ]);
  });

  test('of one pipeline hold up no other', () => {
    const notify = vi.fn();
    const notifications = new Notifications(notify);
    for (const namespace of ['a', 'b', 'a', 'b']) notifications.push(namespace, {});
    expect(notify).toHaveBeenCalledTimes(2);
  });

  test('end with the receiver, and nothing is kept of pipelines that are quiet', () => {
    const notify = vi.fn();
    const notifications = new Notifications(notify);
    notifications.push('a', {});
    notifications.push('a', {});
    notifications.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(10_000);
    expect(notify).toHaveBeenCalledTimes(1);
    for (let n = 0; n < 1000; n++) notifications.push(`n${n}`, {});
    vi.advanceTimersByTime(1000);
    expect(vi.getTimerCount()).toBe(0);
  });
});
