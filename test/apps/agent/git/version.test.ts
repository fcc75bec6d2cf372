import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';
import { VersionError, versionAt } from '../../../../apps/agent/git/version.ts';
import type { VersionConfiguration } from '../../../../lib/agent/configuration.ts';
import type { TestRepository } from '../../../support/git-repository.ts';
import { type GitServer, startGitServer } from '../../../support/git-server.ts';

// git is started many times, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const http = new GitHttp({ addresses: new AddressPolicy({ allow: ['127.0.0.1'] }) });
const token = { kind: 'token', username: 'x-access-token', token: 't0ken' } as const;
/** Where temporary files of the code under test are, and of nothing else. */
const temporary = mkdtempSync(join(tmpdir(), 'version-'));
let server: GitServer;
let repository: TestRepository;

beforeAll(async () => {
  server = await startGitServer({ basicAuth: { username: token.username, password: token.token } });
  repository = await server.createRepository('project');
  vi.stubEnv('TMPDIR', temporary);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  http.close();
  await server.close();
  expect(readdirSync(temporary)).toEqual([]);
  rmSync(temporary, { recursive: true });
});

/** The version at a commit of a private repository. */
async function version(
  from: VersionConfiguration,
  commit: string,
  name = 'project',
  branch = 'main',
): Promise<string> {
  const of = { repository: { url: server.url(name), credential: token }, branch, commit };
  return await versionAt(from, of, { http });
}
const file: VersionConfiguration = { from: 'file', path: 'README.md' };
const marked = (text: string): string => `# Project\n\nVersion: <repo-version>${text}</repo-version>\n`;

describe('a version that is given', () => {
  test('is taken, where it is a semantic version', async () => {
    expect(await version({ from: 'value', value: '1.2.3-rc.1' }, '')).toBe('1.2.3-rc.1');
    await expect(version({ from: 'value', value: 'latest' }, '')).rejects.toThrow(VersionError);
  });
});

describe('a version from a tag', () => {
  test('is that of the commit, light or annotated, without a v, and the highest of several', async () => {
    const first = await repository.commit('tagged', { a: '1' });
    const second = await repository.commit('tagged', { a: '2' });
    await repository.tag('v0.9.0', first);
    for (const name of ['v1.9.0', '1.10.0-rc.1', 'release', 'v2', '1.2', 'x/3.0.0', '01.0.0']) {
      await repository.tag(name, second);
    }
    await repository.tag('v1.10.0', second, { annotated: true });
    expect(await version({ from: 'git-tag' }, first)).toBe('0.9.0');
    expect(await version({ from: 'git-tag' }, second)).toBe('1.10.0');
  });

  test('is below every release where there is no tag, and says the commit', async () => {
    const commit = await repository.commit('untagged', { a: '1' });
    expect(await version({ from: 'git-tag' }, commit)).toBe(`0.0.0-g${commit.slice(0, 12)}`);
  });

  test('is found among 5,000 tags', async () => {
    const many = await server.createRepository('many-tags');
    const old = await many.commit('main', { a: '1' });
    const commit = await many.commit('main', { a: '2' });
    many.setRefs(
      Array.from({ length: 5000 }, (_, index) => `refs/tags/v0.0.${index}`),
      old,
    );
    await many.tag('v9.0.0', commit, { annotated: true });
    expect(await version({ from: 'git-tag' }, commit, 'many-tags')).toBe('9.0.0');
    expect(await version({ from: 'git-tag' }, old, 'many-tags')).toBe('0.0.4999');
  });
});

describe('a version from a file', () => {
  test('is the first mark in it, as it is in that commit', async () => {
    const first = await repository.commit('main', { 'README.md': marked(' v1.2.3\n') + marked('9.9.9') });
    const second = await repository.commit('main', { 'README.md': marked('1.2.4') });
    expect(await version(file, first)).toBe('1.2.3');
    expect(await version(file, second)).toBe('1.2.4');
  });

  test('is read from a folder, and from a file with a name that git reads in another way', async () => {
    const names = [
      'docs/über uns.md',
      ':(top)x',
      '*',
      '-x',
      './docs/über uns.md',
      'a:b',
      '$(touch x)',
      '"q"\\n',
    ];
    const files = Object.fromEntries(names.map((name) => [name.replace('./', ''), marked('1.0.0')]));
    const commit = await repository.commit('names', { ...files, '[ab]': 'none' });
    for (const path of names) expect(await version({ from: 'file', path }, commit), path).toBe('1.0.0');
  });

  test('costs that file and not the others', async () => {
    const commit = await repository.commit('large', {
      'README.md': marked('1.0.0'),
      large: Buffer.from(Array.from({ length: 2_000_000 }, () => Math.random() * 256)),
    });
    server.reset();
    expect(await version(file, commit)).toBe('1.0.0');
    expect(server.counters.sent).toBeLessThan(10_000);
  });

  test.each([
    ['no mark', '# Project\n', 'has no <repo-version>'],
    ['a mark without an end', '<repo-version>1.2.3\n', 'has no <repo-version>'],
    ['marks the wrong way round', '</repo-version>1.2.3<repo-version>', 'has no <repo-version>'],
    ['an empty mark', marked(''), 'got ""'],
    ['another version than a semantic one', marked('1.2'), 'got "1.2"'],
    ['an injection', marked('1.2.3\n---\nkind: Secret'), 'got "1.2.3?---?kind: Secret"'],
    ['what is not printable', marked('\u001b[31m\u202e1.2.3'), 'got "?[31m?1.2.3"'],
    ['a long one', marked(`1.2.3-${'x'.repeat(200)}`), 'got "1.2.3-xxxxxx'],
  ])('is an error with the file and what was found: %s', async (_name, text, message) => {
    const commit = await repository.commit('wrong', { 'README.md': text });
    const error: unknown = await version(file, commit).catch((caught) => caught);
    expect(error).toBeInstanceOf(VersionError);
    expect(error).toMatchObject({ message: expect.stringContaining('README.md') });
    expect(error).toMatchObject({ message: expect.stringContaining(message) });
    expect(String(error).length).toBeLessThan(300);
  });

  test('is an error where the file is missing, a folder, a link or too large', async () => {
    const commit = await repository.commit('odd', { 'docs/a': '1', 'large.md': 'x'.repeat(2_000_000) });
    await expect(version(file, commit)).rejects.toThrow(`there is no "README.md" in the commit ${commit}`);
    await expect(version({ from: 'file', path: 'docs' }, commit)).rejects.toThrow('no regular file');
    await expect(version({ from: 'file', path: 'large.md' }, commit)).rejects.toThrow(
      'larger than 1048576 bytes',
    );
    const blob = repository.git('rev-parse', `${commit}:docs/a`).trim();
    await repository.close();
    repository.git('update-ref', 'refs/heads/link', linkTo(repository, blob));
    const link = repository.git('rev-parse', 'refs/heads/link').trim();
    await expect(version(file, link)).rejects.toThrow('no regular file');
  });

  test.each(['../x', '/etc/passwd', 'a/../../x', '', 'a\nb'])('is not read from %j', async (path) => {
    const commit = await repository.commit('main', { a: '1' });
    await expect(version({ from: 'file', path }, commit)).rejects.toMatchObject({ kind: 'refused' });
  });

  test('is not read at what is no commit, nor for what is no branch', async () => {
    const commit = await repository.commit('main', { 'README.md': marked('1.0.0') });
    for (const wrong of ['HEAD', '--upload-pack=id', 'abc', `${commit}^`, '']) {
      await expect(version(file, wrong)).rejects.toMatchObject({ kind: 'refused' });
    }
    await expect(version(file, commit, 'project', '-x')).rejects.toMatchObject({ kind: 'refused' });
    await expect(version(file, 'a'.repeat(40))).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('is read with SHA-256', async () => {
    const modern = await server.createRepository('modern', { objectFormat: 'sha256' });
    const commit = await modern.commit('main', { 'README.md': marked('2.0.0') });
    expect(await version(file, commit, 'modern')).toBe('2.0.0');
  });

  test('is read from a server that can leave nothing out and gives no commit by its name', async () => {
    const old = await startGitServer({ version2: false });
    try {
      const plain = await old.createRepository('plain');
      for (const name of ['allowFilter', 'allowAnySHA1InWant'])
        plain.git('config', `uploadpack.${name}`, 'false');
      const first = await plain.commit('main', { 'README.md': marked('1.0.0'), other: 'x' });
      const of = (commit: string): Parameters<typeof versionAt>[1] => ({
        repository: { url: old.url('plain') },
        branch: 'main',
        commit,
      });
      expect(await versionAt(file, of(first), { http })).toBe('1.0.0');
      await plain.commit('main', { 'README.md': marked('1.0.1') });
      await expect(versionAt(file, of(first), { http })).rejects.toMatchObject({
        kind: 'not-found',
        message: expect.stringContaining('no longer the head of main'),
      });
      plain.git('config', 'uploadpack.allowFilter', 'true');
      const third = await plain.commit('main', { 'README.md': marked('1.0.2') });
      expect(await versionAt(file, of(third), { http })).toBe('1.0.2');
    } finally {
      await old.close();
    }
  });

  test('is an error where the commit itself is one that git does not admit', async () => {
    const tree = repository.git(
      'rev-parse',
      `${await repository.commit('main', { 'README.md': marked('1.0.0') })}^{tree}`,
    );
    const bad = hashed(repository, 'commit', `tree ${tree.trim()}\nauthor nobody\ncommitter nobody\n\nx\n`);
    repository.git('update-ref', 'refs/heads/bad', bad);
    await expect(version(file, bad, 'project', 'bad')).rejects.toMatchObject({ kind: 'protocol' });
  });
});

function hashed(into: TestRepository, type: string, content: string): string {
  const path = join(temporary, 'object');
  writeFileSync(path, content, 'latin1');
  try {
    return into.git('hash-object', '-w', '-t', type, '--literally', '--', path).trim();
  } finally {
    rmSync(path);
  }
}

/** A commit whose README.md is a symbolic link. */
function linkTo(into: TestRepository, blob: string): string {
  const entry = `120000 README.md\0${Buffer.from(blob, 'hex').toString('latin1')}`;
  const tree = hashed(into, 'tree', entry);
  const who = 'Tester <tester@example.com> 1700000000 +0000';
  return hashed(into, 'commit', `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nx\n`);
}
