import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { FakeGitHub } from './fake-github.ts';
import { OTHER, Outputs, published, run } from './release-run.ts';

const FILES = { runner: Buffer.alloc(300_000, 'r'), tool: Buffer.alloc(100_000, 't') };
const WHOLE = {
  'build.log': 'the log\n',
  runner: FILES.runner.toString('latin1'),
  tool: FILES.tool.toString('latin1'),
};

test('a list of releases that lags behind makes no second release', async () => {
  const github = await FakeGitHub.start();
  const { releases } = github.releases;
  const answer = github.releases.answer.bind(github.releases);
  github.releases.answer = (method, path, query, body, base) => {
    if (method === 'GET' && path.endsWith('/releases')) return [];
    if (method === 'GET' && path.includes('/releases/tags/'))
      return answer(method, `${path}-not-yet`, query, body, base);
    return answer(method, path, query, body, base);
  };
  expect((await run(github, new Outputs(FILES))).code).toBe(0);
  expect(releases).toHaveLength(1);
  expect(published(github)).toEqual(WHOLE);
});

test('a tag that somebody makes for another commit during the upload is left alone, and the draft goes', async () => {
  const github = await FakeGitHub.start();
  github.fault = ({ path, method }) => {
    if (method === 'POST' && path.endsWith('/assets'))
      github.releases.tags.set('v1.2.3', { type: 'commit', sha: OTHER });
    return undefined;
  };
  const { code, terminationMessage } = await run(github, new Outputs(FILES));
  expect(code).toBe(0);
  expect(terminationMessage).toContain('left alone');
  expect(github.releases.releases).toEqual([]);
});

test('two programs at once make one release', async () => {
  for (let round = 0; round < 10; round += 1) {
    const github = await FakeGitHub.start();
    github.delay = () => Math.random() * 4;
    const outputs = new Outputs(FILES);
    const codes = (await Promise.all([run(github, outputs), run(github, outputs)])).map(({ code }) => code);
    // One may give up; its Job tries again.
    if (codes.includes(undefined)) await run(github, outputs);
    expect(codes).toContain(0);
    expect(published(github)).toEqual(WHOLE);
  }
}, 60_000);

test('a server that says what it has not kept is left', async () => {
  const github = await FakeGitHub.start();
  const answer = github.releases.answer.bind(github.releases);
  github.releases.answer = (method, path, query, body, base) => {
    if (method === 'GET' && path.endsWith('/assets')) github.releases.releases[0]?.assets.splice(0);
    return answer(method, path, query, body, base);
  };
  const { error } = await run(github, new Outputs(FILES));
  expect(error).toContain('GitHub does not keep what it is given');
});

test('assets are sent to no other host, whatever the server says', async () => {
  const received: unknown[] = [];
  const other = createServer((request, response) => {
    received.push(request.headers);
    response.end();
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  const github = await FakeGitHub.start();
  const answer = github.releases.answer.bind(github.releases);
  const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  github.releases.answer = (method, path, query, body) => answer(method, path, query, body, elsewhere);
  const { error } = await run(github, new Outputs(FILES));
  expect(error).toContain('where the token is not sent');
  expect(received).toEqual([]);
});

test('a program that is told to stop while GitHub doesn’t answer ends at once', async () => {
  const github = await FakeGitHub.start();
  github.fault = ({ method }) => (method === 'POST' ? { hang: true } : undefined);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 200);
  const started = Date.now();
  const { code, error } = await run(github, new Outputs(FILES), { signal: stop.signal, idleMs: 30_000 });
  expect([code, error]).toEqual([undefined, expect.stringContaining('AbortError')]);
  expect(Date.now() - started).toBeLessThan(2000);
});
