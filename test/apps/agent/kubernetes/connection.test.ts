import { getEventListeners } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Kubernetes } from '../../../../apps/agent/kubernetes/client.ts';
import { Connection } from '../../../../apps/agent/kubernetes/connection.ts';
import { configMap, json, type LocalServer, MAP, serve } from './local-server.ts';

let local: LocalServer | undefined;

afterEach(() => {
  local?.close();
  vi.useRealTimers();
});

describe('a client of a server on this machine', () => {
  test('uses one connection for requests that follow each other', async () => {
    let connections = 0;
    local = await serve((_, response) => json(response, 200, configMap('map', '1')));
    local.server.on('connection', () => connections++);
    const client = local.client();
    for (let count = 0; count < 100; count++) await client.get(MAP);
    expect(connections).toBe(1);
  });

  test('sends a request again whose connection was closed while it lay idle', async () => {
    let reset = 0;
    const used = new WeakSet<Socket>();
    local = await serve(({ socket, method }, response) => {
      // As where the server's FIN meets the request half-way: the request has no answer, only a reset.
      if (used.has(socket) && method === 'PATCH') {
        reset++;
        socket.resetAndDestroy();
      } else {
        used.add(socket);
        json(response, 200, configMap('map', '1'));
      }
    });
    const client = local.client();
    for (let count = 0; count < 10; count++) await client.patch(MAP, { data: {} });
    expect(reset).toBeGreaterThan(0);
  });

  test('gives up an answer that never begins, and one that drips', async () => {
    local = await serve((request, response) => {
      if (request.method === 'GET') return;
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(timer));
    });
    const client = local.client(200);
    const startedAt = performance.now();
    const path = '/api/v1/namespaces/ns/configmaps/map';
    await expect(client.open({ method: 'GET', path })).rejects.toThrow('no answer within 0.2 s');
    const dripping = await client.open({ method: 'PUT', path, body: {} });
    await expect(dripping.toArray()).rejects.toThrow('no answer within 0.2 s');
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test.each(['with a length', 'in chunks'])('reads again what was cut in half, sent %s', async (how) => {
    const body = Buffer.from(JSON.stringify(configMap('map', '1', 'ü'.repeat(10_000))));
    local = await serve((_, response, before) => {
      response.writeHead(200, how === 'in chunks' ? {} : { 'content-length': body.length });
      if (before > 0) response.end(body);
      else response.write(body.subarray(0, 9_999), () => response.destroy());
    });
    const found = await local.client().get(MAP);
    expect(found?.['data']).toEqual({ value: 'ü'.repeat(10_000) });
  });

  test('takes a page of a proxy with status 200 for no answer', async () => {
    local = await serve((_, response, before) => {
      if (before > 0) json(response, 200, configMap('map', '1'));
      else response.end('<html>maintenance</html>');
    });
    expect((await local.client().get(MAP))?.metadata.name).toBe('map');
  });

  test('leaves no socket, listener or timer behind when 50 requests are aborted', async () => {
    local = await serve(() => undefined);
    const open = new Set<Socket>();
    local.server.on('connection', (socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
    const abort = new AbortController();
    const client = local.client().until(abort.signal);
    await client.collectionPath(MAP);
    const path = '/api/v1/namespaces';
    const requests = Array.from({ length: 50 }, () => client.request({ method: 'GET', path }));
    const ends = Promise.allSettled(requests);
    await vi.waitFor(() => expect(local?.requests.length).toBe(50));
    abort.abort();
    for (const end of await ends) expect(end.status).toBe('rejected');
    await vi.waitFor(() => expect(open.size).toBe(0));
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toEqual([]);
  });

  test('leaves no listener on its signal after 500 requests', async () => {
    local = await serve((_, response) => json(response, 200, configMap('map', '1')));
    const { signal } = new AbortController();
    const client = local.client().until(signal);
    for (let count = 0; count < 500; count++) await client.get(MAP);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('credentials from a file', () => {
  const file = join(tmpdir(), `keelson-token-${process.pid}`);
  const seen: (string | undefined)[] = [];

  async function clientWithTokenFile(): Promise<Kubernetes> {
    seen.length = 0;
    local = await serve(({ headers }, response) => {
      seen.push(headers.authorization);
      json(response, 200, configMap('map', '1'));
    });
    const { server = '' } = local.config.getCurrentCluster() ?? {};
    const authProvider = { name: 'tokenFile', config: { tokenFile: file } };
    local.config.loadFromClusterAndUser(
      { name: 'local', server, skipTLSVerify: true },
      { name: 'user', authProvider },
    );
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    return new Kubernetes(new Connection(local.config));
  }

  afterEach(() => rm(file, { force: true }));

  test('are read again within two minutes, as a ServiceAccount’s token is replaced', async () => {
    await writeFile(file, 'one');
    const client = await clientWithTokenFile();
    await client.get(MAP);
    await writeFile(file, 'two');
    vi.advanceTimersByTime(61_000);
    await client.get(MAP);
    vi.advanceTimersByTime(61_000);
    await client.get(MAP);
    expect(seen.at(0)).toBe('Bearer one');
    expect(seen.at(-1)).toBe('Bearer two');
  });

  test('stay as they were while the file is away', async () => {
    await writeFile(file, 'one');
    const client = await clientWithTokenFile();
    await client.get(MAP);
    await rm(file);
    for (let minute = 0; minute < 3; minute++) {
      vi.advanceTimersByTime(61_000);
      await client.get(MAP);
    }
    await writeFile(file, 'two');
    vi.advanceTimersByTime(61_000);
    await client.get(MAP);
    expect(seen.slice(0, -1).every((token) => token === 'Bearer one')).toBe(true);
    expect(seen.at(-1)).toBe('Bearer two');
  });

  test('are waited for where the file comes later', async () => {
    const client = await clientWithTokenFile();
    const found = client.get(MAP);
    await sleep(50);
    await writeFile(file, 'one');
    expect((await found)?.metadata.name).toBe('map');
  });
});
