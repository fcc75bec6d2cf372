import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { lookUpHeads } from '../../../../apps/agent/git/heads.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';
import type { Repository } from '../../../../apps/agent/git/repository.ts';
import { versionAt } from '../../../../apps/agent/git/version.ts';
import { TestRepository } from '../../../support/git-repository.ts';
import { missingForSshd, type Sshd, startSshd } from './sshd.ts';

// git is started many times, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const http = new GitHttp({ addresses: new AddressPolicy({ allow: ['127.0.0.1'] }) });

/** Where temporary files of the code under test are, and of nothing else. */
const temporary = mkdtempSync(join(tmpdir(), 'refs-ssh-'));
const leftovers = (): string[] => readdirSync(temporary);
beforeAll(() => void vi.stubEnv('TMPDIR', temporary));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true });
});

describe.skipIf(missingForSshd !== '')(`by a real sshd${missingForSshd}`, () => {
  let sshd: Sshd;
  let root: string;
  let repository: TestRepository;
  let main: string;
  const at = (name: string, credential: Partial<Repository['credential']> = {}): Repository => ({
    url: `ssh://${sshd.user}@127.0.0.1:${sshd.port}${join(root, name)}`,
    credential: {
      kind: 'ssh',
      privateKey: sshd.privateKey,
      knownHosts: sshd.knownHosts,
      ...credential,
    } as NonNullable<Repository['credential']>,
  });

  beforeAll(async () => {
    root = mkdtempSync('/tmp/ssh-test-');
    repository = new TestRepository(root, "it's a $(touch x)");
    main = await repository.commit('main', { 'README.md': '<repo-version>1.2.3</repo-version>' });
    sshd = await startSshd('/tmp');
  });
  afterAll(async () => {
    sshd.close();
    await repository.close();
    rmSync(root, { recursive: true, force: true });
  });
  afterEach(() => expect(leftovers()).toEqual([]));

  const NAME = "it's%20a%20$(touch%20x).git";

  test('heads are those of the branches that are asked for', async () => {
    await repository.commit('main-2', { a: '1' });
    await repository.setRef('refs/tags/main', main);
    expect(await lookUpHeads(at(NAME), ['main', 'absent'], { http })).toEqual(new Map([['main', main]]));
  });

  test('the version comes from a file, and from an annotated tag', async () => {
    const commit = { repository: at(NAME), branch: 'main', commit: main };
    expect(await versionAt({ from: 'file', path: 'README.md' }, commit, { http })).toBe('1.2.3');
    await repository.tag('v2.0.0', main, { annotated: true });
    expect(await versionAt({ from: 'git-tag' }, commit, { http })).toBe('2.0.0');
  });

  test('a key without a line break at its end, or with carriage returns, is read all the same', async () => {
    for (const privateKey of [sshd.privateKey.trimEnd(), sshd.privateKey.replaceAll('\n', '\r\n')]) {
      expect((await lookUpHeads(at(NAME, { privateKey }), ['main'], { http })).get('main')).toBe(main);
    }
  });

  test('a server with another key than the known one gets no answer', async () => {
    for (const knownHosts of [sshd.wrongKnownHosts, 'example.com ssh-ed25519 AAAA', '']) {
      await expect(lookUpHeads(at(NAME, { knownHosts }), ['main'], { http })).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('Host key verification failed'),
      });
    }
  });

  test('a key that the server does not know is told so, without it', async () => {
    const error: unknown = await lookUpHeads(at(NAME, { privateKey: sshd.otherKey }), ['main'], {
      http,
    }).catch((e) => e);
    expect(error).toMatchObject({ kind: 'unauthorized' });
    expect(String(error)).not.toContain('PRIVATE KEY');
  });

  test('a repository that is not there is an error of its own kind', async () => {
    await expect(lookUpHeads(at('none.git'), ['main'], { http })).rejects.toMatchObject({
      kind: 'not-found',
    });
  });

  test('a sha256 repository and an empty one are read', async () => {
    const modern = new TestRepository(root, 'modern', { objectFormat: 'sha256' });
    expect(await lookUpHeads(at('modern.git'), ['main'], { http })).toEqual(new Map());
    const head = await modern.commit('main', { a: '1' });
    await modern.close();
    expect(await lookUpHeads(at('modern.git'), ['main'], { http })).toEqual(new Map([['main', head]]));
  });
});

test('ssh without a key and known hosts is refused, and so is ssh to where nothing may lead', async () => {
  const open = new GitHttp({ addresses: new AddressPolicy() });
  await expect(
    lookUpHeads({ url: 'ssh://git@[2001:db8::1]/x' }, ['main'], { http: open }),
  ).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('needs a credential'),
  });
  const credential = { kind: 'ssh', privateKey: 'x', knownHosts: 'x' } as const;
  for (const host of ['127.1', '2130706433', '169.254.169.254', 'localhost', '[::1]']) {
    const repository = { url: `ssh://git@${host}/x`, credential };
    await expect(lookUpHeads(repository, ['main'], { http: open })).rejects.toMatchObject({
      kind: 'refused',
    });
  }
});

test('a server that says nothing is given up when the program stops, and nothing is left on the disk', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const credential = { kind: 'ssh', privateKey: 'x', knownHosts: 'x' } as const;
  const repository = { url: `ssh://git@127.0.0.1:${port}/x`, credential };
  await expect(
    lookUpHeads(repository, ['main'], { http, signal: AbortSignal.timeout(300) }),
  ).rejects.toMatchObject({ kind: 'unreachable' });
  server.close();
  expect(leftovers()).toEqual([]);
});
