import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { withGitRemote } from '../../../../apps/agent/git/git-remote.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';
import type { Repository } from '../../../../apps/agent/git/repository.ts';
import { runGit } from '../../../../apps/agent/git/run-git.ts';
import { type GitServer, startGitServer } from '../../../support/git-server.ts';

// git is started many times, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const addresses = new AddressPolicy({ allow: ['127.0.0.1'] });
const credential = { kind: 'token', username: 'me', token: 'c4nary' } as const;
let directory: string;
let server: GitServer;
let main: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'git-remote-'));
  server = await startGitServer({
    basicAuth: { username: 'me', password: 'c4nary' },
    intercept: ({ url = '' }, response) => {
      if (!url.startsWith('/moved.git')) return false;
      response.writeHead(301, { location: url.replace('/moved', '/project') }).end();
      return true;
    },
  });
  const repository = await server.createRepository('project');
  main = await repository.commit('main', { a: '1' });
});
afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

async function git(
  args: (url: string) => readonly string[],
  repository: Repository,
  options: Partial<Parameters<typeof withGitRemote>[1]> = {},
): Promise<string> {
  return await withGitRemote(repository, { addresses, ...options }, ({ url, allowProtocols, env }) =>
    runGit(args(url), { cwd: directory, allowProtocols, env, timeoutMs: 20_000, maxOutputBytes: 10_000 }),
  );
}
const lsRemote = (url: string): readonly string[] => ['ls-remote', '--', url, 'refs/heads/main'];

describe('the git program', () => {
  test('reads a private repository, and leaves the token nowhere', async () => {
    const url = server.url('project');
    expect(await git(lsRemote, { url, credential })).toContain(main);
    await git(() => ['init', '--quiet', 'clone'], { url, credential });
    await git(() => ['-C', 'clone', 'fetch', '--quiet', '--', url, 'main'], { url, credential });
    const found = await git(() => ['-C', 'clone', 'log', '--format=%H', 'FETCH_HEAD'], { url, credential });
    expect(found.trim()).toBe(main);
    const written = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
      .join();
    expect(written).toContain(main);
    expect(written).not.toContain('c4nary');
    expect(written).not.toContain(Buffer.from('me:c4nary').toString('base64'));
  });

  test('without a token, or with a wrong one, is not let in, and nobody is asked', async () => {
    const url = server.url('project');
    for (const repository of [{ url }, { url, credential: { ...credential, token: 'wr0ng' } }]) {
      const error: unknown = await git(lsRemote, repository).catch((caught) => caught);
      expect(error).toMatchObject({ kind: 'unauthorized' });
      expect(String(error)).not.toContain('wr0ng');
    }
  });

  test('follows no redirect, and goes to where one was found to lead', async () => {
    const repository = { url: server.url('moved'), credential };
    await expect(git(lsRemote, repository)).rejects.toThrow(/301|redirect/);
    const http = new GitHttp({ addresses });
    const location = await http.locate(repository);
    http.close();
    expect(location.url.href).toBe(server.url('project'));
    expect(await git(lsRemote, repository, { location })).toContain(main);
  });

  test('connects to the address that was checked, whatever the name leads to a moment later', async () => {
    const pinned = new AddressPolicy({ allow: ['127.0.0.1'] });
    vi.spyOn(pinned, 'resolve').mockResolvedValue([{ address: '127.0.0.1', family: 4 }]);
    for (const host of ['pinned.invalid', 'Pinned.Invalid', 'pinned.invalid.']) {
      const url = server.url('project').replace('127.0.0.1', host);
      expect(await git(lsRemote, { url, credential }, { addresses: pinned }), host).toContain(main);
    }
    vi.spyOn(pinned, 'resolve').mockResolvedValue([{ address: '::1', family: 6 }]);
    const url = server.url('project').replace('127.0.0.1', 'pinned.invalid');
    await expect(git(lsRemote, { url, credential }, { addresses: pinned })).rejects.toThrow(
      /connect|refused/i,
    );
  });

  test('is sent no more than is allowed', async () => {
    const large = await server.createRepository('large');
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, () => Math.random() * 256));
    await large.commit('main', { bytes });
    const fetch = (limit: number): Promise<string> =>
      withGitRemote(
        { url: server.url('large'), credential },
        { addresses },
        async ({ url, allowProtocols, env }) => {
          const limits = { cwd: directory, timeoutMs: 20_000, maxOutputBytes: 10_000, maxFileBytes: limit };
          const options = { ...limits, allowProtocols, env };
          await runGit(['init', '--quiet', '--bare', 'large'], options);
          return await runGit(['-C', 'large', 'fetch', '--quiet', '--depth=1', '--', url, 'main'], options);
        },
      );
    await expect(fetch(100_000)).rejects.toMatchObject({
      kind: 'protocol',
      message: 'git fetch was sent more than is allowed',
    });
    expect(await fetch(2_000_000)).toBe('');
  });

  test('is not started for a name with a forbidden address', async () => {
    const strict = new AddressPolicy();
    // As for a name that an attacker has in a DNS of their own.
    vi.spyOn(strict, 'resolve').mockImplementation(async (_host, reach) =>
      new AddressPolicy().resolve('localhost', reach),
    );
    const use = vi.fn();
    const repository = { url: 'https://git.example.com/x.git' };
    await expect(withGitRemote(repository, { addresses: strict }, use)).rejects.toMatchObject({
      kind: 'refused',
    });
    expect(use).not.toHaveBeenCalled();
  });

  test('gets no credential for another origin, nor one of the wrong kind', async () => {
    const location = { url: new URL('http://127.0.0.1:1/x.git'), reach: 'configured' } as const;
    await expect(
      git(lsRemote, { url: server.url('project'), credential }, { location }),
    ).rejects.toMatchObject({
      kind: 'refused',
    });
    const key = { kind: 'ssh', privateKey: 'x', knownHosts: 'x' } as const;
    await expect(git(lsRemote, { url: server.url('project'), credential: key })).rejects.toMatchObject({
      kind: 'refused',
    });
  });
});

test('the files of a failed call are gone too', async () => {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = directory;
  try {
    const key = { kind: 'ssh', privateKey: 'x', knownHosts: 'x' } as const;
    const names: string[] = [];
    await expect(
      withGitRemote({ url: 'ssh://git@127.0.0.1/x', credential: key }, { addresses }, async () => {
        names.push(...readdirSync(directory).filter((name) => name.startsWith('keelson-ssh-')));
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(names).toHaveLength(1);
    expect(readdirSync(directory).filter((name) => name.startsWith('keelson-'))).toEqual([]);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
});
