// Commit statuses over real connections, to servers that are as strict as GitHub and GitLab, and that fail.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { boundedFetch } from '../../../../../apps/agent/controller/commit-status/bounded-fetch.ts';
import { CommitStatusError } from '../../../../../apps/agent/controller/commit-status/errors.ts';
import {
  type PostOptions,
  postCommitStatus,
} from '../../../../../apps/agent/controller/commit-status/post-commit-status.ts';
import type { CommitStatus, StatusState } from '../../../../../apps/agent/controller/commit-status/status.ts';
import { statusContext, statusOfRun } from '../../../../../apps/agent/controller/commit-status/status.ts';
import { AddressPolicy } from '../../../../../apps/agent/git/address-policy.ts';
import type { StatusTarget } from '../../../../../lib/source/status-target.ts';
import { answering, type FakeApi, type Fault, fakeApi, TOKEN } from './fake-api.ts';

// On machines that do other things as well.
vi.setConfig({ testTimeout: 30_000 });

const COMMIT = '6d21f2ced8eef21a3c4d5e6f708192a3b4c5d6e7';
const github: StatusTarget = {
  provider: 'github',
  apiUrl: 'https://git.example.com/api/v3',
  repository: 'a/b.c',
};
const gitlab: StatusTarget = {
  provider: 'gitlab',
  apiUrl: 'https://git.example.com/api/v4',
  repository: 'g/sub/p',
};
const status = (changes: Partial<CommitStatus> = {}): CommitStatus => ({
  commit: COMMIT,
  context: statusContext('ci', 'build'),
  state: 'success',
  description: 'the build has passed',
  ...changes,
});
let api: FakeApi;
beforeEach(async () => {
  api = await fakeApi();
});
afterEach(() => api.close());

const post = (
  target: StatusTarget,
  changes: Partial<CommitStatus> = {},
  options: Partial<PostOptions> = {},
): Promise<void> =>
  postCommitStatus(target, status(changes), {
    token: TOKEN,
    signal: new AbortController().signal,
    pauseMs: 1,
    fetch: api.fetch,
    ...options,
  });
const failureOf = async (written: Promise<void>): Promise<CommitStatusError> => {
  const error = await written.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CommitStatusError);
  return error as CommitStatusError;
};

describe('what is written', () => {
  test('is what GitHub takes', async () => {
    await post({ ...github, targetUrl: 'https://ci.example.com/' });
    expect(api.taken).toEqual([
      {
        repository: 'a/b.c',
        commit: COMMIT,
        state: 'success',
        context: 'keelson/ci/build',
        description: 'the build has passed',
        target_url: 'https://ci.example.com/',
      },
    ]);
  });

  test('is what GitLab takes, with the whole path of the project', async () => {
    await post(gitlab, { targetUrl: 'https://ci.example.com/run' });
    expect(api.taken).toMatchObject([
      { repository: 'g/sub/p', state: 'success', target_url: 'https://ci.example.com/run' },
    ]);
    await post({ ...gitlab, repository: '123' });
    expect(api.taken[1]?.repository).toBe('123');
  });

  test.each<[StatusState, string, string]>([
    ['pending', 'pending', 'running'],
    ['success', 'success', 'success'],
    ['failure', 'failure', 'failed'],
    ['error', 'error', 'canceled'],
  ])('%s is %s to GitHub and %s to GitLab', async (state, atGitHub, atGitLab) => {
    await post(github, { state });
    await post(gitlab, { state });
    expect(api.taken.map((one) => one.state)).toEqual([atGitHub, atGitLab]);
  });

  test('is no error where GitLab has it already', async () => {
    await post(gitlab, { state: 'pending' });
    await post(gitlab, { state: 'pending', description: 'another' });
    expect(api.requests.count).toBe(2);
    expect(api.taken).toHaveLength(1);
  });

  test.each<[string, string, string]>([
    ['one line', 'a\r\nb\tc\u2028d', 'a b c d'],
    ['printable', 'a\u0000b\u001b[31mc\u202ed\ufeffe', 'a\ufffdb\ufffd[31mc\ufffdd e'],
    ['without characters of four bytes', 'done 🎉', 'done \ufffd'],
    ['without half a character', 'a\ud83db', 'a\ufffdb'],
    ['trimmed', '  a  ', 'a'],
    ['whatever it says', '"; rm -rf / #{{x}}<b>%s$(id)', '"; rm -rf / #{{x}}<b>%s$(id)'],
  ])('has a description that is %s', async (_what, given, taken) => {
    await post(github, { description: given });
    await post(gitlab, { description: given });
    expect(api.taken.map(({ description }) => description)).toEqual([taken, taken]);
  });

  test.each([
    'x'.repeat(139),
    'x'.repeat(140),
    'x'.repeat(141),
    'x'.repeat(256),
    'x'.repeat(1_000_000),
    'ü'.repeat(300),
    '🎉'.repeat(300),
    '名'.repeat(300),
  ])('has a description that is cut where it is too long (%#)', async (text) => {
    await post(github, { description: text });
    await post(gitlab, { description: text });
    const [first = '', second = ''] = api.taken.map(({ description }) => description);
    expect(first).toHaveLength(Math.min([...text].length, 140));
    expect(second).toHaveLength(Math.min([...text].length, 255));
    if (text.length > 300) expect(first.endsWith('…')).toBe(true);
  });
});

describe.each([
  ['GitHub', github],
  ['GitLab', gitlab],
])('what %s refuses', (_name, target) => {
  test.each<[number, string, RegExp]>([
    [400, 'refused', /400 .*it is so.*source\.statuses/],
    [401, 'unauthorized', /valid token into the Secret/],
    [403, 'forbidden', /let the token write commit statuses/],
    [404, 'not-found', /source\.statuses\.repository/],
    [422, 'refused', /it is so/],
    [200, 'refused', /200/],
    [204, 'refused', /204/],
  ])('with %i is told at once, with a remedy', async (code, failure, message) => {
    api.faults.push(answering(code));
    const error = await failureOf(post(target));
    expect(error.failure).toBe(failure);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(error.remedy);
    expect(api.requests.count).toBe(1);
  });

  test.each([301, 302, 303, 307, 308])(
    'by leading elsewhere with %i gets no second request',
    async (code) => {
      const seen: string[] = [];
      const elsewhere = createServer((request, response) => {
        seen.push(JSON.stringify(request.headers));
        response.writeHead(201).end('{}');
      });
      await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
      const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
      api.faults.push(answering(code, { location }));
      const error = await failureOf(post(target));
      elsewhere.close();
      expect(error.failure).toBe('redirected');
      expect(seen).toEqual([]);
      expect(api.requests.count).toBe(1);
    },
  );

  test('with a wrong token is told without it, though the server repeats it', async () => {
    const wrong = 'WRONG-CANARY-token';
    expect((await failureOf(post(target, {}, { token: wrong }))).failure).toBe('unauthorized');
    api.faults.push((request, response) => {
      const { authorization, 'private-token': shown } = request.headers;
      response.writeHead(401).end(JSON.stringify({ authorization, shown }));
    });
    const error = await failureOf(post(target, {}, { token: wrong }));
    expect(error.message).toContain('***');
    expect(`${error.message}${error.stack}${JSON.stringify(error)}`).not.toContain(wrong);
  });

  test('is shown on one line, and cut', async () => {
    api.faults.push(answering(404, {}, `a\n\u001b[31m\u202e${'x'.repeat(100_000)}`));
    const { message } = await failureOf(post(target));
    expect(message.length).toBeLessThan(500);
    expect(message).not.toMatch(/[\n\u001b\u202e]/);
  });
});

describe.each([
  ['GitHub', github],
  ['GitLab', gitlab],
])('what may pass at %s', (_name, target) => {
  const broken: readonly (readonly [string, Fault])[] = [
    ['500', answering(500)],
    ['502 with a page', answering(502, { 'content-type': 'text/html' }, '<html>')],
    ['503', answering(503, { 'retry-after': '0' })],
    ['429', answering(429, { 'retry-after': '0' })],
    ['403 with a time to wait', answering(403, { 'retry-after': '0' })],
    ['an end in place of an answer', (request) => request.socket.destroy()],
    [
      'half an answer',
      (_request, response) => {
        response.writeHead(500, { 'content-length': '100' });
        response.write('{');
        setTimeout(() => response.destroy(), 10);
      },
    ],
    ['an answer that is none', (request) => request.socket.end('SSH-2.0-x\r\n')],
    ['500 with a type that is none', answering(500, { 'content-type': ';;' })],
  ];

  test.each(broken)('is tried again: %s', async (_what, fault) => {
    api.faults.push(fault, fault);
    await post(target);
    expect(api.requests.count).toBe(3);
    expect(api.taken).toHaveLength(1);
  });

  test.each(broken)('is given up after four times: %s', async (_what, fault) => {
    api.faults.push(...Array.from({ length: 9 }, () => fault));
    const error = await failureOf(post(target));
    expect(error.transient).toBe(true);
    expect(api.requests.count).toBe(4);
  });

  test('is waited for as long as the API asks', async () => {
    api.faults.push(answering(429, { 'retry-after': '1' }));
    const started = Date.now();
    await post(target);
    expect(Date.now() - started).toBeGreaterThanOrEqual(990);
  });

  test.each<[string, Fault]>([
    ['an hour', answering(429, { 'retry-after': '3600' })],
    [
      'a reset in an hour',
      answering(403, {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(Math.round(Date.now() / 1000) + 3600),
      }),
    ],
  ])('is not waited for: %s', async (_what, fault) => {
    api.faults.push(fault);
    expect((await failureOf(post(target))).failure).toBe('rate-limited');
    expect(api.requests.count).toBe(1);
  });

  test('is a server that does not answer in time', async () => {
    api.faults.push(
      () => undefined,
      () => undefined,
    );
    await post(target, {}, { timeLimitMs: 1500 });
    expect(api.requests.count).toBe(3);
    api.faults.push(...Array.from({ length: 4 }, () => () => undefined));
    const error = await failureOf(post(target, {}, { timeLimitMs: 1500 }));
    expect(error.message).toContain('no answer within 1500 ms');
  });

  test('is an answer that comes byte by byte', async () => {
    api.faults.push((_request, response) => {
      response.writeHead(201);
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    });
    await post(target, {}, { timeLimitMs: 2000 });
    expect(api.requests.count).toBe(2);
  });

  test('is no answer of 100 MB, of which the beginning is enough', async () => {
    let sent = 0;
    api.faults.push((_request, response) => {
      response.writeHead(201);
      const more = (): void => {
        while (sent < 100 << 20 && !response.destroyed) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, 'x'))) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    await post(target);
    expect(api.requests.count).toBe(1);
    expect(sent).toBeLessThan(20 << 20);
  });

  test('ends when the program does, in a request and between two', async () => {
    const stop = new AbortController();
    api.faults.push(() => stop.abort());
    await expect(post(target, {}, { signal: stop.signal })).rejects.toThrow(/abort/i);
    const later = new AbortController();
    api.faults.push(answering(500));
    const written = post(target, {}, { signal: later.signal, pauseMs: 60_000 });
    setTimeout(() => later.abort(), 100);
    await expect(written).rejects.toThrow(/abort/i);
    expect(api.requests.count).toBe(2);
  });
});

test('an API that is not there is told', async () => {
  const { port } = await new Promise<AddressInfo>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address() as AddressInfo;
      server.close(() => resolve(address));
    });
  });
  const error = await failureOf(
    post(github, {}, { fetch: (_url, init) => fetch(`http://127.0.0.1:${port}/`, init) }),
  );
  expect(error).toMatchObject({ failure: 'unavailable' });
  expect(error.message).toContain('ECONNREFUSED');
});

describe('what is not sound is not sent', () => {
  test.each<[string, Partial<StatusTarget>, Partial<CommitStatus>]>([
    ['a commit that is none', {}, { commit: 'main' }],
    ['a short commit', {}, { commit: COMMIT.slice(0, 12) }],
    ['a commit that leads elsewhere', {}, { commit: `../${COMMIT.slice(3)}` }],
    ['a context of nothing', {}, { context: '' }],
    ['a context of 300 characters', {}, { context: 'x'.repeat(300) }],
    ['a context of two lines', {}, { context: 'a\nb' }],
    ['a link that runs a program', {}, { targetUrl: 'javascript:alert(1)' }],
    ['a link of 300 characters', {}, { targetUrl: `https://a/${'x'.repeat(300)}` }],
    ['a repository that leads elsewhere', { repository: '../..' }, {}],
    ['a repository with a query', { repository: 'a/b?c=d' }, {}],
    ['an API at the metadata of the node', { apiUrl: 'https://169.254.169.254/api' }, {}],
    ['an API at the metadata of the node, as a number', { apiUrl: 'http://2852039166' }, {}],
    ['an API on this machine', { apiUrl: 'http://localhost:8080' }, {}],
    ['the API of Kubernetes', { apiUrl: 'https://kubernetes.default.svc' }, {}],
    ['an API with a password', { apiUrl: 'https://a:CANARY@git.example.com' }, {}],
    ['an API that is a file', { apiUrl: 'file:///etc/passwd' }, {}],
  ])('%s', async (_what, target, changes) => {
    for (const sound of [github, gitlab]) {
      const error = await failureOf(post({ ...sound, ...target }, changes));
      expect(error.failure).toBe('invalid');
      expect(error.message).not.toContain('CANARY');
    }
    expect(api.requests.count).toBe(0);
  });

  test('an API by plain http, where the repository is not read by it', async () => {
    const target = { ...github, apiUrl: 'http://git.example.com/api/v3' };
    expect((await failureOf(post(target))).failure).toBe('invalid');
    expect(api.requests.count).toBe(0);
    const away: typeof fetch = async () => Promise.reject(new Error('away'));
    const tried = await failureOf(post(target, {}, { allowHttp: true, fetch: away }));
    expect(tried.failure).toBe('unavailable');
  });

  test.each(['127.0.0.1', '169.254.169.254', '10.96.0.1', 'localhost'])(
    'the address %s, whoever names it',
    async (host) => {
      const bounded = boundedFetch(new AddressPolicy({ deny: ['10.96.0.1'] }));
      await expect(bounded(`http://${host}:1/`, { method: 'POST', body: 'x' })).rejects.toThrow(
        /is an address of the machine itself/,
      );
    },
  );

  test.each(['', 'two words', 'CANARY\nx', 'CANARY\u00fc', `CANARY\r\nx-evil: 1`])(
    'the token %j, which is not shown either',
    async (token) => {
      const error = await failureOf(post(github, {}, { token }));
      expect(error.failure).toBe('unauthorized');
      expect(error.message).not.toContain('CANARY');
      expect(api.requests.count).toBe(0);
    },
  );
});

describe('what is said of a run', () => {
  const run = { id: 'a', pod: 'b', digest: 'sha256:c' };

  test.each([
    ['Starting', 'pending'],
    ['Running', 'pending'],
    ['Succeeded', 'success'],
    ['Failed', 'failure'],
    ['TimedOut', 'failure'],
    ['Lost', 'error'],
  ] as const)('%s is %s', (phase, state) => {
    expect(statusOfRun({ ...run, phase })?.state).toBe(state);
    expect(statusOfRun({ ...run, phase, message: 'so it is' })?.description).toBe('so it is');
  });

  test('Skipped is nothing: the commit has its status', () => {
    expect(statusOfRun({ ...run, phase: 'Skipped' })).toBeUndefined();
  });
});
