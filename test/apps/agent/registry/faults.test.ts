import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RegistryClient } from '../../../../apps/agent/registry/registry-client.ts';
import { clientOf, digestOf, fakeServer, serve } from './fake-registry.ts';

const DIGEST = digestOf('image');

describe('a digest', () => {
  test('is asked for by HEAD, in all four formats', async () => {
    const accepts: unknown[] = [];
    const server = await fakeServer((_request, response, { headers }) => {
      accepts.push(headers.accept);
      response.writeHead(200, { 'docker-content-digest': DIGEST, 'content-length': 1000 }).end();
    });
    expect(await clientOf(server.host).digestOf('a/b', 'main')).toBe(DIGEST);
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'HEAD /v2/a/b/manifests/main',
    ]);
    for (const type of ['oci.image.index.v1', 'oci.image.manifest.v1', 'manifest.list.v2', 'manifest.v2'])
      expect(accepts[0]).toContain(`${type}+json`);
  });

  test.each([
    ['gives none', 200, {}],
    ['gives one that is none', 200, { 'docker-content-digest': 'sha256:1' }],
    ['knows no HEAD', 405, {}],
  ])('is that of the content where HEAD %s', async (_name, status, headers) => {
    const manifest = '{"schemaVersion":2,"layers":[]}';
    const server = await fakeServer(({ method }, response) => {
      if (method === 'HEAD') response.writeHead(status, headers).end();
      else response.end(manifest);
    });
    expect(await clientOf(server.host).digestOf('a', 'main')).toBe(digestOf(manifest));
  });

  test.each(['<h1>Sign in</h1>', '{"errors":[]}', '"text"', 'null', ''])(
    'is not made of an answer that is no manifest, such as a page to sign in at: %j',
    async (page) => {
      const server = await fakeServer((_request, response) => response.end(page));
      await expect(clientOf(server.host).digestOf('a', 'main')).rejects.toMatchObject({ kind: 'protocol' });
    },
  );

  test('is undefined where there is none', async () => {
    const server = await fakeServer(serve({}));
    expect(await clientOf(server.host).digestOf('a', 'main')).toBeUndefined();
  });

  test.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [429, 'unreachable'],
    [500, 'unreachable'],
    [503, 'unreachable'],
    [400, 'protocol'],
  ])('of a registry that answers %i is an error: %s', async (status, kind) => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(status).end('{"errors":[{"code":"DENIED","message":"canary of the server"}]}');
    });
    const error = await clientOf(server.host)
      .digestOf('team/build', 'main')
      .catch((e) => e);
    expect(error).toMatchObject({ name: 'RegistryError', kind });
    expect(error.message).toContain(`registry ${server.host}, repository team/build: it answered ${status}`);
    expect(error.message).not.toContain('canary');
  });

  test.each(['../x', 'a b', 'a?b', '', 'sha256:abc', `a${'b'.repeat(128)}`, 'a\r\nb'])(
    'of %j is not asked for',
    async (reference) => {
      const server = await fakeServer(serve({}));
      await expect(clientOf(server.host).digestOf('a', reference)).rejects.toMatchObject({
        kind: 'protocol',
      });
      expect(server.received).toEqual([]);
    },
  );

  test.each(['../../x', 'A', 'a//b', 'a?b', 'a#b', '%2e%2e', ''])(
    'of the repository %j is not asked for',
    async (repository) => {
      const server = await fakeServer(serve({}));
      await expect(clientOf(server.host).digestOf(repository, 'main')).rejects.toMatchObject({
        kind: 'protocol',
      });
      expect(server.received).toEqual([]);
    },
  );
});

test.each(['user:password@host', 'host/path', 'host?x', '', 'a b', 'host:99999'])(
  'the host %j is refused',
  (host) => {
    expect(() => new RegistryClient({ host, insecure: false, accounts: new Map() })).toThrow();
  },
);

describe('a registry that fails', () => {
  test('by closing connections is unreachable', async () => {
    const server = await fakeServer((_request, response) => response.destroy());
    await expect(clientOf(server.host).digestOf('a', 'b')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('by not being there is unreachable, and its error says what to check', async () => {
    await expect(clientOf('127.0.0.1:1').digestOf('a', 'b')).rejects.toThrow(
      /registry 127\.0\.0\.1:1, repository a: 127\.0\.0\.1:1 can't be reached: check that it runs/,
    );
  });

  test.each<[string, (socket: Socket) => void]>([
    ['never', () => {}],
    ['half', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')],
    [
      'a byte now and then',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n');
        const timer = setInterval(() => socket.write('a'), 20);
        socket.on('close', () => clearInterval(timer));
      },
    ],
  ])('by answering %s is left when its time is over', async (_name, answer) => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const started = performance.now();
    await expect(clientOf(`127.0.0.1:${port}`, {}, 300).tagsOf('a')).rejects.toMatchObject({
      kind: 'unreachable',
    });
    expect(performance.now() - started).toBeLessThan(1500);
  });

  test('by ending in the middle of an answer is unreachable', async () => {
    const server = await fakeServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1000 });
      response.write('{"tags":["a"');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(clientOf(server.host).tagsOf('a')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('by closing a connection that was kept is asked again, and answers', async () => {
    let requests = 0;
    const server = await fakeServer((_request, response, { socket }) => {
      requests += 1;
      // The second comes by the first one's connection.
      if (requests === 2) socket.destroy();
      else response.writeHead(200, { 'docker-content-digest': DIGEST, 'content-length': 9 }).end();
    });
    const client = clientOf(server.host);
    expect(await client.digestOf('a', 'b')).toBe(DIGEST);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await client.digestOf('a', 'b')).toBe(DIGEST);
    expect(requests).toBe(3);
  });

  test('is left at once when the caller gives up, with the caller’s reason', async () => {
    const server = await fakeServer(() => {});
    const stop = new AbortController();
    const asked = clientOf(server.host).digestOf('a', 'b', stop.signal);
    setTimeout(() => stop.abort(new Error('the caller')), 50);
    await expect(asked).rejects.toThrow('the caller');
    await expect(clientOf(server.host).digestOf('a', 'b', stop.signal)).rejects.toThrow('the caller');
  });
});
