import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { environmentOf, fetched, gitServer } from './fetched.ts';
import { type RawEntry, rawCommit, writeTree } from './raw-commit.ts';
import { ADDRESS, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** Serves a commit and fetches it. */
async function fetchTree(
  entries: readonly RawEntry[] | ((directory: string) => readonly RawEntry[]),
  ...args: readonly string[]
): Promise<Record<string, string>> {
  const server = await gitServer();
  const { directory: bare } = await server.createRepository('hostile');
  const commit = rawCommit(bare, 'main', typeof entries === 'function' ? entries(bare) : entries);
  const directory = temporaryDirectory();
  try {
    await fetched({ url: server.url('hostile'), commit, args, directory });
  } finally {
    const config = join(directory, '.git/config');
    if (existsSync(config)) expect(readFileSync(config, 'utf8')).not.toContain('hostile');
    expect(existsSync(join(directory, '.git/hooks'))).toBe(false);
  }
  return Object.fromEntries(
    Object.entries(contentOf(directory)).filter(([path]) => !path.startsWith('.git/')),
  );
}

const file = (name: string | Buffer, content = 'hostile'): RawEntry => ({ mode: '100644', name, content });
const link = (name: string, content: string): RawEntry => ({ mode: '120000', name, content });
const folder = (name: string, ...content: RawEntry[]): RawEntry => ({ mode: '40000', name, content });
const script = (name: string, content: string): RawEntry => ({ mode: '100755', name, content });

describe('a tree that git would not write is refused', () => {
  const hooks = folder('hooks', script('post-checkout', '#!/bin/sh\ntouch /tmp/keelson-hook\n'));
  test.each<[string, readonly RawEntry[]]>([
    ['.git as a folder', [folder('.git', hooks, file('config'))]],
    ['.git as a file', [file('.git', 'gitdir: /tmp')]],
    ['.git as a link', [link('.git', '/tmp')]],
    ['.GIT', [folder('.GIT', file('config'))]],
    ['.git as Windows reads it', [folder('git~1', file('config'))]],
    ['.git as macOS reads it', [folder('.g\u200cit', file('config'))]],
    ['.git in a folder', [folder('sub', folder('.git', file('config')))]],
    ['..', [folder('..', file('hostile'))]],
    ['.', [folder('.', file('hostile'))]],
    ['a slash in a name', [file('../hostile')]],
    ['an absolute name', [file('/tmp/hostile')]],
    ['no name', [file('')]],
    ['a link and a folder of one name', [link('a', '.git'), folder('a', hooks)]],
    ['a link for .gitmodules', [link('.gitmodules', 'elsewhere')]],
  ])('%s', async (_, entries) => {
    // Some of them the server's git does not even read.
    await expect(fetchTree(entries, '--retry-seconds=0')).rejects.toThrow(/fsck|invalid path|empty filename/);
    expect(existsSync('/tmp/keelson-hook')).toBe(false);
    expect(existsSync('/tmp/hostile')).toBe(false);
  });
});

describe('nothing of a repository is run', () => {
  test('neither hooks, filters and configuration in its tree, nor LFS', async () => {
    const touch = 'touch /tmp/keelson-run';
    const config = `[core]\n\thooksPath = hooks\n\tfsmonitor = ${touch}\n[filter "evil"]\n\tsmudge = ${touch}\n\trequired\n[include]\n\tpath = x\n`;
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12\n`;
    const found = await fetchTree([
      file('.gitattributes', '*.txt filter=evil\n*.bin filter=lfs diff=lfs merge=lfs -text\n'),
      file('.gitconfig', config),
      file('.lfsconfig', '[lfs]\n\turl = http://169.254.169.254/\n'),
      file('a.txt', 'text'),
      file('config', config),
      folder('hooks', script('post-checkout', `#!/bin/sh\n${touch}\n`)),
      file('large.bin', pointer),
    ]);
    expect(found['a.txt']).toBe('text');
    expect(found['large.bin']).toBe(pointer);
    expect(existsSync('/tmp/keelson-run')).toBe(false);
  });

  test('with submodules off their folders stay empty, whatever .gitmodules says', async () => {
    const found = await fetchTree([
      file(
        '.gitmodules',
        '[submodule "a"]\n\tpath = a\n\turl = ext::touch /tmp/keelson-run\n\tupdate = !touch /tmp/keelson-run\n',
      ),
      { mode: '160000', name: 'a', content: { object: 'b'.repeat(40) } },
    ]).catch((error: unknown) => error);
    // Newer versions of git refuse such a file as soon as they see it.
    if (found instanceof Error) expect(found.message).toMatch(/fsck|gitmodules/);
    else expect(Object.keys(found as object)).toEqual(['.gitmodules', 'a/']);
    expect(existsSync('/tmp/keelson-run')).toBe(false);
  });
});

describe('odd names', () => {
  test('newlines, quotes, bytes that are not UTF-8, and what a shell would expand are names like any other', async () => {
    const names = ['-rf', '"', '$(touch x)', 'a\nb', 'a\tb', '\u202egnp', 'é', '日本', '💥', '*'].sort(
      (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    const found = await fetchTree(names.map((name) => file(name, name)));
    expect(found).toEqual(Object.fromEntries(names.map((name) => [name, name])));
    expect(Object.keys(await fetchTree([file(Buffer.from([0xc3, 0xa9]), 'x')]))).toEqual(['é']);
  });

  test('a link whose name is not UTF-8 stays a text', async () => {
    const server = await gitServer();
    const { directory: bare } = await server.createRepository('bytes');
    const name = Buffer.from([0x61, 0xff, 0xfe]);
    const commit = rawCommit(bare, 'main', [{ mode: '120000', name, content: 'x' }, link('b', 'x')]);
    const { directory } = await fetched({ url: server.url('bytes'), commit });
    expect(readFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), 'utf8')).toBe('x');
    expect(readlinkSync(join(directory, 'b'))).toBe('x');
  });

  test('a path of 3 kB is written; one of 5 kB fails cleanly', async () => {
    const deep = (levels: number): RawEntry =>
      levels === 0 ? file('end', 'x') : folder('d'.repeat(200), deep(levels - 1));
    const found = await fetchTree([deep(15)]);
    expect(Object.values(found).at(-1)).toBe('x');
    await expect(fetchTree([deep(25)])).rejects.toThrow(/too long|cannot create|unable to create/);
  });

  test('any tree of hostile names and links is refused or written inside', async () => {
    const server = await gitServer();
    const { directory: bare } = await server.createRepository('any');
    const name = fc.constantFrom('a', 'b', 'A', '.git', '.GIT', 'git~1', '..', 'x\ny', 'c', 'd');
    const target = fc.constantFrom('a', '..', '../..', '/tmp', 'b/../..', '.git', './a', 'a/b', '');
    const { entry } = fc.letrec<{ entry: RawEntry }>((tie) => ({
      entry: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.record({ mode: fc.constant('100644'), name, content: fc.constant('text') }),
        fc.record({ mode: fc.constant('120000'), name, content: target }),
        fc.record({
          mode: fc.constant('40000'),
          name,
          content: fc.array(tie('entry'), { minLength: 1, maxLength: 3 }),
        }),
      ),
    }));
    let written = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { minLength: 1, maxLength: 4 }), async (entries) => {
        const sorted = (list: readonly RawEntry[]): RawEntry[] =>
          list
            .map((one) => (Array.isArray(one.content) ? { ...one, content: sorted(one.content) } : one))
            .sort((one, other) => (key(one) < key(other) ? -1 : 1));
        const commit = rawCommit(bare, 'main', sorted(entries));
        const above = temporaryDirectory();
        const directory = join(above, 'in');
        mkdirSync(directory);
        const result = await fetched({ url: server.url('any'), commit, directory }).catch(
          (error: Error) => error,
        );
        expect(readdirSync(above)).toEqual(['in']);
        if (result instanceof Error) return;
        written++;
        for (const [path, text] of Object.entries(contentOf(directory))) {
          if (path.startsWith('.git/') || !text.startsWith('-> ')) continue;
          const climbs = text
            .slice(3)
            .split('/')
            .filter((part) => part === '..').length;
          expect(climbs).toBeLessThan(path.split('/').length);
          expect(text).not.toMatch(/-> \/|\.git/i);
        }
      }),
      { numRuns: 40, interruptAfterTimeLimit: 20_000 },
    );
    expect(written).toBeGreaterThan(3);
  });
});

/** Git sorts folders as if their names ended in a slash. */
function key({ mode, name }: RawEntry): string {
  return mode === '40000' ? `${name}/` : String(name);
}

describe('too much is refused before it fills the disk', () => {
  test('a commit whose files are larger than allowed, however small the pack is', async () => {
    const zeros = '\0'.repeat(3_000_000);
    await expect(fetchTree([file('zeros', zeros)], '--max-bytes=1000000')).rejects.toThrow(
      "the commit's files have 3000000 bytes, more than the limit of 1000000",
    );
  });

  test('a commit with more files than allowed', async () => {
    const many = Array.from({ length: 60 }, (_, n) => file(`f${String(n).padStart(3, '0')}`, 'x'));
    await expect(fetchTree(many, '--max-entries=50')).rejects.toThrow(
      'has 60 files, more than the limit of 50',
    );
  });

  test('a few trees that are ten billion files', async () => {
    const started = Date.now();
    const bomb = (bare: string): RawEntry[] => {
      let entries: RawEntry[] = Array.from({ length: 10 }, (_, n) => file(`f${n}`, 'x'));
      for (let level = 0; level < 9; level++) {
        const object = writeTree(bare, entries);
        entries = Array.from({ length: 10 }, (_, n) => ({
          mode: '40000',
          name: `d${n}`,
          content: { object },
        }));
      }
      return entries;
    };
    await expect(fetchTree(bomb)).rejects.toThrow('git ls-tree printed more than 80000000 bytes');
    expect(Date.now() - started).toBeLessThan(20_000);
  });

  test.skipIf(ADDRESS === undefined)(
    'a pack that grows over the limit while it comes (skipped where loopback is the only address)',
    async () => {
      const server = await gitServer({
        host: ADDRESS ?? '',
        intercept: (_, response) => {
          const write = response.write.bind(response) as (chunk: unknown) => boolean;
          const slowly = (chunk: Buffer): boolean => {
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, chunk.byteLength / 10_000);
            return write(chunk);
          };
          Object.assign(response, { write: slowly });
          return false;
        },
      });
      const repository = await server.createRepository('large');
      const commit = await repository.commit('main', { large: randomBytes(40_000_000) });
      const environment = environmentOf({ url: server.url('large'), commit });
      const { ended } = startSource(temporaryDirectory(), environment, '--max-bytes=10000000');
      const { code, messages } = await ended;
      expect(code).toBe(1);
      expect(messages.at(-1)).toContain('takes more than 10000000 bytes of disk');
      expect(server.counters.sent).toBeLessThan(35_000_000);
    },
  );
});
