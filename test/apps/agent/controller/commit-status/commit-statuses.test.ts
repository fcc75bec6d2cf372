// The queue of commit statuses, with a fake of what writes them and, once, with real requests.
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  CommitStatuses,
  type CommitStatusesOptions,
} from '../../../../../apps/agent/controller/commit-status/commit-statuses.ts';
import { CommitStatusError } from '../../../../../apps/agent/controller/commit-status/errors.ts';
import { postCommitStatus } from '../../../../../apps/agent/controller/commit-status/post-commit-status.ts';
import type { CommitStatus } from '../../../../../apps/agent/controller/commit-status/status.ts';
import { createLog } from '../../../../../apps/agent/observe/log.ts';
import type { StatusesConfiguration } from '../../../../../lib/agent/configuration.ts';
import { answering, fakeApi, TOKEN } from './fake-api.ts';

const target: StatusesConfiguration = {
  provider: 'github',
  apiUrl: 'https://git.example.com/api/v3',
  repository: 'a/b',
  token: { secretName: 'statuses', key: 'token' },
};
const commitOf = (n: number): string => n.toString(16).padStart(40, '0');
const status = (changes: Partial<CommitStatus> = {}): CommitStatus => ({
  commit: commitOf(1),
  context: 'keelson/ci/build',
  state: 'pending',
  description: 'the build runs',
  ...changes,
});

interface Call {
  readonly what: string;
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}
let calls: Call[];
let failed: [string, CommitStatusError][];
let lines: string[];
let metrics: Registry;
let stop: AbortController;
/** As many turns as it takes for everything that can go on to have gone on. */
const turns = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
};
const queue = (changes: Partial<CommitStatusesOptions> = {}): CommitStatuses =>
  new CommitStatuses({
    read: async () => `${TOKEN}\n`,
    failed: (namespace, error) => failed.push([namespace, error]),
    log: createLog('test', { write: (line) => lines.push(line) }),
    metrics,
    signal: stop.signal,
    fetch,
    post: (_target, { commit, context, state }, { token }) => {
      expect(token).toBe(TOKEN);
      return new Promise((done, fail) => {
        calls.push({
          what: `${Number.parseInt(commit, 16)} ${context.split('/').at(-1)} ${state}`,
          done,
          fail,
        });
      });
    },
    ...changes,
  });
const whats = (): string[] => calls.map(({ what }) => what);

beforeEach(() => {
  calls = [];
  failed = [];
  lines = [];
  metrics = new Registry();
  stop = new AbortController();
});
afterEach(() => stop.abort());

describe('statuses', { timeout: 30_000 }, () => {
  test('are written one at a time for a pipeline, in order, and at once for another', async () => {
    const statuses = queue();
    statuses.post('a', target, status());
    statuses.post('a', target, status({ context: 'keelson/a/image' }));
    statuses.post('b', target, status());
    expect(calls).toEqual([]);
    await turns();
    expect(whats()).toEqual(['1 build pending', '1 build pending']);
    calls[0]?.done();
    await turns();
    expect(whats().slice(2)).toEqual(['1 image pending']);
  });

  test('that wait give way to newer ones of the same commit and context', async () => {
    const statuses = queue();
    statuses.post('a', target, status());
    await turns();
    statuses.post('a', target, status({ commit: commitOf(2) }));
    statuses.post('a', target, status({ state: 'failure' }));
    statuses.post('a', target, status({ commit: commitOf(2), state: 'error' }));
    statuses.post('a', target, status({ commit: commitOf(2), state: 'success' }));
    for (let n = 0; n < 3; n++) {
      calls[n]?.done();
      await turns();
    }
    expect(whats()).toEqual(['1 build pending', '2 build success', '1 build failure']);
  });

  test('are not written twice in a row, be they written, being written or waiting', async () => {
    const statuses = queue();
    statuses.post('a', target, status());
    await turns();
    statuses.post('a', target, status());
    calls[0]?.done();
    await turns();
    for (let n = 0; n < 10; n++) statuses.post('a', target, status());
    await turns();
    expect(whats()).toEqual(['1 build pending']);
    statuses.post('a', target, status({ state: 'success' }));
    await turns();
    calls[1]?.done();
    statuses.post('a', target, status());
    await turns();
    expect(whats()).toEqual(['1 build pending', '1 build success', '1 build pending']);
  });

  test('of two pipelines of one repository are two', async () => {
    const statuses = queue();
    for (const namespace of ['a', 'b']) statuses.post(namespace, target, status());
    await turns();
    expect(calls).toHaveLength(2);
  });

  test('that failed are told, and left alone for ten minutes, however often they are posted', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const statuses = queue();
    statuses.post('a', target, status());
    await turns();
    calls[0]?.fail(new CommitStatusError('forbidden', 'it was not written'));
    await turns();
    expect(failed).toMatchObject([['a', { failure: 'forbidden' }]]);
    vi.setSystemTime(Date.now() + 599_000);
    statuses.post('a', target, status());
    await turns();
    expect(calls).toHaveLength(1);
    // Something else may be said.
    statuses.post('a', target, status({ state: 'success' }));
    await turns();
    expect(calls).toHaveLength(2);
    calls[1]?.fail(new CommitStatusError('rate-limited', 'it was not written', 3_600_000));
    await turns();
    vi.setSystemTime(Date.now() + 3_599_000);
    statuses.post('a', target, status({ state: 'success' }));
    await turns();
    expect(calls).toHaveLength(2);
    vi.setSystemTime(Date.now() + 2_000);
    statuses.post('a', target, status({ state: 'success' }));
    await turns();
    calls[2]?.done();
    await statuses.settled();
    const text = await metrics.metrics();
    expect(text).toContain('keelson_commit_statuses_total{result="failed"} 2');
    expect(text).toContain('keelson_commit_statuses_total{result="written"} 1');
  });

  test.each<[string, CommitStatusesOptions['read']]>([
    ['no Secret', async () => undefined],
    ['an empty token', async () => ' \n'],
  ])('without a token are told, and nothing is sent: %s', async (_what, read) => {
    const statuses = queue({ read });
    statuses.post('a', target, status());
    await statuses.settled();
    expect(calls).toEqual([]);
    expect(failed).toMatchObject([['a', { failure: 'unauthorized' }]]);
    expect(failed[0]?.[1].message).toContain('the Secret statuses has no key token');
  });

  test('go on after an error of the API server', async () => {
    let asked = 0;
    const statuses = queue({
      read: async () => {
        asked += 1;
        if (asked === 1) throw new Error('the API server is away');
        return TOKEN;
      },
    });
    statuses.post('a', target, status());
    await statuses.settled();
    statuses.post('a', target, status());
    await turns();
    expect(calls).toHaveLength(1);
    expect(failed).toEqual([]);
  });

  test('that wait are 100 at most, the newest', async () => {
    const statuses = queue();
    statuses.post('a', target, status());
    await turns();
    for (let n = 2; n < 2000; n++) statuses.post('a', target, status({ commit: commitOf(n) }));
    for (let n = 0; n < 200; n++) {
      calls[n]?.done();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await statuses.settled();
    expect(calls).toHaveLength(101);
    expect(whats()[1]).toBe('1900 build pending');
    expect(await metrics.metrics()).toContain('keelson_commit_statuses_total{result="dropped"} 1898');
  });

  test('are known until 5,000 others have been written', async () => {
    let written = 0;
    const statuses = queue({
      post: async () => {
        written += 1;
      },
    });
    const write = async (n: number): Promise<void> => {
      statuses.post('a', target, status({ commit: commitOf(n) }));
      await statuses.settled();
    };
    for (let n = 0; n < 5000; n++) await write(n);
    await write(0);
    expect(written).toBe(5000);
    await write(5000);
    await write(0);
    expect(written).toBe(5002);
  });

  test('end with the program', async () => {
    const statuses = queue();
    statuses.post('a', target, status());
    await turns();
    statuses.post('a', target, status({ commit: commitOf(2) }));
    stop.abort();
    calls[0]?.fail(new Error('aborted'));
    await statuses.settled();
    statuses.post('a', target, status({ commit: commitOf(3) }));
    await turns();
    expect(calls).toHaveLength(1);
    expect(failed).toEqual([]);
  });
});

test('over real connections, with an API that fails between, each commit ends with its last state', {
  timeout: 60_000,
}, async () => {
  const api = await fakeApi();
  const statuses = queue({
    post: (at, what, options) => postCommitStatus(at, what, { ...options, fetch: api.fetch, pauseMs: 1 }),
  });
  for (let n = 0; n < 40; n++) {
    // Never so many that a status is given up.
    api.faultsOf.set(commitOf(n), [answering(500), (request) => request.socket.destroy(), answering(429)]);
    for (const state of ['pending', 'failure', 'pending', 'success'] as const)
      statuses.post(`p${n % 4}`, target, status({ commit: commitOf(n), state, description: state }));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await statuses.settled();
  api.close();
  for (let n = 0; n < 40; n++) {
    const states = api.taken.filter(({ commit }) => commit === commitOf(n)).map(({ state }) => state);
    expect(states.at(-1), `commit ${n}`).toBe('success');
    expect(states.filter((state, index) => state === states[index - 1])).toEqual([]);
  }
  expect(failed).toEqual([]);
  expect(lines.join('')).not.toContain(TOKEN);
});
