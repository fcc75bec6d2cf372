import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import type { KubernetesError } from '../../../../apps/agent/kubernetes/errors.ts';
import { type Watched, watch } from '../../../../apps/agent/kubernetes/watch.ts';
import { configMap, json, type LocalServer, MAP, serve } from './local-server.ts';

const servers: LocalServer[] = [];

afterAll(() => {
  for (const server of servers) server.close();
});

const MAPS: Watched = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'ns' };
const GONE = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };

function list(resourceVersion: string, ...items: object[]): object {
  return { kind: 'ConfigMapList', apiVersion: 'v1', metadata: { resourceVersion }, items };
}

function send(response: ServerResponse, type: string, object: object): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

/** Starts a server with an answer to each watch and to each other request. */
async function server(
  onWatch: (response: ServerResponse, before: number, version: string | null) => void,
  onRead: (response: ServerResponse, before: number) => void,
): Promise<LocalServer> {
  let watches = 0;
  let reads = 0;
  const local = await serve((request, response) => {
    const { searchParams } = new URL(request.url ?? '', 'http://server');
    if (searchParams.has('watch')) onWatch(response, watches++, searchParams.get('resourceVersion'));
    else onRead(response, reads++);
  });
  servers.push(local);
  return local;
}

/** What a watch says in that time, or until it has said so much: `listed a1 b2`, `changed a3`. */
async function said(
  local: LocalServer,
  watched: Watched,
  milliseconds: number,
  most = Infinity,
): Promise<string[]> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), milliseconds);
  const found: string[] = [];
  const name = ({ metadata }: { metadata: { name: string; resourceVersion?: string } }): string =>
    metadata.name + metadata.resourceVersion;
  for await (const event of watch(local.client(), watched, stop.signal)) {
    found.push(
      event.type === 'listed'
        ? ['listed', ...event.objects.map(name)].join(' ')
        : `${event.type} ${name(event.object)}`,
    );
    if (found.length === most) stop.abort();
  }
  clearTimeout(timer);
  return found;
}

/** The watch goes on in the meantime. */
const quiet = (response: ServerResponse): void => response.flushHeaders();

describe.concurrent('a watch of a server on this machine', () => {
  test('lists, says each change, and goes on from the last one when it is closed', async () => {
    const versions: (string | null)[] = [];
    const local = await server(
      (response, before, version) => {
        versions.push(version);
        if (before === 0) {
          send(response, 'MODIFIED', configMap('a', '11'));
          send(response, 'BOOKMARK', configMap('', '15'));
          response.end();
        } else {
          send(response, 'DELETED', configMap('a', '16'));
        }
      },
      (response) => json(response, 200, list('10', configMap('a', '9'))),
    );
    expect(await said(local, MAPS, 5000, 3)).toEqual(['listed a9', 'changed a11', 'deleted a16']);
    expect(versions).toEqual(['10', '15']);
  });

  test('goes on from the last whole event where half of one came', async () => {
    const versions: (string | null)[] = [];
    const local = await server(
      (response, before, version) => {
        versions.push(version);
        send(response, 'ADDED', configMap('b', String(11 + before)));
        if (before > 0) return;
        const half = JSON.stringify({ type: 'ADDED', object: configMap('c', '12') }).slice(0, 60);
        response.write(half, () => response.destroy());
      },
      (response) => json(response, 200, list('10')),
    );
    expect(await said(local, MAPS, 5000, 3)).toEqual(['listed', 'changed b11', 'changed b12']);
    expect(versions).toEqual(['10', '11']);
  });

  test.each([
    ['as its first event', (response: ServerResponse) => send(response, 'ERROR', GONE)],
    ['as an answer', (response: ServerResponse) => json(response, 410, GONE)],
  ])('lists again when its past is forgotten, told %s, without a hot loop', async (_, gone) => {
    const local = await server(
      (response) => {
        gone(response);
        response.end();
      },
      (response) => json(response, 200, list('10')),
    );
    const found = await said(local, MAPS, 2000);
    expect(found.length).toBeGreaterThan(2);
    expect(local.requests.length).toBeLessThan(20);
  });

  test.each([
    ['whose lists are forgotten', (response: ServerResponse) => json(response, 410, GONE)],
    ['without a right', (response: ServerResponse) => json(response, 403, { message: 'forbidden' })],
    ['with lists that are none', (response: ServerResponse) => json(response, 200, {})],
    ['that ends at once', (response: ServerResponse) => json(response, 200, list('10'))],
  ])('%s goes on trying without a hot loop', async (_, read) => {
    const local = await server((response) => response.end(), read);
    await said(local, MAPS, 2000);
    expect(local.requests.length).toBeGreaterThan(1);
    expect(local.requests.length).toBeLessThan(30);
  });

  test('tells of what it goes on after', async () => {
    const local = await server(quiet, (response) => json(response, 403, { message: 'no right to list' }));
    const stop = new AbortController();
    const problems: string[] = [];
    const onProblem = (error: KubernetesError): void => {
      problems.push(error.message);
      stop.abort();
    };
    const client = local.client();
    for await (const event of watch(client, MAPS, stop.signal, onProblem)) expect(event).toBeUndefined();
    expect(problems).toEqual(['GET /api/v1/namespaces/ns/configmaps: 403 no right to list']);
  });

  test('does not believe a list that is older than what it has seen', async () => {
    const local = await server(
      (response, before) => {
        if (before === 0) send(response, 'ADDED', configMap('a', '100'));
        if (before === 0) send(response, 'ERROR', GONE);
        response.flushHeaders();
      },
      (response, before) => {
        if (before === 0) json(response, 200, list('98'));
        else if (before < 3) json(response, 200, list('99'));
        else json(response, 200, list('101', configMap('a', '100')));
      },
    );
    expect(await said(local, MAPS, 8000, 3)).toEqual(['listed', 'changed a100', 'listed a100']);
  });

  test('believes it in the end: a cluster may be back in the past for good', async () => {
    const local = await server(
      (response, before) => {
        if (before === 0) send(response, 'ADDED', configMap('a', '100'));
        if (before === 0) send(response, 'ERROR', GONE);
        response.flushHeaders();
      },
      (response, before) => json(response, 200, list(before === 0 ? '98' : '50')),
    );
    expect(await said(local, MAPS, 20_000, 3)).toEqual(['listed', 'changed a100', 'listed']);
  }, 25_000);

  test('lists anew where its version does not suit the server, though it does not say 410', async () => {
    const versions: (string | null)[] = [];
    const local = await server(
      (response, _, version) => {
        versions.push(version);
        if (version === '10') json(response, 504, { message: 'Too large resource version: 10, current: 5' });
        else send(response, 'ADDED', configMap('a', '6'));
      },
      (response, before) => json(response, 200, list(before === 0 ? '10' : '11')),
    );
    expect(await said(local, MAPS, 10_000, 3)).toEqual(['listed', 'listed', 'changed a6']);
    expect(versions).toEqual(['10', '10', '10', '11']);
  });

  test('gives up a line that does not end', async () => {
    let written = 0;
    const local = await server(
      (response, before) => {
        if (before > 0) return quiet(response);
        const more = (): void => {
          written += 1 << 20;
          if (written < 100 << 20) response.write(Buffer.alloc(1 << 20, 'x'), (error) => error ?? more());
        };
        more();
      },
      (response) => json(response, 200, list('10')),
    );
    await said(local, MAPS, 3000);
    expect(written).toBeLessThan(40 << 20);
  });

  test('ends at once when it is aborted, and closes its connection', async () => {
    const local = await server(quiet, (response) => json(response, 200, list('10')));
    const closed = new Promise<void>((resolve) =>
      local.server.on('request', (request, response) => {
        if (request.url?.includes('watch=true')) response.once('close', resolve);
      }),
    );
    const startedAt = performance.now();
    await said(local, MAPS, 300);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test('closes its connection when nobody listens any more', async () => {
    const local = await server(
      (response) => send(response, 'ADDED', configMap('a', '11')),
      (response) => json(response, 200, list('10')),
    );
    const closed = new Promise<void>((resolve) =>
      local.server.on('request', (_, response) => response.once('close', resolve)),
    );
    for await (const event of watch(local.client(), MAPS, new AbortController().signal))
      if (event.type === 'changed') break;
    await closed;
  });
});

describe.concurrent('a watch of one object', () => {
  test('never names the object’s own version, which may be too old, and says what changed between the two reads', async () => {
    const versions: (string | null)[] = [];
    const local = await server(
      (response, before, version) => {
        versions.push(version);
        if (before > 0) return;
        // What the API server says at first is as of the watch's beginning; then come the changes.
        send(response, 'ADDED', configMap('map', '7'));
        send(response, 'MODIFIED', configMap('map', '20'));
        send(response, 'MODIFIED', configMap('map', '21'));
        response.end();
      },
      (response) => json(response, 200, configMap('map', '20')),
    );
    const found = await said(local, { ...MAPS, name: MAP.name }, 1500);
    expect(found).toEqual(['listed map20', 'changed map21']);
    expect(versions).toEqual([null, '21']);
  });

  test('that is not there says so, and when it comes', async () => {
    const local = await server(
      (response) => {
        quiet(response);
        void sleep(200).then(() => send(response, 'ADDED', configMap('map', '30')));
      },
      (response) => json(response, 404, { message: 'not found' }),
    );
    expect(await said(local, { ...MAPS, name: MAP.name }, 5000, 2)).toEqual(['listed', 'changed map30']);
  });

  test('that goes between two watches is found to be gone', async () => {
    const local = await server(
      (response, before) => {
        if (before === 0) send(response, 'ADDED', configMap('map', '7'));
        if (before === 1) send(response, 'ERROR', GONE);
        if (before < 2) response.end();
        else quiet(response);
      },
      (response, before) =>
        before === 0
          ? json(response, 200, configMap('map', '7'))
          : json(response, 404, { message: 'not found' }),
    );
    const found = await said(local, { ...MAPS, name: MAP.name }, 8000, 2);
    expect(found).toEqual(['listed map7', 'listed']);
  });
});
