import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tar } from '../archive/tar.ts';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { environmentOf, fetched } from './fetched.ts';
import { type Ended, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const commit = 'c'.repeat(40);
const environment = environmentOf({ url: '/home/me/project', commit, branch: 'local' });

/** A checkout with a credential in its .git, as `git clone https://user:token@…` leaves it. */
function checkout(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, '.git'));
  mkdirSync(join(directory, 'vendor/library/.git'), { recursive: true });
  mkdirSync(join(directory, 'bin'));
  const config = '[remote "origin"]\n\turl = https://me:ghp_canary@github.com/me/project\n';
  writeFileSync(join(directory, '.git/config'), config);
  writeFileSync(join(directory, '.git/HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(join(directory, 'vendor/library/.git/config'), config);
  writeFileSync(join(directory, 'vendor/library/file'), 'library');
  writeFileSync(join(directory, 'bin/run'), '#!/bin/sh\n');
  chmodSync(join(directory, 'bin/run'), 0o755);
  symlinkSync('bin/run', join(directory, 'run'));
  symlinkSync('/etc/passwd', join(directory, 'outside'));
  writeFileSync(join(directory, 'not committed'), 'but built');
  return directory;
}

const EXPECTED = {
  '.git/': '',
  '.git/HEAD': `${commit}\n`,
  'bin/': '',
  'bin/run': '#!/bin/sh\n',
  'not committed': 'but built',
  run: '-> bin/run',
  'vendor/': '',
  'vendor/library/': '',
  'vendor/library/file': 'library',
};

async function receive(archive: Buffer, directory: string, ...args: string[]): Promise<Ended> {
  const child = startSource(directory, environment, '--receive', ...args);
  child.process.stdin?.on('error', () => {});
  child.process.stdin?.end(archive);
  return await child.ended;
}

describe('a directory that is sent to the process', () => {
  test('by GNU tar arrives without what is in .git, twice', async () => {
    const directory = temporaryDirectory();
    for (let time = 0; time < 2; time++) {
      const child = startSource(directory, environment, '--receive');
      const sender = spawn('tar', ['-C', checkout(), '-c', '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
      sender.stdout.pipe(child.process.stdin as NodeJS.WritableStream);
      const { code, messages, printed } = await child.ended;
      expect(code, printed).toBe(0);
      expect(messages).toEqual([
        'waiting for a directory at standard input',
        'left out',
        'the source is there',
      ]);
      expect(contentOf(directory)).toEqual(EXPECTED);
      writeFileSync(join(directory, 'stale'), 'of the first time');
    }
  });

  test.each([
    ['that breaks off', tar({ name: 'a', body: 'x'.repeat(5000) }).subarray(0, 3000), /ends early|damaged/],
    ['that is empty', Buffer.alloc(0), /ends early/],
    ['with ..', tar({ name: '../a', body: 'x' }), /leads out/],
    ['that is too large', tar({ name: 'a', body: Buffer.alloc(20_000) }), /more than 10000 bytes/],
  ])('%s is refused', async (_, archive, fault) => {
    const { code, messages } = await receive(archive, temporaryDirectory(), '--max-bytes=10000');
    expect(code).toBe(1);
    expect(messages.at(-1)).toMatch(fault);
  });

  test('is waited for until the time is over', async () => {
    const child = startSource(temporaryDirectory(), environment, '--receive', '--timeout-seconds=1');
    expect((await child.ended).code).toBe(1);
  });
});

describe('a directory that is copied', () => {
  test('arrives without what is in .git, in place of what was there', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'stale'), 'stale');
    const from = checkout();
    await fetched({ url: from, commit, directory, args: [`--copy=${from}`] });
    expect(contentOf(directory)).toEqual(EXPECTED);
  });

  test('into itself is refused before anything is removed', async () => {
    const directory = checkout();
    const before = contentOf(directory);
    for (const copy of [directory, join(directory, 'bin'), join(directory, '..')]) {
      const wanted = { url: directory, commit, directory, args: [`--copy=${copy}`] };
      await expect(fetched(wanted)).rejects.toThrow('lie in each other');
    }
    expect(contentOf(directory)).toEqual(before);
  });
});
