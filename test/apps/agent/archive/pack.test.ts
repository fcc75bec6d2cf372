import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { packFiles } from '../../../../apps/agent/archive/pack.ts';
import { unpackArchive } from '../../../../apps/agent/archive/unpack.ts';
import { inPieces } from './tar.ts';
import { contentOf, temporaryDirectory } from './temporary.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const limits = { maxBytes: 1_000_000, maxEntries: 100 };

async function pack(
  directory: string,
  between: (chunk: number) => void = () => {},
): Promise<{ archive: Buffer; leftOut: Record<string, string> }> {
  const leftOut: Record<string, string> = {};
  const chunks: Uint8Array[] = [];
  const options = {
    limits,
    skip: (path: string) => path === 'skipped',
    leftOut: (path: string, fault: string) => {
      leftOut[path] = fault;
    },
  };
  for await (const chunk of packFiles(directory, options)) {
    chunks.push(Buffer.from(chunk));
    between(chunks.length);
  }
  return { archive: Buffer.concat(chunks), leftOut };
}

async function unpacked(archive: Buffer): Promise<Record<string, string>> {
  const directory = temporaryDirectory();
  await unpackArchive(inPieces(archive), directory, { limits, place: (path) => path });
  return contentOf(directory);
}

test('files of any length and name come out as they went in, also by GNU tar', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'assets/ü/deep'), { recursive: true });
  writeFileSync(join(directory, 'build.log'), 'log\n');
  writeFileSync(join(directory, 'empty'), '');
  writeFileSync(join(directory, 'assets/block'), 'b'.repeat(512));
  writeFileSync(join(directory, 'assets', 'n'.repeat(100)), 'fits');
  writeFileSync(join(directory, 'assets/ü/deep', 'n'.repeat(200)), 'l'.repeat(200_000));
  const { archive, leftOut } = await pack(directory);
  const { 'assets/ü/': _, 'assets/ü/deep/': __, 'assets/': ___, ...files } = contentOf(directory);
  expect(leftOut).toEqual({});
  expect(await unpacked(archive)).toMatchObject(files);
  const byTar = temporaryDirectory();
  const tar = spawnSync('tar', ['-C', byTar, '-x'], { input: archive });
  expect(tar.stderr.toString()).toBe('');
  expect(contentOf(byTar)).toMatchObject(files);
});

test('links, pipes, sockets, devices, sparse giants and bad names are left out', async () => {
  const directory = temporaryDirectory();
  const secret = join(temporaryDirectory(), 'token');
  writeFileSync(secret, 'secret');
  writeFileSync(join(directory, 'good'), 'good');
  writeFileSync(join(directory, 'skipped'), 'not looked at');
  symlinkSync(secret, join(directory, 'link'));
  symlinkSync(join(secret, '..'), join(directory, 'link-to-directory'));
  linkSync(secret, join(directory, 'second-name'));
  writeFileSync(join(directory, 'sparse'), '');
  truncateSync(join(directory, 'sparse'), 10e9);
  writeFileSync(join(directory, 'new\nline'), 'x');
  writeFileSync(join(directory, '\u009b'), 'x');
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x41])]), 'x');
  expect(spawnSync('mkfifo', [join(directory, 'pipe')]).status).toBe(0);
  const device = spawnSync('mknod', [join(directory, 'device'), 'c', '1', '5']).status === 0;
  const { archive, leftOut } = await pack(directory);
  expect(await unpacked(archive)).toEqual({ good: 'good' });
  expect(leftOut).toEqual({
    link: 'is a symbolic link',
    'link-to-directory': 'is a symbolic link',
    'second-name': 'has another name elsewhere',
    sparse: 'has 10000000000 bytes, more than are left of 1000000',
    'new\nline': 'has a control character in its name',
    '\u009b': 'has a control character in its name',
    '\ufffdA': 'has a name that is not UTF-8',
    pipe: 'is neither a file nor a directory',
    ...(device && { device: 'is neither a file nor a directory' }),
  });
});

test('a file that is cut off or grows while it is read is as long as its header says', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'file');
  for (const change of [() => truncateSync(file, 70_000), () => appendFileSync(file, 'y'.repeat(50_000))]) {
    writeFileSync(file, 'x'.repeat(150_000));
    const { archive } = await pack(directory, (chunk) => chunk === 2 && change());
    const { file: found = '' } = await unpacked(archive);
    expect(found).toMatch(/^x{70000}x*\0*$/);
    expect(found.length).toBe(150_000);
  }
});

test('a directory with too many names, or too deep, is refused or left out', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'd/'.repeat(99)), { recursive: true });
  await expect(pack(directory)).resolves.toMatchObject({ leftOut: {} });
  for (const name of ['a', 'b']) writeFileSync(join(directory, name), '');
  await expect(pack(directory)).rejects.toThrow('more than 100 entries');
});

test('a root that is a symbolic link, or lies behind one, is not followed', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'real/run'), { recursive: true });
  symlinkSync('real', join(directory, 'link'));
  await expect(pack(join(directory, 'link'))).rejects.toThrow(/ENOTDIR|ELOOP/);
  await expect(pack(join(directory, 'link/run'))).rejects.toThrow(/ENOTDIR|ELOOP/);
});

const SWAP = `
const { renameSync } = require('node:fs');
const [directory] = process.argv.slice(1);
const until = Date.now() + 1500;
process.stdout.write('go');
while (Date.now() < until) {
  renameSync(directory + '/a', directory + '/b');
  renameSync(directory + '/l', directory + '/a');
  renameSync(directory + '/a', directory + '/l');
  renameSync(directory + '/b', directory + '/a');
}`;

test('a build that swaps a directory for a link again and again never gets another directory packed', async () => {
  const directory = temporaryDirectory();
  const secret = temporaryDirectory();
  writeFileSync(join(secret, 'token'), 'secret');
  mkdirSync(join(directory, 'out/a'), { recursive: true });
  writeFileSync(join(directory, 'out/a/token'), 'public');
  symlinkSync(secret, join(directory, 'l'));
  symlinkSync(secret, join(directory, 'out/l'));
  const swap = spawn(process.execPath, ['-e', SWAP, join(directory, 'out')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void swap.kill());
  await new Promise((resolve) => swap.stdout.once('data', resolve));
  const seen = { packed: 0, link: 0, replaced: 0 };
  while (swap.exitCode === null) {
    const { archive, leftOut } = await pack(directory);
    expect(archive.includes('secret')).toBe(false);
    if (archive.includes('public')) seen.packed++;
    const faults = Object.entries(leftOut);
    if (faults.some(([path, fault]) => path.endsWith('/a') && fault.includes('link'))) seen.link++;
    if (faults.some(([, fault]) => fault.includes('meanwhile'))) seen.replaced++;
  }
  // Both states were met.
  expect(seen.packed).toBeGreaterThan(0);
  expect(seen.link + seen.replaced).toBeGreaterThan(0);
});

test('whatever is packed is unpacked as it was', async () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 130 }).filter((text) => {
    return (
      !/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}/\ufffd]|^\.{1,2}$/u.test(text) &&
      Buffer.byteLength(text) < 250 &&
      text !== 'skipped'
    );
  });
  const files = fc.dictionary(name, fc.string({ maxLength: 2000 }), { maxKeys: 6, noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(files, async (content) => {
      const directory = temporaryDirectory();
      for (const [file, text] of Object.entries(content)) writeFileSync(join(directory, file), text);
      const { archive, leftOut } = await pack(directory);
      expect(leftOut).toEqual({});
      expect(await unpacked(archive)).toEqual(contentOf(directory));
    }),
    { numRuns: 100, interruptAfterTimeLimit: 20_000 },
  );
});
