import { spawn } from 'node:child_process';
import { linkSync, mkdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Log } from '../../../../apps/agent/observe/log.ts';
import { outputs } from '../../../../apps/agent/outputs/outputs.ts';
import { serveOutputs } from '../../../../apps/agent/outputs/serve-outputs.ts';
import { tar } from '../archive/tar.ts';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const RUN = '8b9a2f6e-8a3b-4d5c-9e1f-000000000001';

/** A log of which the lines are kept. */
function keptLog(): {
  log: Log;
  lines: { message: string; path?: string; fault?: string; error?: string }[];
} {
  const lines: { message: string }[] = [];
  return {
    lines,
    log: pino({ messageKey: 'message' }, { write: (line) => void lines.push(JSON.parse(line)) }),
  };
}

async function gate(
  directory: string,
): Promise<{ url: string; port: number; lines: ReturnType<typeof keptLog>['lines'] }> {
  const stop = new AbortController();
  const { log, lines } = keptLog();
  const { port, closed } = await serveOutputs({ port: 0, directory, runId: RUN, log, signal: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await closed;
  });
  return { port, lines, url: `http://127.0.0.1:${port}/${RUN}.tar` };
}

async function otherServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${RUN}.tar`;
}

function run(url: string, directory: string, ...args: string[]): Promise<number> {
  return outputs([`--directory=${directory}`, ...args], {
    environment: { KEELSON_OUTPUTS_URL: url },
    log: keptLog().log,
    signal: new AbortController().signal,
  });
}

/** A run's directory with outputs. */
function runs(): string {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, RUN, 'assets/bin'), { recursive: true });
  writeFileSync(join(directory, RUN, 'build.log'), 'built\n');
  writeFileSync(join(directory, RUN, 'assets/bin/runner'), 'x'.repeat(300_000));
  writeFileSync(join(directory, RUN, 'assets/README.md'), '# runner');
  writeFileSync(join(directory, RUN, 'other'), 'no output');
  mkdirSync(join(directory, 'another-run'));
  writeFileSync(join(directory, 'another-run/build.log'), 'not for you');
  return directory;
}

function ask(port: number, path: string, method = 'GET'): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    get({ port, path, method, host: '127.0.0.1', agent: false }, done).on('error', fail);
  });
}

describe('outputs of a gate that really serves them', () => {
  test('come with log and assets, and nothing else of the volume', async () => {
    const { url } = await gate(runs());
    const directory = temporaryDirectory();
    expect(await run(url, directory)).toBe(0);
    expect(contentOf(directory)).toEqual({
      'assets/': '',
      'assets/README.md': '# runner',
      'assets/bin/': '',
      'assets/bin/runner': 'x'.repeat(300_000),
      'build.log': 'built\n',
    });
  });

  test('come as assets alone, over the files of a build context, also a second time', async () => {
    const { url } = await gate(runs());
    const directory = temporaryDirectory();
    mkdirSync(join(directory, '.git'));
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, '.git/HEAD'), 'commit');
    writeFileSync(join(directory, 'bin/runner'), 'of the repository');
    writeFileSync(join(directory, 'Dockerfile'), 'FROM scratch');
    for (let time = 0; time < 2; time++) expect(await run(url, directory, '--assets')).toBe(0);
    expect(contentOf(directory)).toEqual({
      '.git/': '',
      '.git/HEAD': 'commit',
      Dockerfile: 'FROM scratch',
      'README.md': '# runner',
      'bin/': '',
      'bin/runner': 'x'.repeat(300_000),
    });
  });

  test('replace a link of the build context, and are not written through one', async () => {
    const { url } = await gate(runs());
    const directory = temporaryDirectory();
    const elsewhere = temporaryDirectory();
    writeFileSync(join(elsewhere, 'README.md'), 'untouched');
    symlinkSync(join(elsewhere, 'README.md'), join(directory, 'README.md'));
    expect(await run(url, directory, '--assets')).toBe(0);
    expect(contentOf(elsewhere)).toEqual({ 'README.md': 'untouched' });
    expect(contentOf(directory)['README.md']).toBe('# runner');

    const linked = temporaryDirectory();
    symlinkSync(elsewhere, join(linked, 'bin'));
    await expect(run(url, linked, '--assets')).rejects.toThrow('"bin" is no directory');
    expect(contentOf(elsewhere)).toEqual({ 'README.md': 'untouched' });
  });

  test('are empty where the run left nothing, or a link', async () => {
    const directory = temporaryDirectory();
    const empty = await gate(directory);
    const target = temporaryDirectory();
    expect(await run(empty.url, target)).toBe(0);
    writeFileSync(join(target, 'build.log'), 'secret');
    symlinkSync(target, join(directory, RUN));
    expect(await run(empty.url, temporaryDirectory())).toBe(0);
    const response = await ask(empty.port, `/${RUN}.tar`);
    expect((await text(response)).includes('secret')).toBe(false);
  });

  test('leave out what a hostile build put there, and the log says so', async () => {
    const directory = temporaryDirectory();
    const assets = join(directory, RUN, 'assets');
    mkdirSync(assets, { recursive: true });
    const token = join(temporaryDirectory(), 'token');
    writeFileSync(token, 'the token');
    symlinkSync(token, join(assets, 'token'));
    symlinkSync(join(token, '..'), join(assets, 'directory'));
    symlinkSync(token, join(directory, RUN, 'build.log'));
    linkSync(token, join(assets, 'hard'));
    writeFileSync(join(assets, 'sparse'), '');
    truncateSync(join(assets, 'sparse'), 10e9);
    writeFileSync(join(assets, 'new\nline'), 'x');
    writeFileSync(join(assets, '..fine'), 'fine');
    const { url, lines } = await gate(directory);
    const target = temporaryDirectory();
    expect(await run(url, target)).toBe(0);
    expect(contentOf(target)).toEqual({ 'assets/': '', 'assets/..fine': 'fine' });
    const leftOut = lines.filter(({ message }) => message === 'left out').map(({ path }) => path);
    expect(leftOut.sort()).toEqual(
      [
        '"assets/directory"',
        '"assets/hard"',
        '"assets/new\\nline"',
        '"assets/sparse"',
        '"assets/token"',
        '"build.log"',
      ].sort(),
    );
  });
});

describe('the gate', () => {
  test.each([
    ['/', 'GET'],
    [`/${RUN}`, 'GET'],
    [`/${RUN}.tar`, 'POST'],
    [`/${RUN}.tar`, 'HEAD'],
    [`/${RUN}.tar?x`, 'GET'],
    [`/${RUN}.tar/`, 'GET'],
    [`//${RUN}.tar`, 'GET'],
    [`/./${RUN}.tar`, 'GET'],
    ['/another-run.tar', 'GET'],
    ['/..%2fanother-run.tar', 'GET'],
    [`/../${RUN}.tar`, 'GET'],
    [`/${RUN}.tar%00`, 'GET'],
    [`/${RUN.toUpperCase()}.tar`, 'GET'],
  ])('answers 404 for %s by %s', async (path, method) => {
    const { port } = await gate(runs());
    const response = await ask(port, path, method);
    response.resume();
    expect(response.statusCode).toBe(404);
  });

  test('serves four at once, and tells a fifth to come again', async () => {
    const directory = runs();
    truncateSync(join(directory, RUN, 'assets/bin/runner'), 50_000_000);
    const { port } = await gate(directory);
    const waiting = await Promise.all([1, 2, 3, 4].map(() => ask(port, `/${RUN}.tar`)));
    const fifth = await ask(port, `/${RUN}.tar`);
    expect(fifth.statusCode).toBe(503);
    expect(fifth.headers['retry-after']).toBe('5');
    fifth.resume();
    for (const response of waiting) response.destroy();
    // Those that went away make room.
    await expect.poll(async () => (await ask(port, `/${RUN}.tar`)).statusCode, { timeout: 5000 }).toBe(200);
  });

  test('ends when it is told to, in the middle of a download', async () => {
    const directory = runs();
    truncateSync(join(directory, RUN, 'assets/bin/runner'), 50_000_000);
    const stop = new AbortController();
    const options = { port: 0, directory, runId: RUN, log: keptLog().log, signal: stop.signal };
    const { port, closed } = await serveOutputs(options);
    const response = await ask(port, `/${RUN}.tar`);
    stop.abort();
    await closed;
    await expect(text(response)).rejects.toThrow('aborted');
    await expect(ask(port, '/')).rejects.toThrow('ECONNREFUSED');
  });

  test('is not stopped by a client that speaks no http', async () => {
    const { port, url } = await gate(runs());
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end('\0\0\0\r\n\r\n');
    await sleep(100);
    expect(await run(url, temporaryDirectory())).toBe(0);
  });

  test('refuses a run whose name is a path', async () => {
    const options = { port: 0, directory: '/', log: keptLog().log, signal: new AbortController().signal };
    for (const runId of ['..', 'a/b', '']) {
      await expect(serveOutputs({ ...options, runId })).rejects.toThrow('is no name of a run');
    }
  });
});

describe('fetching from a server that fails', () => {
  test('waits until the gate answers, and takes up a download that broke from its start', async () => {
    const archive = tar({ name: 'build.log', body: 'x'.repeat(5000) });
    let requests = 0;
    const url = await otherServer((_, response) => {
      requests++;
      if (requests === 1) return response.writeHead(503).end();
      if (requests === 2) {
        response.write(archive.subarray(0, 3000));
        return setTimeout(() => response.destroy(), 50);
      }
      return response.end(archive);
    });
    const directory = temporaryDirectory();
    expect(await run(url, directory)).toBe(0);
    expect(requests).toBe(3);
    expect(contentOf(directory)).toEqual({ 'build.log': 'x'.repeat(5000) });
  });

  test.each([404, 301, 403])('gives up at once on %i, and follows nothing', async (status) => {
    let requests = 0;
    const url = await otherServer((_, response) => {
      requests++;
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
    await expect(run(url, temporaryDirectory())).rejects.toThrow(`answered ${status}`);
    expect(requests).toBe(1);
  });

  test('gives up when nobody has answered for long enough', async () => {
    const url = await otherServer((_, response) => response.destroy());
    await expect(run(url, temporaryDirectory(), '--retry-seconds=2')).rejects.toThrow();
    await expect(run(url, temporaryDirectory(), '--timeout-seconds=1')).rejects.toThrow(/timeout|aborted/);
  });

  test.each([
    ['..', tar({ name: 'build.log', body: 'log' }, { name: 'assets/../../x', body: 'x' })],
    ['a link', tar({ name: 'build.log', body: 'log' }, { name: 'assets/a', type: '2', link: 'b' })],
    ['an early end', tar({ name: 'build.log', body: 'log' }).subarray(0, -512)],
    ['too much', tar({ name: 'assets/a', body: Buffer.alloc(2000) })],
  ])('leaves nothing of an archive with %s', async (_, archive) => {
    const url = await otherServer((__, response) => response.end(archive));
    const directory = temporaryDirectory();
    await expect(run(url, directory, '--max-bytes=1000')).rejects.toThrow();
    expect(contentOf(directory)).toEqual({});
  });

  test.each(['https://127.0.0.1/x', 'http://user:secret@127.0.0.1/x', 'file:///etc/passwd', 'x'])(
    'refuses %s as a URL without saying it',
    async (url) => {
      await expect(run(url, temporaryDirectory())).rejects.toThrow(
        /^KEELSON_OUTPUTS_URL is no http URL of a gate/,
      );
    },
  );

  test('takes no asset into .git', async () => {
    const archive = tar({ name: 'assets/.git/hooks/x', body: 'x' }, { name: 'assets/a/.GIT', body: 'x' });
    const url = await otherServer((_, response) => response.end(archive));
    const directory = temporaryDirectory();
    expect(await run(url, directory, '--assets')).toBe(0);
    expect(contentOf(directory)).toEqual({});
  });
});

test('as a process of its own it ends with 0, or with 64 for wrong arguments', async () => {
  const { url } = await gate(runs());
  const directory = temporaryDirectory();
  const start = async (args: string[]): Promise<{ code: number | null; printed: string }> => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'apps/agent/main.ts', 'outputs', ...args], {
      env: { PATH: process.env['PATH'] ?? '', KEELSON_OUTPUTS_URL: url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = text(child.stdout);
    const code = await new Promise<number | null>((done) => child.on('close', done));
    return { code, printed: await printed };
  };
  expect(await start([`--directory=${directory}`])).toMatchObject({ code: 0 });
  expect(statSync(join(directory, 'assets/bin/runner')).size).toBe(300_000);
  for (const wrong of [
    [],
    ['--directory=relative'],
    [`--directory=${directory}`, '--max-bytes=-1'],
    ['--what'],
  ]) {
    expect(await start(wrong)).toMatchObject({ code: 64 });
  }
});
