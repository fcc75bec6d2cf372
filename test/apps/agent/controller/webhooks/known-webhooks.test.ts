import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { KnownWebhooks } from '../../../../../apps/agent/controller/webhooks/known-webhooks.ts';
import { createLog } from '../../../../../apps/agent/observe/log.ts';
import type { SourceConfiguration } from '../../../../../lib/agent/configuration.ts';

const URL = 'https://git.example.com/a/b.git';
const source = (secretName?: string): SourceConfiguration => ({
  url: URL,
  branches: ['main'],
  pollSeconds: 60,
  version: { from: 'git-tag' },
  submodules: false,
  lfs: false,
  ...(secretName !== undefined && { webhook: { secret: { secretName, key: 'k' } } }),
});
const log = createLog('test', { write: () => undefined });
const immediately = (): Promise<void> => vi.advanceTimersByTimeAsync(1).then(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a webhook is known with the secret that its pipeline names', async () => {
  const read = vi.fn(async () => 'one');
  const known = new KnownWebhooks({ read, log });
  await known.set('ci', source('hook'));
  expect(await known.find('ci')).toEqual({ secret: 'one', url: URL });
  expect(read.mock.calls).toEqual([['ci', { secretName: 'hook', key: 'k' }]]);
  expect(await known.find('other')).toBeUndefined();
});

test('it is forgotten with its pipeline, or when it is taken out of it', async () => {
  const known = new KnownWebhooks({ read: async () => 'one', log });
  await known.set('a', source('hook'));
  await known.set('b', source('hook'));
  await known.set('c', source('hook'));
  known.delete('a');
  await known.set('b', source());
  await known.set('c', undefined);
  for (const namespace of ['a', 'b', 'c']) expect(await known.find(namespace)).toBeUndefined();
});

test('a changed secret is read at a delivery, after the answer and at most once a minute', async () => {
  let value = 'old';
  const read = vi.fn(async () => value);
  const known = new KnownWebhooks({ read, log });
  await known.set('ci', source('hook'));
  value = 'new';
  for (let n = 0; n < 100; n++) await known.find('ci');
  await immediately();
  expect(read).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(60_000);
  for (let n = 0; n < 100; n++) expect((await known.find('ci'))?.secret).toBe('old');
  await immediately();
  expect(read).toHaveBeenCalledTimes(2);
  expect((await known.find('ci'))?.secret).toBe('new');
});

test('what stands no more in the Secret is not let in', async () => {
  const read = vi.fn(async (): Promise<string | undefined> => 'one');
  const known = new KnownWebhooks({ read, log });
  await known.set('ci', source('hook'));
  for (const gone of [undefined, '', '\n']) {
    read.mockResolvedValueOnce(gone);
    await known.set('ci', source('hook'));
    expect(await known.find('ci')).toBeUndefined();
  }
});

test('the secret of another Secret is never taken for the new one', async () => {
  const known = new KnownWebhooks({
    read: async (_namespace, { secretName }) => {
      if (secretName === 'two') throw new Error('away');
      return 'one';
    },
    log,
  });
  await known.set('ci', source('one'));
  await known.set('ci', source('two'));
  expect(await known.find('ci')).toBeUndefined();
});

test('while the API server is away the last secret counts', async () => {
  const read = vi.fn(async () => 'one');
  const known = new KnownWebhooks({ read, log });
  await known.set('ci', source('hook'));
  read.mockRejectedValue(new Error('away'));
  await known.set('ci', source('hook'));
  expect((await known.find('ci'))?.secret).toBe('one');
});

test('a line break at the end of a file is no part of the secret', async () => {
  const known = new KnownWebhooks({ read: async () => 'a b\r\n', log });
  await known.set('ci', source('hook'));
  expect((await known.find('ci'))?.secret).toBe('a b');
});
