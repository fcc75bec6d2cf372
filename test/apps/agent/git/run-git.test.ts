import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { GitError } from '../../../../apps/agent/git/git-error.ts';
import { type RunGitOptions, runGit } from '../../../../apps/agent/git/run-git.ts';

// git is started many times, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const options: RunGitOptions = { allowProtocols: '', timeoutMs: 10_000, maxOutputBytes: 10_000 };
/** git runs what is behind an alias with a shell: a stand-in for helpers such as ssh. */
const helper = (script: string): readonly string[] => ['-c', `alias.helper=!${script}`, 'helper'];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'run-git-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('git prints its version', async () => {
  expect(await runGit(['version'], options)).toMatch(/^git version \d/);
});

test('git gets an empty home that is gone afterwards, and no variable of this process but PATH and TMPDIR', async () => {
  process.env['KEELSON_CANARY'] = 'canary';
  const printed = await runGit(helper('env; ls -A "$HOME"; :'), options);
  delete process.env['KEELSON_CANARY'];
  const names = printed.split('\n').map((line) => line.split('=')[0]);
  expect(names).not.toContain('KEELSON_CANARY');
  expect(
    names.filter((name) => name !== '' && !/^(GIT_|SSH_ASKPASS|PWD|OLDPWD|SHLVL|_$)/.test(name ?? '')).sort(),
  ).toEqual(['HOME', 'LC_ALL', 'PATH', ...(process.env['TMPDIR'] === undefined ? [] : ['TMPDIR'])].sort());
  const home = /^HOME=(.*)$/m.exec(printed)?.[1] ?? '';
  expect(home).toContain('keelson-git-');
  expect(existsSync(home)).toBe(false);
});

test('a protocol that is not allowed is refused before anything runs', async () => {
  const touched = join(directory, 'touched');
  for (const url of [`ext::touch ${touched}`, `file://${directory}`, directory, 'git://127.0.0.1/x']) {
    await expect(
      runGit(['ls-remote', '--', url], { ...options, allowProtocols: 'https:ssh' }),
    ).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('not allowed') });
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('at the end of its time git is killed with all that it started', async () => {
  const pids = join(directory, 'pids');
  const started = Date.now();
  await expect(
    runGit(helper(`sh -c 'echo $$ > ${pids}; exec sleep 60' & wait; :`), { ...options, timeoutMs: 500 }),
  ).rejects.toMatchObject({ kind: 'unreachable', message: 'git helper took longer than 0.5 s' });
  expect(Date.now() - started).toBeLessThan(5000);
  await expectEnded(pids);
});

test('what git leaves running is killed when git has ended', async () => {
  const pids = join(directory, 'pids');
  const started = Date.now();
  await runGit(
    helper(`sh -c 'echo $$ > ${pids}; exec sleep 60' & while ! [ -s ${pids} ]; do :; done; :`),
    options,
  );
  expect(Date.now() - started).toBeLessThan(5000);
  await expectEnded(pids);
});

test('an abort ends git, and a program that is stopping starts none', async () => {
  const stop = new AbortController();
  const running = runGit(helper('sleep 60; :'), { ...options, signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await expect(running).rejects.toMatchObject({ kind: 'unreachable' });
  await expect(runGit(['version'], { ...options, signal: stop.signal })).rejects.toThrow('not started');
});

test('output is bounded', async () => {
  await expect(runGit(helper('yes; :'), { ...options, maxOutputBytes: 1000 })).rejects.toMatchObject({
    kind: 'protocol',
    message: 'git helper printed more than 1000 bytes',
  });
});

test('files and memory are bounded where that is asked for, and arguments stay what they are', async () => {
  const big = join(directory, 'big');
  const write = helper(`head -c 3000000 /dev/zero > ${big}; :`);
  await runGit(write, { ...options, maxFileBytes: 1_000_448 }).catch(() => undefined);
  expect(statSync(big).size).toBe(1_000_448);
  await runGit(write, options);
  expect(statSync(big).size).toBe(3_000_000);
  expect(await runGit(helper('ulimit -v; :'), { ...options, maxMemoryBytes: 1024 * 1024 * 1024 })).toBe(
    '1048576\n',
  );
  const hostile = ['rev-parse', '--sq-quote', '$(id)', '`id`', '; id', '"', "'", '$1', '-v', ''];
  const quoted = " '$(id)' '`id`' '; id' '\"' ''\\''' '$1' '-v' ''\n";
  expect(await runGit(hostile, options)).toBe(quoted);
  expect(await runGit(hostile, { ...options, maxMemoryBytes: 1e9, maxFileBytes: 1e6 })).toBe(quoted);
});

test('an error shows what git said, on one line, bounded and without credentials', async () => {
  const say = join(directory, 'say');
  writeFileSync(say, `fatal: https://me:s3cret@example.com/\u001b[31m\n${'x'.repeat(20_000)}\n`);
  const error: unknown = await runGit(helper(`cat ${say} >&2; exit 3; :`), options).catch((caught) => caught);
  if (!(error instanceof GitError)) throw error;
  expect(error.message).not.toMatch(/s3cret|[\u0000-\u001f]/);
  expect(error.message.length).toBeLessThan(400);
});

test('failures of git, ssh and servers are told apart', async () => {
  for (const [said, kind] of [
    ['git@example.com: Permission denied (publickey).', 'unauthorized'],
    ["fatal: could not read Username for 'https://example.com': terminal prompts disabled", 'unauthorized'],
    ['Host key verification failed.', 'refused'],
    ['remote: Repository not found.', 'not-found'],
    ['ssh: connect to host example.com port 22: Connection refused', 'unreachable'],
    ['fatal: bad object', 'protocol'],
  ]) {
    await expect(runGit(helper(`echo "${said}" >&2; exit 128; :`), options), said).rejects.toMatchObject({
      kind,
    });
  }
});

async function expectEnded(pidFile: string): Promise<void> {
  const pid = Number(readFileSync(pidFile, 'utf8'));
  expect(pid).toBeGreaterThan(1);
  // A killed process may wait to be reaped by whatever runs as process 1.
  const state = (): string => {
    try {
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] ?? '';
    } catch {
      return 'gone';
    }
  };
  for (let tries = 0; tries < 50 && !['gone', 'Z', 'X'].includes(state()); tries++) await sleep(20);
  expect(['gone', 'Z', 'X']).toContain(state());
}
