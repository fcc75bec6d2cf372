import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { environmentOf, fetched, gitServer } from './fetched.ts';
import { ADDRESS, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const commit = 'a'.repeat(40);

describe('a server that fails', () => {
  test('is tried again until it is back: errors, broken connections and half packs', async () => {
    let requests = 0;
    const server = await gitServer({
      intercept: (request, response) => {
        requests++;
        if (requests === 1) response.writeHead(503).end();
        else if (requests === 2) request.socket.destroy();
        else if (request.method === 'POST' && requests < 7) {
          // Half an answer.
          response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
          response.write('0011shallow-info\n0035');
          setTimeout(() => response.destroy(), 20);
        } else return false;
        return true;
      },
    });
    const repository = await server.createRepository('project');
    const wanted = await repository.commit('main', { file: 'x' });
    const { printed, directory } = await fetched({ url: server.url('project'), commit: wanted });
    expect(contentOf(directory)['file']).toBe('x');
    expect(printed.match(/is tried again/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test('is given up after the time for that', async () => {
    const server = await gitServer({
      intercept: (_, response) => response.writeHead(500).end() !== undefined,
    });
    const args = ['--retry-seconds=2'];
    await expect(fetched({ url: server.url('x'), commit, args })).rejects.toMatchObject({
      kind: 'unreachable',
    });
    expect(server.counters.requests).toBeGreaterThan(1);
  });

  test.each([401, 403, 404, 410])('and says %i is asked once', async (status) => {
    const server = await gitServer({
      intercept: (_, response) => response.writeHead(status).end() !== undefined,
    });
    await expect(fetched({ url: server.url('x'), commit })).rejects.toThrow(String(status));
    expect(server.counters.requests).toBe(1);
  });

  test('by saying nothing, or a byte now and then, is left at the end of the time', async () => {
    const sockets = new Set<Socket>();
    const server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-advertisement\r\n\r\n');
      const drip = setInterval(() => socket.write('0'), 200);
      socket.on('close', () => clearInterval(drip));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const started = Date.now();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.git`;
    await expect(
      fetched({ url, commit, args: ['--timeout-seconds=2', '--retry-seconds=0'] }),
    ).rejects.toThrow();
    expect(Date.now() - started).toBeLessThan(25_000);
  });

  test('by never ending its pack is left at the end of the time', async () => {
    const server = await gitServer({
      intercept: (request, response) => {
        if (request.method !== 'POST') return false;
        response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-result' });
        response.write('000dpackfile\n');
        const drip = setInterval(() => response.write('0008\x02...'), 100);
        response.on('close', () => clearInterval(drip));
        return true;
      },
    });
    await server.createRepository('x');
    const started = Date.now();
    const args = ['--timeout-seconds=2'];
    await expect(fetched({ url: server.url('x'), commit, args })).rejects.toThrow(/took longer/);
    expect(Date.now() - started).toBeLessThan(10_000);
  });
});

describe('a server that answers', () => {
  test.each([
    ['a page of HTML', 'text/html', '<html>'],
    ['something that is not the protocol', 'application/x-git-upload-pack-advertisement', 'zzzz'],
    ['nothing', 'application/x-git-upload-pack-advertisement', ''],
  ])('%s fails cleanly', async (_, type, body) => {
    const server = await gitServer({
      intercept: (__, response) => response.writeHead(200, { 'content-type': type }).end(body) !== undefined,
    });
    const args = ['--retry-seconds=0'];
    await expect(fetched({ url: server.url('x'), commit, args })).rejects.toMatchObject({ name: 'GitError' });
  });

  test('with an empty repository has no commit to give', async () => {
    const server = await gitServer();
    await server.createRepository('empty');
    await expect(fetched({ url: server.url('empty'), commit })).rejects.toThrow(/remote ref|neither given/);
  });

  test.each([
    'http://169.254.169.254/x.git',
    'http://localhost/x.git',
    'http://kubernetes.default.svc/x.git',
    'http://10.152.183.1/x.git',
    'file:///etc/passwd',
    'ext::sh -c touch% /tmp/keelson-pwned',
  ])('with a redirect to %s is not followed', async (location) => {
    const server = await gitServer({
      intercept: (_, response) => response.writeHead(301, { location }).end() !== undefined,
    });
    await expect(fetched({ url: server.url('x'), commit })).rejects.toMatchObject({ kind: 'refused' });
  });

  test('with a redirect only when git asks gets git nowhere', async () => {
    let looks = 0;
    const server = await gitServer({
      intercept: (request, response) => {
        // The first look is the agent's own.
        if (!/info\/refs/.test(request.url ?? '') || looks++ === 0) return false;
        response.writeHead(302, { location: `http://127.0.0.1:9/x.git/info/refs` }).end();
        return true;
      },
    });
    await server.createRepository('x');
    await expect(fetched({ url: server.url('x'), commit, args: ['--retry-seconds=0'] })).rejects.toThrow(
      '302',
    );
  });
});

test.skipIf(ADDRESS === undefined)(
  'SIGTERM ends the process and its git while the server says nothing (skipped where loopback is the only address)',
  async () => {
    let asked: () => void = () => {};
    const waiting = new Promise<void>((done) => {
      asked = done;
    });
    const server = await gitServer({
      host: ADDRESS ?? '',
      intercept: (request) => {
        if (request.method === 'POST') asked();
        return request.method === 'POST';
      },
    });
    await server.createRepository('x');
    const child = startSource(temporaryDirectory(), environmentOf({ url: server.url('x'), commit }));
    await waiting;
    const started = Date.now();
    child.process.kill('SIGTERM');
    const { code, messages } = await child.ended;
    expect(code).toBe(1);
    expect(messages).toContain('stopping');
    expect(Date.now() - started).toBeLessThan(5000);
  },
);
