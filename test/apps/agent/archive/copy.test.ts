import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyTree } from '../../../../apps/agent/archive/copy.ts';
import { contentOf, temporaryDirectory } from './temporary.ts';

const { signal } = new AbortController();
const limits = { maxBytes: 1_000_000, maxEntries: 100 };

test('files, directories and links that stay inside are copied, and nothing else', async () => {
  const from = temporaryDirectory();
  const to = temporaryDirectory();
  mkdirSync(join(from, 'bin'));
  mkdirSync(join(from, 'empty'));
  mkdirSync(join(from, '.git'));
  writeFileSync(join(from, '.git/config'), 'token');
  writeFileSync(join(from, 'bin/run'), '#!/bin/sh');
  chmodSync(join(from, 'bin/run'), 0o6755);
  symlinkSync('bin/run', join(from, 'run'));
  symlinkSync('/etc/passwd', join(from, 'passwd'));
  symlinkSync('../..', join(from, 'bin/up'));
  spawnSync('mkfifo', [join(from, 'pipe')]);
  const leftOut: string[] = [];
  await copyTree(from, to, {
    limits,
    skip: (path) => path === '.git',
    leftOut: (path) => leftOut.push(path),
    signal,
  });
  expect(contentOf(to)).toEqual({
    'bin/': '',
    'bin/run': '#!/bin/sh',
    'empty/': '',
    run: '-> bin/run',
  });
  expect(statSync(join(to, 'bin/run')).mode & 0o7777).toBe(0o755);
  expect(leftOut.sort()).toEqual(['bin/up', 'passwd', 'pipe']);
});

test('more than the limits allow is refused', async () => {
  const from = temporaryDirectory();
  const options = { limits, skip: () => false, leftOut: () => {}, signal };
  writeFileSync(join(from, 'large'), Buffer.alloc(1_000_001));
  await expect(copyTree(from, temporaryDirectory(), options)).rejects.toThrow('more than 1000000 bytes');
  writeFileSync(join(from, 'large'), '');
  for (let n = 0; n < 100; n++) writeFileSync(join(from, `f${n}`), '');
  await expect(copyTree(from, temporaryDirectory(), options)).rejects.toThrow('more than 100 entries');
});
