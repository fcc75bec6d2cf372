// The program as a pod runs it: a process of its own.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeGitHub } from './fake-github.ts';
import { ENVIRONMENT, Outputs, published } from './release-run.ts';

const MAIN = new URL('../../../../apps/agent/main.ts', import.meta.url).pathname;
const FILES = Object.fromEntries(
  Array.from({ length: 6 }, (_, number) => [`file-${number}`, Buffer.alloc(200_000 + number, `${number}`)]),
);
const WHOLE = {
  'build.log': 'the log\n',
  ...Object.fromEntries(Object.entries(FILES).map(([name, content]) => [name, content.toString('latin1')])),
};

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Starts the program with a configuration; no variable of this process but PATH reaches it. */
function start(
  configuration: unknown,
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const file = join(directory, 'github-release.json');
  writeFileSync(file, JSON.stringify(configuration));
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'release', `--config=${file}`], {
    env: { PATH: process.env['PATH'], ...ENVIRONMENT, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  child.stdout?.on('data', (chunk) => output.push(chunk));
  child.stderr?.on('data', (chunk) => output.push(chunk));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) =>
      resolve({ code, signal, output: Buffer.concat(output).toString() }),
    );
  });
  return { child, ended };
}

test('a process makes a release, and shows no token', async () => {
  const github = await FakeGitHub.start();
  const outputs = new Outputs(FILES);
  const { code, output } = await start(outputs.configuration(github), outputs.directory).ended;
  expect(code, output).toBe(0);
  expect(published(github)).toEqual(WHOLE);
  expect(github.violations).toEqual([]);
  expect(output).not.toContain('canary-');
  for (const line of output.trim().split('\n'))
    expect(JSON.parse(line)).toMatchObject({ program: 'release' });
}, 60_000);

test.skipIf(!hasOpenssl)(
  `a process speaks TLS, and trusts nobody else${hasOpenssl ? '' : ' (missing: openssl)'}`,
  async () => {
    const outputs = new Outputs(FILES);
    const at = (file: string): string => join(outputs.directory, file);
    const subject = ['-subj', '/CN=github', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('key'), '-out', at('cert'), ...subject],
      {
        stdio: 'ignore',
      },
    );
    const tls = { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('cert'), 'utf8') };
    const github = await FakeGitHub.start({ tls });
    const configuration = outputs.configuration(github);
    const { child, ended } = start(configuration, outputs.directory);
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const distrustful = await ended;
    expect(distrustful.code, distrustful.output).toBe(1);
    expect(distrustful.output).toContain('self-signed certificate');
    expect(github.seen).toEqual([]);
    const { code, output } = await start(configuration, outputs.directory, {
      NODE_EXTRA_CA_CERTS: at('cert'),
    }).ended;
    expect(code, output).toBe(0);
    expect(published(github)).toEqual(WHOLE);
  },
  60_000,
);

test('a process without a token ends with 66, and one without a configuration with 64', async () => {
  const github = await FakeGitHub.start();
  const outputs = new Outputs();
  rmSync(join(outputs.directory, 'token'));
  const skipped = await start(outputs.configuration(github), outputs.directory).ended;
  expect(skipped.code, skipped.output).toBe(66);
  expect(skipped.output).toContain('there is no token in');
  const wrong = await start({ kind: 'GitHubRelease' }, outputs.directory).ended;
  expect(wrong.code, wrong.output).toBe(64);
}, 60_000);

test('24 processes killed by SIGKILL at random points leave one whole release each time it is tried again', async () => {
  let kills = 0;
  // From the first request to the end, of a process that is left in peace.
  let span = 0;
  const places = new Set<string>();
  while (kills < 24) {
    const github = await FakeGitHub.start();
    github.delay = () => 2 + Math.random() * 4;
    const outputs = new Outputs(FILES);
    for (let left = span === 0 ? 0 : 6; ; left -= 1) {
      const { child, ended } = start(outputs.configuration(github), outputs.directory);
      let first = 0;
      let point: NodeJS.Timeout | undefined;
      github.fault = () => {
        first ||= Date.now();
        if (left > 0) point ??= setTimeout(() => child.kill('SIGKILL'), Math.random() * span);
        return undefined;
      };
      const { code, signal, output } = await ended;
      clearTimeout(point);
      if (signal !== 'SIGKILL') {
        expect(code, output).toBe(0);
        span ||= Date.now() - first;
        break;
      }
      kills += 1;
      const { method, path } = github.seen.at(-1) ?? {};
      places.add(`${method} ${path?.replace(/\d+/g, '1')}`);
    }
    expect(published(github)).toEqual(WHOLE);
    expect(github.violations).toEqual([]);
  }
  // They were not all killed in one place.
  expect(places.size).toBeGreaterThan(2);
}, 300_000);
