import { describe, expect, test } from 'vitest';
import { createLog } from '../../../../apps/agent/observe/log.ts';
import { boundedFetch } from '../../../../apps/agent/release/bounded-fetch.ts';
import { GitHubError } from '../../../../apps/agent/release/github-error.ts';
import { persist } from '../../../../apps/agent/release/persist.ts';
import { FakeGitHub, type Fault } from './fake-github.ts';
import { COMMIT, OTHER, Outputs, published, run } from './release-run.ts';

const FILES = { runner: 'binary' };
const WHOLE = { 'build.log': 'the log\n', runner: 'binary' };

describe('a limit of requests', () => {
  test.each<[string, Fault]>([
    [
      'a secondary one',
      { answer: 403, message: 'You have exceeded a secondary rate limit', headers: { 'retry-after': '1' } },
    ],
    ['429', { answer: 429, headers: { 'retry-after': '1' } }],
    [
      'of an hour that is about to end',
      {
        answer: 403,
        headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(Math.floor(Date.now() / 1000)) },
      },
    ],
  ])('is waited for: %s', async (_name, fault) => {
    const github = await FakeGitHub.start();
    let last = 0;
    const pauses: number[] = [];
    github.fault = ({ method, index }) => {
      pauses.push(Date.now() - last);
      last = Date.now();
      return method === 'POST' && index < 8 ? fault : undefined;
    };
    expect((await run(github, new Outputs(FILES))).code).toBe(0);
    expect(published(github)).toEqual(WHOLE);
    expect(Math.max(...pauses.slice(1))).toBeGreaterThanOrEqual(990);
  });

  test('that ends in two hours is not waited for', async () => {
    const github = await FakeGitHub.start();
    const reset = String(Math.floor(Date.now() / 1000) + 7200);
    github.fault = () => ({
      answer: 403,
      headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
    });
    expect((await run(github, new Outputs(FILES))).error).toContain('GitHub answered 403');
    expect(github.seen).toHaveLength(1);
  });
});

describe('what doesn’t pass is not tried again', () => {
  test.each<[number, string]>([
    [401, 'give a token that holds good'],
    [403, "give a token that may write the repository's contents"],
    [404, "check the repository's name"],
    [422, 'check that the commit is on GitHub'],
    [400, 'GitHub answered 400'],
    [301, 'the repository has moved: give its new name'],
  ])('%i when the draft is made', async (answer, remedy) => {
    const github = await FakeGitHub.start();
    github.fault = ({ method }) =>
      method === 'POST' ? { answer, message: 'it says canary-token here' } : undefined;
    const { error, terminationMessage } = await run(github, new Outputs(FILES));
    expect(error).toContain(remedy);
    expect(error).toContain(`POST /repos/team/project/releases: GitHub answered ${answer}`);
    expect(terminationMessage).toContain(`GitHub answered ${answer}`);
    expect(github.seen.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  test('a commit that GitHub doesn’t have: the draft is left for the next try, which publishes it', async () => {
    const github = await FakeGitHub.start();
    github.releases.commits = new Set([OTHER]);
    const outputs = new Outputs(FILES);
    expect((await run(github, outputs)).error).toContain('check that the commit is on GitHub');
    expect(github.releases.releases).toMatchObject([{ draft: true }]);
    github.releases.commits.add(COMMIT);
    const uploads = github.seen.length;
    expect((await run(github, outputs)).code).toBe(0);
    expect(published(github)).toEqual(WHOLE);
    expect(github.seen.slice(uploads).some(({ method }) => method === 'POST')).toBe(false);
  });
});

test('a server that always fails is left after nine tries', async () => {
  const github = await FakeGitHub.start();
  github.fault = () => ({ answer: 500 });
  expect((await run(github, new Outputs(FILES))).error).toContain('GitHub answered 500');
  expect(github.seen).toHaveLength(9);
});

test('a server that is not there is left with its name', async () => {
  const { error } = await run(await FakeGitHub.start(), new Outputs(FILES), {
    configuration: { apiUrl: 'http://127.0.0.1:1' },
  });
  expect(error).toContain('no answer of GitHub: connect ECONNREFUSED 127.0.0.1:1');
});

describe('failures that may pass', () => {
  const log = createLog('release', { write: () => {} });
  const { signal } = new AbortController();
  const pauses = { first: 1, most: 2 };
  const failure = (): never => {
    throw new GitHubError('a fault', true);
  };

  test('are gone on after as long as something is done in between', async () => {
    let done = 0;
    const advance = async (): Promise<string> => (++done < 30 ? failure() : 'made');
    expect(await persist({ advance, progress: () => done }, log, signal, pauses)).toBe('made');
  });

  test('are too many after the ninth in which nothing is done', async () => {
    let tries = 0;
    const advance = async (): Promise<string> => (++tries < 30 ? failure() : 'made');
    await expect(persist({ advance, progress: () => 0 }, log, signal, pauses)).rejects.toThrow('a fault');
    expect(tries).toBe(9);
  });
});

test('of an answer no more than is allowed is read', async () => {
  const github = await FakeGitHub.start();
  github.fault = () => ({ answer: 200, message: 'x'.repeat(100_000) });
  const headers = { authorization: 'token canary-token' };
  const fetch = (maxBytes: number): Promise<Response> =>
    boundedFetch({ idleMs: 1000, maxBytes, signal: new AbortController().signal })(github.apiUrl, {
      method: 'GET',
      headers,
    });
  await expect(fetch(10_000)).rejects.toThrow('larger than the 10000 bytes');
  expect((await fetch(200_000)).status).toBe(200);
});
