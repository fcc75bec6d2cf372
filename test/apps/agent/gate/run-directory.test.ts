import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RunDirectory } from '../../../../apps/agent/gate/run-directory.ts';

describe('the run directory, in which the build may write what it likes', () => {
  let path: string;
  let files: RunDirectory;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'keelson-run-'));
    files = new RunDirectory(path);
  });
  afterEach(() => rmSync(path, { recursive: true }));
  const write = (name: string, text: string): void => writeFileSync(join(path, name), text);

  test('attempt, answer and result are read as the wrapper writes them', async () => {
    expect(await files.attempt()).toBeUndefined();
    write('attempt', '2\n');
    write('result', '2 137\n');
    expect(await files.attempt()).toBe(2);
    expect(await files.exitCode(2)).toBe(137);
    expect(await files.exitCode(1)).toBeUndefined();
  });

  test('an answer is for one attempt', async () => {
    await files.answer(1, 'run');
    expect(readFileSync(join(path, 'go'), 'utf8')).toBe('1 run\n');
    expect(await files.answered(1)).toBe('run');
    expect(await files.answered(2)).toBeUndefined();
    await files.answer(2, 'skip');
    expect(await files.answered(2)).toBe('skip');
  });

  test.each(['', 'x', '-1', '1e3', '0x1', '1.5', '9999999999', ' ', '\0', '1\n2', '١'])(
    '%j is no attempt',
    async (text) => {
      write('attempt', text);
      expect(await files.attempt()).toBeUndefined();
    },
  );

  test('an answer that is none is as if there were none', async () => {
    write('go', '1 perhaps\n');
    expect(await files.answered(1)).toBeUndefined();
  });

  test('links, folders, pipes and long files are as if they were not there', async () => {
    const secret = join(path, 'secret');
    writeFileSync(secret, '7\n');
    symlinkSync(secret, join(path, 'attempt'));
    mkdirSync(join(path, 'go'));
    execFileSync('mkfifo', [join(path, 'result')]);
    expect(await files.attempt()).toBeUndefined();
    expect(await files.answered(7)).toBeUndefined();
    expect(await files.exitCode(7)).toBeUndefined();
    rmSync(join(path, 'attempt'));
    write('attempt', `7${' '.repeat(1 << 20)}`);
    expect(await files.attempt()).toBeUndefined();
  });

  test('an answer is not written through a link, nor into a folder', async () => {
    const victim = join(path, 'victim');
    writeFileSync(victim, 'as it was');
    symlinkSync(victim, join(path, 'go.gate'));
    symlinkSync(victim, join(path, 'go'));
    await files.answer(1, 'run');
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    expect(readFileSync(join(path, 'go'), 'utf8')).toBe('1 run\n');
    mkdirSync(join(path, 'go.gate', 'x'), { recursive: true });
    await files.answer(2, 'run');
    rmSync(join(path, 'go'));
    mkdirSync(join(path, 'go', 'x'), { recursive: true });
    await expect(files.answer(3, 'run')).rejects.toThrow();
  });
});
