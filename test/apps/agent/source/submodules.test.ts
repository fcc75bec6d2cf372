import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { submoduleRepository } from '../../../../apps/agent/source/submodules.ts';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { fetched, gitServer } from './fetched.ts';
import { type RawEntry, rawCommit } from './raw-commit.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const SUBMODULES = { KEELSON_GIT_SUBMODULES: 'true' };

const gitmodules = (...modules: readonly (readonly [string, string])[]): RawEntry => ({
  mode: '100644',
  name: '.gitmodules',
  content: modules.map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`).join(''),
});
const gitlink = (name: string, object: string): RawEntry => ({ mode: '160000', name, content: { object } });

function files(directory: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(contentOf(directory)).filter(([path]) => !/(^|\/)\.git\//.test(path)),
  );
}

describe('submodules from a real git server', () => {
  test('are fetched with those within them, each at its commit and with its links', async () => {
    const server = await gitServer();
    const inner = await server.createRepository('inner');
    const innerCommit = await inner.commit('main', { 'inner.txt': 'inner' });
    await inner.commit('main', { 'inner.txt': 'newer' });
    const outer = await server.createRepository('outer');
    const outerCommit = rawCommit(
      outer.directory,
      'main',
      [
        gitmodules(['deep/inner', '../inner.git']),
        { mode: '40000', name: 'deep', content: [gitlink('inner', innerCommit)] },
        { mode: '120000', name: 'link', content: 'deep/inner/inner.txt' },
        { mode: '120000', name: 'up', content: '../top.txt' },
        { mode: '120000', name: 'out', content: '../../top.txt' },
      ].sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)),
    );
    const main = await server.createRepository('main');
    const commit = rawCommit(main.directory, 'main', [
      gitmodules(['outer', server.url('outer')]),
      gitlink('nowhere', innerCommit),
      gitlink('outer', outerCommit),
      { mode: '100644', name: 'top.txt', content: 'top' },
    ]);
    const { directory, printed } = await fetched({
      url: server.url('main'),
      commit,
      environment: SUBMODULES,
    });
    expect(files(directory)).toMatchObject({
      'nowhere/': '',
      'outer/deep/inner/inner.txt': 'inner',
      'outer/link': '-> deep/inner/inner.txt',
      'outer/up': '-> ../top.txt',
      'outer/out': '../../top.txt',
      'top.txt': 'top',
    });
    expect(printed).toContain('left out a submodule of which .gitmodules says nothing');
    for (const [path, head] of [
      ['', commit],
      ['outer', outerCommit],
      ['outer/deep/inner', innerCommit],
    ] as const) {
      expect(readFileSync(join(directory, path, '.git/HEAD'), 'utf8')).toBe(`${head}\n`);
    }
  });

  test('get the credential on the same server, and none elsewhere', async () => {
    const token = 'ghp_canary0123456789';
    const file = join(temporaryDirectory(), 'token');
    writeFileSync(file, token);
    const asked: (string | undefined)[] = [];
    const elsewhere = await gitServer({
      intercept: ({ headers }) => {
        asked.push(headers.authorization);
        return false;
      },
    });
    const theirs = await elsewhere.createRepository('theirs');
    const server = await gitServer({ basicAuth: { username: 'me', password: token } });
    const ours = await server.createRepository('ours');
    const main = await server.createRepository('main');
    const commit = rawCommit(main.directory, 'main', [
      gitmodules(['ours', './../ours.git'], ['theirs', elsewhere.url('theirs')]),
      gitlink('ours', await ours.commit('main', { a: 'ours' })),
      gitlink('theirs', await theirs.commit('main', { a: 'theirs' })),
    ]);
    const environment = { ...SUBMODULES, KEELSON_GIT_USERNAME: 'me', KEELSON_GIT_TOKEN_FILE: file };
    const { directory } = await fetched({ url: server.url('main'), commit, environment });
    expect(files(directory)).toMatchObject({ 'ours/a': 'ours', 'theirs/a': 'theirs' });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((header) => header !== undefined)).toEqual([]);
    const all = readdirSync(directory, { recursive: true, withFileTypes: true });
    for (const entry of all.filter((one) => one.isFile())) {
      expect(readFileSync(join(entry.parentPath, entry.name)).includes(token), entry.name).toBe(false);
    }
  });

  test.each([
    'ext::sh -c touch% /tmp/keelson-pwned',
    '--upload-pack=touch /tmp/keelson-pwned',
    '-u./payload',
    'file:///etc',
    '/etc',
    'http://169.254.169.254/x',
    'http://127.0.0.2/x',
    'ssh://-oProxyCommand=touch/x',
    'https://user:pass@git.example.com/x',
    'git@-oProxyCommand=touch:x',
  ])('whose URL is %s are refused, and nothing runs', async (url) => {
    const server = await gitServer();
    const main = await server.createRepository('main');
    const commit = rawCommit(main.directory, 'main', [gitmodules(['a', url]), gitlink('a', 'a'.repeat(40))]);
    await expect(
      fetched({ url: server.url('main'), commit, environment: SUBMODULES, args: ['--retry-seconds=0'] }),
    ).rejects.toThrow(/the git URL|fsck|not allowed|credential/);
    expect(existsSync('/tmp/keelson-pwned')).toBe(false);
  });

  test('with commands and paths in .gitmodules run none and write nowhere else (CVE-2018-11235, CVE-2024-32002)', async () => {
    const server = await gitServer();
    const sub = await server.createRepository('sub');
    const hook = { mode: '100755', name: 'post-checkout', content: '#!/bin/sh\ntouch /tmp/keelson-pwned\n' };
    const object = rawCommit(sub.directory, 'main', [{ mode: '40000', name: 'hooks', content: [hook] }]);
    const main = await server.createRepository('main');
    const lines = [
      '[submodule "../../modules/x"]\n\tpath = A/modules/x\n\turl = ../sub.git\n',
      '[submodule "y"]\n\tpath = ../../elsewhere\n\turl = ../sub.git\n\tupdate = !touch /tmp/keelson-pwned\n',
    ];
    for (const content of [lines[0], lines[1], lines.join('')]) {
      const commit = rawCommit(main.directory, 'main', [
        { mode: '100644', name: '.gitmodules', content: content ?? '' },
        {
          mode: '40000',
          name: 'A',
          content: [{ mode: '40000', name: 'modules', content: [gitlink('x', object)] }],
        },
        { mode: '120000', name: 'a', content: '.git' },
      ]);
      const directory = temporaryDirectory();
      await fetched({ url: server.url('main'), commit, directory, environment: SUBMODULES }).catch(
        (error: Error) => expect(error.message).toMatch(/fsck/),
      );
      expect(existsSync('/tmp/keelson-pwned')).toBe(false);
      expect(existsSync(join(directory, '.git/modules'))).toBe(false);
      expect(existsSync(join(directory, '.git/hooks'))).toBe(false);
    }
  });

  test('that lie in each other without end, or are too many, are refused', async () => {
    const server = await gitServer();
    const deep = await server.createRepository('deep');
    let commit = await deep.commit('main', { a: 'x' });
    for (let level = 0; level < 6; level++) {
      commit = rawCommit(deep.directory, 'main', [gitmodules(['d', '../deep.git']), gitlink('d', commit)]);
    }
    const wanted = { url: server.url('deep'), environment: SUBMODULES };
    await expect(fetched({ ...wanted, commit })).rejects.toThrow('more than 5 within each other');
  });
});

describe('the repository of a submodule', () => {
  const addresses = new AddressPolicy();
  const credential = { kind: 'token', username: 'x', token: 't' } as const;
  test.each([
    ['https://a.example/g/p.git', '../q.git', 'https://a.example/g/q.git', true],
    ['https://a.example/g/p.git/', './q', 'https://a.example/g/p.git/q', true],
    ['https://a.example/g/p.git', '../../../../q', 'https://a.example/q', true],
    ['https://a.example/g/p.git', 'https://a.example/other', 'https://a.example/other', true],
    ['https://a.example/g/p.git', 'https://a.example:8443/other', 'https://a.example:8443/other', false],
    ['https://a.example/g/p.git', 'https://b.example/other', 'https://b.example/other', false],
    ['https://a.example/g/p.git', 'git@a.example:g/q.git', 'ssh://git@a.example/g/q.git', false],
    ['ssh://git@a.example/g/p.git', '../q.git', 'ssh://git@a.example/g/q.git', true],
  ])('above %s of the URL %s is %s; credential: %s', (above, url, expected, given) => {
    const found = submoduleRepository(url, { url: above, credential }, addresses);
    expect(found.url).toBe(expected);
    expect(found.credential !== undefined).toBe(given);
  });

  test('of an https repository is not fetched by plain http', () => {
    const above = { url: 'https://a.example/p', credential };
    expect(() => submoduleRepository('http://a.example/q', above, addresses)).toThrow('is plain http');
    expect(submoduleRepository('http://b.example/q', { url: 'http://a.example/p' }, addresses)).toEqual({
      url: 'http://b.example/q',
    });
  });
});
