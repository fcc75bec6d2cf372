import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { entryPath } from '../../../../apps/agent/archive/entry-path.ts';
import { type UnpackOptions, unpackArchive } from '../../../../apps/agent/archive/unpack.ts';
import { inPieces, pax, type TarEntry, tar, tarEntry } from './tar.ts';
import { contentOf, temporaryDirectory } from './temporary.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const limits = { maxBytes: 1_000_000, maxEntries: 100 };

/** Unpacks into `in` of a directory, beside which `outside` must stay as it is. */
async function unpack(
  archive: Buffer,
  options: Partial<UnpackOptions> = {},
  prepare: (directory: string) => void = () => {},
  root: string = temporaryDirectory(),
): Promise<Record<string, string>> {
  const directory = join(root, 'in');
  mkdirSync(directory);
  mkdirSync(join(root, 'outside'));
  prepare(directory);
  try {
    await unpackArchive(inPieces(archive), directory, { limits, place: (path) => path, ...options });
  } finally {
    const { 'in/': _, 'outside/': __, ...all } = contentOf(root);
    const escaped = Object.keys(all).filter((path) => !path.startsWith('in/'));
    expect(escaped, 'written outside of the directory').toEqual([]);
  }
  return contentOf(directory);
}

const withLinks = { leftOutLink: () => {} };

describe('an archive is unpacked', () => {
  test('with its files and directories, whose modes are plain', async () => {
    const root = temporaryDirectory();
    const archive = tar(
      { name: './', type: '5' },
      { name: './bin/', type: '5', mode: 0o777 },
      { name: './bin/run', body: '#!/bin/sh\n', mode: 0o6755 },
      { name: './a/b/c.txt', body: 'deep', mode: 0o666 },
      { name: 'empty', mode: 0 },
      { name: 'old', type: '\0', body: 'before POSIX' },
    );
    await unpackArchive(inPieces(archive), root, { limits, place: (path) => path });
    expect(contentOf(root)).toEqual({
      'a/': '',
      'a/b/': '',
      'a/b/c.txt': 'deep',
      'bin/': '',
      'bin/run': '#!/bin/sh\n',
      empty: '',
      old: 'before POSIX',
    });
    expect(statSync(join(root, 'bin/run')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(root, 'a/b/c.txt')).mode & 0o7777).toBe(0o644);
    expect(statSync(join(root, 'bin')).mode & 0o7777).toBe(0o755);
  });

  test('with long names in GNU and POSIX form', async () => {
    const long = `${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(200)}`;
    const found = await unpack(
      tar(
        tarEntry({ name: '././@LongLink', type: 'L', body: `${long}1\0` }),
        { name: 'short', body: 'gnu', magic: 'ustar  \0' },
        pax({ path: `${long}2` }),
        { name: 'short', body: 'pax' },
        { name: 'tail', prefix: 'some/prefix', body: 'ustar' },
      ),
    );
    expect(found[`${long}1`]).toBe('gnu');
    expect(found[`${long}2`]).toBe('pax');
    expect(found['some/prefix/tail']).toBe('ustar');
  });

  test('only where its entries are placed', async () => {
    const found = await unpack(tar({ name: 'assets/a', body: '1' }, { name: 'b', body: '2' }), {
      place: (path) => (path.startsWith('assets/') ? path.slice(7) : undefined),
    });
    expect(found).toEqual({ a: '1' });
  });

  test('as GNU tar has packed it, with links that stay inside', async () => {
    const from = temporaryDirectory();
    mkdirSync(join(from, 'x/ü'), { recursive: true });
    writeFileSync(join(from, 'x/ü/日本'), 'unicode');
    writeFileSync(join(from, 'y'.repeat(150)), 'long');
    symlinkSync('../x/ü', join(from, 'x/link'));
    for (const format of ['gnu', 'pax']) {
      const { stdout } = spawnSync('tar', ['-C', from, `--format=${format}`, '-c', '.'], {
        encoding: 'buffer',
      });
      expect(await unpack(stdout, withLinks), format).toEqual(contentOf(from));
    }
  });

  test('with the link last, so that no file is written through it', async () => {
    const found = await unpack(
      tar({ name: 'a', type: '2', link: 'b' }, { name: 'b/c', body: '1' }),
      withLinks,
    );
    expect(found).toEqual({ a: '-> b', 'b/': '', 'b/c': '1' });
  });
});

const REFUSED: readonly (readonly [string, RegExp, readonly (TarEntry | Buffer)[]])[] = [
  ['an absolute path', /absolute path/, [{ name: '/tmp/pwned', body: 'x' }]],
  ['..', /leads out/, [{ name: '../outside/pwned', body: 'x' }]],
  ['.. in the middle', /leads out/, [{ name: 'a/../../outside/pwned', body: 'x' }]],
  ['.. at the end', /leads out/, [{ name: 'a/..', type: '5' }]],
  ['.. by the prefix field', /leads out/, [{ name: 'pwned', prefix: '../outside', body: 'x' }]],
  ['.. by a POSIX record', /leads out/, [pax({ path: '../outside/pwned' }), { name: 'fine', body: 'x' }]],
  [
    '.. by a long GNU name',
    /leads out/,
    [tarEntry({ name: 'L', type: 'L', body: '../outside/pwned\0' }), { name: 'fine', body: 'x' }],
  ],
  ['a newline', /control character/, [{ name: 'a\nb', body: 'x' }]],
  ['a carriage return in a record', /control character/, [pax({ path: 'a\rb' }), { name: 'f', body: 'x' }]],
  ['a NUL in a record', /control character/, [pax({ path: 'a\0/../b' }), { name: 'f', body: 'x' }]],
  ['a line separator', /control character/, [{ name: 'a\u2028b', body: 'x' }]],
  ['bytes that are not UTF-8', /not UTF-8/, [{ name: Buffer.from([0x61, 0xff, 0xfe]), body: 'x' }]],
  ['a name of 256 bytes', /more than 255 bytes/, [pax({ path: 'a'.repeat(256) }), { name: 'f', body: 'x' }]],
  ['a path of 4 kB', /path of more than/, [pax({ path: 'ab/'.repeat(1300) }), { name: 'f', type: '5' }]],
  ['a hard link', /hard link/, [{ name: 'a', type: '1', link: '../outside' }]],
  [
    'a hard link inside',
    /hard link/,
    [
      { name: 'b', body: '1' },
      { name: 'a', type: '1', link: 'b' },
    ],
  ],
  ['a character device', /character-device/, [{ name: 'a', type: '3' }]],
  ['a block device', /block-device/, [{ name: 'a', type: '4' }]],
  ['a pipe', /fifo/, [{ name: 'a', type: '6' }]],
  ['a sparse file of GNU tar', /unknown type/, [{ name: 'a', type: 'S' }]],
  ['a sparse file by records', /sparse/, [pax({ 'GNU.sparse.major': '1' }), { name: 'a', body: 'x' }]],
  [
    'a file that is there twice',
    /twice/,
    [
      { name: 'a', body: '1' },
      { name: './a', body: '2' },
    ],
  ],
  [
    'a file in a file',
    /no directory/,
    [
      { name: 'a', body: '1' },
      { name: 'a/b', body: '2' },
    ],
  ],
  [
    'a directory for a file',
    /no directory/,
    [
      { name: 'a', body: '1' },
      { name: 'a', type: '5' },
    ],
  ],
  ['10 GB that are only told of', /more than 1000000 bytes/, [{ name: 'a', size: 10e9, body: 'x' }]],
  ['10 GB in a record', /more than 1000000 bytes/, [pax({ size: '10000000000' }), { name: 'a', body: 'x' }]],
  [
    'a size below nothing',
    /damaged/,
    [{ name: 'a', size: '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xf0' }],
  ],
  ['a size that is none', /damaged/, [{ name: 'a', size: 'zzzzzzzzzzz' }]],
  ['a record of 5 MB', /damaged/, [tarEntry({ name: 'x', type: 'x', body: Buffer.alloc(5e6, 0x20) })]],
  [
    'too many bytes in all',
    /more than 1000000 bytes/,
    [0, 1, 2].map((n) => ({ name: `f${n}`, body: Buffer.alloc(400_000) })),
  ],
  [
    'too many entries',
    /more than 100 entries/,
    Array.from({ length: 101 }, (_, n) => ({ name: `f${n}`, body: '' })),
  ],
  [
    'too many directories by one path',
    /more than 100 entries/,
    [pax({ path: 'a/'.repeat(101) }), { name: 'f', type: '5' }],
  ],
  ['no archive', /damaged|ends early/, [Buffer.from('<html>'.repeat(200))]],
];

describe('an archive is refused, and nothing is written outside, with', () => {
  test.each(REFUSED)('%s', async (_, message, entries) => {
    await expect(unpack(tar(...entries))).rejects.toThrow(message);
  });

  test('a symbolic link where none is wanted', async () => {
    await expect(unpack(tar({ name: 'a', type: '2', link: 'b' }))).rejects.toThrow('is a symbolic link');
  });

  test('a link of which a file is part of the path', async () => {
    const archive = tar({ name: 'a', type: '2', link: 'b' }, { name: 'a/c', body: '1' });
    await expect(unpack(archive, withLinks)).rejects.toThrow('twice');
  });

  test('a file below a link that was there before', async () => {
    const prepare = (directory: string): void => symlinkSync('../outside', join(directory, 'a'));
    await expect(unpack(tar({ name: 'a/b', body: '1' }), {}, prepare)).rejects.toThrow('no directory');
    await expect(unpack(tar({ name: 'a', body: '1' }), {}, prepare)).rejects.toThrow('twice');
  });

  test.each([0, 100, 512, 700, 1024, 1535, 1536, 2000, 2559])(
    'its end cut off, after %i bytes',
    async (length) => {
      const archive = tar({ name: 'a', body: 'x'.repeat(100) }, { name: 'b', type: '5' });
      expect(archive.byteLength).toBe(2560);
      await expect(unpack(archive.subarray(0, length))).rejects.toThrow(/ends early|damaged/);
    },
  );

  test('headers without end', async () => {
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) yield pax({ comment: 'x'.repeat(100_000) });
    }
    const options = { limits: { maxBytes: 1000, maxEntries: 100 }, place: (path: string) => path };
    await expect(unpackArchive(endless(), temporaryDirectory(), options)).rejects.toThrow('longer than');
  });

  test('a stream that breaks', async () => {
    async function* breaking(): AsyncGenerator<Buffer> {
      yield tarEntry({ name: 'a', body: 'x'.repeat(1000) }).subarray(0, 800);
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    }
    const options = { limits, place: (path: string) => path };
    await expect(unpackArchive(breaking(), temporaryDirectory(), options)).rejects.toThrow('socket hang up');
  });
});

describe('a symbolic link', () => {
  const OUTSIDE = [
    ['a', '/etc/passwd'],
    ['a', '..'],
    ['a', '../outside'],
    ['a', './../outside'],
    ['d/a', '../../outside'],
    ['d/a', '..//../outside'],
    ['a', 'd/../../outside'],
    // Inside by its text, and outside by way of another link.
    ['d/e/f/a', 'm/../..'],
    ['d/e/f/a', 'm/../../../..'],
    ['a', '.git/config'],
    ['a', '.GIT'],
    ['a', 'x\ny'],
    ['a', ''],
  ] as const;
  test.each(OUTSIDE)('%s -> %s is left out', async (name, link) => {
    const leftOut: string[] = [];
    const archive = tar(pax({ linkpath: link || '\0' }), { name, type: '2', link });
    await unpack(archive, { leftOutLink: (path) => leftOut.push(path) });
    expect(leftOut).toEqual([name]);
  });

  test.each([
    ['a', 'b'],
    ['a', './b/c'],
    ['d/a', '..'],
    ['d/e/a', '../../b'],
    ['a', '.gitignore'],
    ['a', '.'],
  ])('%s -> %s is made, also where its target is missing', async (name, link) => {
    const found = await unpack(tar({ name, type: '2', link }), withLinks);
    expect(found[name]).toBe(`-> ${link}`);
  });
});

/** Parts of which hostile paths are made. */
const part = fc.constantFrom('a', 'b', 'd', '.', '..', '', 'é', '.git', 'a\n', 'x'.repeat(120));
const path = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const entry: fc.Arbitrary<TarEntry> = fc.record({
  name: path,
  type: fc.constantFrom('0', '0', '0', '1', '2', '2', '3', '5', '5', '6', 'S', 'V', '\0'),
  link: path,
  body: fc.string({ maxLength: 600 }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
});

test('whatever is in an archive, everything that is written lies in its directory, and links lead nowhere else', async () => {
  const settings = { numRuns: 300, interruptAfterTimeLimit: 20_000 };
  let unpacked = 0;
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 8 }), fc.boolean(), async (entries, links) => {
      const archive = tar(
        ...entries.flatMap(({ name, link = '', ...rest }) => [
          pax({ path: String(name), linkpath: link }),
          { name: 'f', link: 'l', ...rest },
        ]),
      );
      const root = mkdtempSync(join(tmpdir(), 'keelson-test-'));
      await unpack(archive, links ? withLinks : {}, () => {}, root).then(
        () => whole++,
        () => {},
      );
      const found = contentOf(join(root, 'in'));
      rmSync(root, { recursive: true });
      if (Object.keys(found).length > 0) unpacked++;
      for (const [name, text] of Object.entries(found)) {
        if (text.startsWith('-> '))
          expect(isInside(name, text.slice(3), found), `${name} ${text}`).toBe(true);
        expect(text).not.toBe('something else');
      }
    }),
    settings,
  );
  // Not everything was refused.
  expect(unpacked).toBeGreaterThan(15);
  expect(whole).toBeGreaterThan(5);
});

/** Follows a link as the kernel does, in a tree of which nothing else is known. */
function isInside(name: string, target: string, tree: Readonly<Record<string, string>>): boolean {
  const walk = (at: string[], steps: string[], links: number): string[] | undefined => {
    for (let step = steps.shift(); step !== undefined; step = steps.shift()) {
      if (step === '' || step === '.') continue;
      if (step === '..') {
        if (at.length === 0) return undefined;
        at.pop();
        continue;
      }
      const next = tree[[...at, step].join('/')];
      if (next?.startsWith('-> ')) {
        if (links > 20) return [];
        steps.unshift(...next.slice(3).split('/'));
        links++;
      } else at.push(step);
    }
    return at;
  };
  return (
    !target.startsWith('/') &&
    walk(entryPath(name).split('/').slice(0, -1), target.split('/'), 0) !== undefined
  );
}

test('random bytes and flipped bits end in an error or in the directory, never in a hang', async () => {
  const whole = tar({ name: 'a/b', body: 'content' }, pax({ path: 'long'.repeat(50) }), {
    name: 'c',
    body: 'x',
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
      async (changes) => {
        const archive = Buffer.from(whole);
        for (const [at, value] of changes) archive[at] = value;
        await unpack(archive, withLinks).catch(() => {});
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 20_000 },
  );
});
