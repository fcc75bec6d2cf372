import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { environmentOf, fetched, gitServer } from './fetched.ts';
import { rawCommit } from './raw-commit.ts';
import { ADDRESS, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** What is in a checkout beside git's own directory. */
function files(directory: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(contentOf(directory)).filter(([path]) => !path.startsWith('.git/')),
  );
}

describe('source from a real git server', () => {
  test.each(['sha1', 'sha256'] as const)(
    'fetches one commit of a %s repository, and no history',
    async (objectFormat) => {
      const server = await gitServer();
      const repository = await server.createRepository('project', { objectFormat });
      await repository.commit('main', { 'old.txt': 'old' });
      const commit = await repository.commit('main', {
        'old.txt': null,
        Dockerfile: 'FROM scratch\n',
        'a/b': 'b',
      });
      await repository.commit('main', { newer: 'newer' });
      const { directory, printed } = await fetched({ url: server.url('project'), commit });
      expect(files(directory)).toEqual({ Dockerfile: 'FROM scratch\n', 'a/': '', 'a/b': 'b' });
      expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toBe(`${commit}\n`);
      const git = (...args: string[]): string =>
        execFileSync('git', ['-c', `safe.directory=${directory}`, ...args], {
          cwd: directory,
          encoding: 'utf8',
        });
      expect(git('log', '--format=%H')).toBe(`${commit}\n`);
      expect(git('status', '--porcelain')).toBe('');
      expect(existsSync(join(directory, '.git/hooks'))).toBe(false);
      expect(readFileSync(join(directory, '.git/config'), 'utf8')).not.toMatch(/url|http|worktree|symlinks/);
      expect(printed).toContain('"files":2,"bytes":14');
    },
  );

  test('fetches a commit that is no longer on its branch', async () => {
    const server = await gitServer();
    const repository = await server.createRepository('project');
    const commit = await repository.commit('main', { file: 'forced away' });
    await repository.commit('main', { file: 'new' }, { parent: null });
    const { directory } = await fetched({ url: server.url('project'), commit });
    expect(files(directory)).toEqual({ file: 'forced away' });
  });

  test('finds a commit by its branch where the server gives none by its name, however deep it lies', async () => {
    const server = await gitServer({ version2: false });
    const repository = await server.createRepository('project');
    repository.git('config', 'uploadpack.allowAnySHA1InWant', 'false');
    const commit = await repository.commit('odd$(x)', { file: 'wanted' });
    for (let n = 0; n < 15; n++)
      await repository.commit('odd$(x)', { file: `${n}` }, n === 0 ? { parent: commit } : {});
    const { directory } = await fetched({ url: server.url('project'), commit, branch: 'odd$(x)' });
    expect(files(directory)).toEqual({ file: 'wanted' });
    expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toBe(`${commit}\n`);
    // Where it is, then by name, then by depths of 1, 10 and 100.
    expect(server.log.filter((line) => line.startsWith('GET')).length).toBe(5);
    const missing = await repository.commit('other', { file: 'elsewhere' }, { parent: null });
    await repository.commit('other', { file: 'new' }, { parent: null });
    await expect(fetched({ url: server.url('project'), commit: missing, branch: 'odd$(x)' })).rejects.toThrow(
      `the commit ${missing} is neither given by the server nor on refs/heads/odd$(x)`,
    );
  });

  test('starts from an empty directory, which another user may own', async () => {
    const server = await gitServer();
    const repository = await server.createRepository('project');
    const first = await repository.commit('main', { a: '1', 'd/b': '2' });
    const second = await repository.commit('main', { a: '3', 'd/b': null });
    const directory = temporaryDirectory();
    mkdirSync(join(directory, '.git/hooks'), { recursive: true });
    writeFileSync(join(directory, '.git/config'), '[core]\n\tfsmonitor = touch /tmp/pwned\n');
    writeFileSync(join(directory, 'stale'), 'stale');
    if (process.getuid?.() === 0) chownSync(directory, 12345, 12345);
    await fetched({ url: server.url('project'), commit: first, directory });
    expect(files(directory)).toEqual({ a: '1', 'd/': '', 'd/b': '2' });
    await fetched({ url: server.url('project'), commit: second, directory });
    expect(files(directory)).toEqual({ a: '3' });
  });

  test('keeps what can be executed, and links that stay inside; others are text', async () => {
    const server = await gitServer();
    const repository = await server.createRepository('project');
    const commit = rawCommit(repository.directory, 'main', [
      { mode: '120000', name: 'absolute', content: '/etc/passwd' },
      { mode: '40000', name: 'bin', content: [{ mode: '100755', name: 'run', content: '#!/bin/sh' }] },
      { mode: '40000', name: 'deep', content: [{ mode: '120000', name: 'up', content: '../bin/run' }] },
      { mode: '120000', name: 'git', content: '.git/config' },
      { mode: '120000', name: 'outside', content: '../../outside' },
      { mode: '120000', name: 'run', content: 'bin/run' },
    ]);
    const { directory, printed } = await fetched({ url: server.url('project'), commit });
    expect(files(directory)).toEqual({
      absolute: '/etc/passwd',
      'bin/': '',
      'bin/run': '#!/bin/sh',
      'deep/': '',
      'deep/up': '-> ../bin/run',
      git: '.git/config',
      outside: '../../outside',
      run: '-> bin/run',
    });
    expect(statSync(join(directory, 'bin/run')).mode & 0o777).toBe(0o755);
    expect(printed.match(/left out/g)).toHaveLength(3);
  });
});

describe('source with wrong arguments ends with 64 and says what is wrong', () => {
  const commit = 'a'.repeat(40);
  const url = 'https://git.example.com/a';
  test.each([
    ['KEELSON_GIT_COMMIT', { url, commit: 'main' }, 'is no full object name'],
    ['KEELSON_GIT_COMMIT', { url, commit: '--upload-pack=x' }, 'is no full object name'],
    ['KEELSON_GIT_BRANCH', { url, commit, branch: '--upload-pack=x' }, 'starts with'],
    ['KEELSON_GIT_BRANCH', { url, commit, branch: 'a:b' }, 'holds a character'],
    [
      'KEELSON_GIT_TOKEN_FILE',
      { url, commit, environment: { KEELSON_GIT_TOKEN_FILE: '/nowhere', KEELSON_GIT_USERNAME: 'x' } },
      "can't be read",
    ],
    [
      'KEELSON_GIT_USERNAME',
      { url, commit, environment: { KEELSON_GIT_TOKEN_FILE: '/nowhere' } },
      'is missing',
    ],
    [
      'KEELSON_GIT_KNOWN_HOSTS',
      { url, commit, environment: { KEELSON_GIT_SSH_KEY_FILE: '/etc/hostname' } },
      'is missing',
    ],
  ])('%s of %j', async (name, wanted, fault) => {
    const error = await fetched(wanted).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'UsageError', message: expect.stringContaining(name) });
    expect(error).toMatchObject({ message: expect.stringContaining(fault) });
  });

  test('as a process', async () => {
    const { ended } = startSource(temporaryDirectory(), environmentOf({ url, commit: 'x' }));
    expect((await ended).code).toBe(64);
  });
});

test.skipIf(ADDRESS === undefined)(
  'as a process of its own it says each step, and ends with 0 (skipped where loopback is the only address)',
  async () => {
    const server = await gitServer({ host: ADDRESS ?? '' });
    const repository = await server.createRepository('project');
    const commit = await repository.commit('main', { file: 'x' });
    const directory = temporaryDirectory();
    const { ended } = startSource(directory, environmentOf({ url: server.url('project'), commit }));
    expect(await ended).toMatchObject({ code: 0, messages: ['checked out', 'the source is there'] });
    expect(files(directory)).toEqual({ file: 'x' });
  },
);

describe('a URL that leads elsewhere than to a git server is refused, and nothing runs or is asked', () => {
  test.each([
    'ext::sh -c touch% /tmp/keelson-pwned',
    'file:///etc',
    '/etc',
    '--upload-pack=touch /tmp/keelson-pwned',
    'ssh://-oProxyCommand=touch/x',
    'http://127.0.0.2/x',
    'http://localhost/x',
    'http://169.254.169.254/latest',
    'https://user:secret@git.example.com/x',
    'git://git.example.com/x',
  ])('%s', async (url) => {
    const error = await fetched({ url, commit: 'a'.repeat(40) }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ kind: 'refused' });
    expect(String(error)).not.toContain('secret');
    expect(existsSync('/tmp/keelson-pwned')).toBe(false);
  });
});
