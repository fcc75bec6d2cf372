// The receiver of webhooks as a real HTTP server on this machine, asked by bytes on real connections.
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Push } from '../../../../../apps/agent/controller/webhooks/push.ts';
import { startWebhooks } from '../../../../../apps/agent/controller/webhooks/receive-webhooks.ts';
import { createLog } from '../../../../../apps/agent/observe/log.ts';
import { exchange, gitea, github, gitlab, hmac, request, statusOf } from './deliveries.ts';
import { hostileRequests } from './hostile.ts';

// Many connections, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 });

const SECRET = 'f3b1c5d7e9a1b3c5d7e9f1a3b5c7d9e1';
const GITHUB_EXAMPLE = "It's a Secret to Everybody";
const secrets: Readonly<Record<string, string>> = {
  ci: SECRET,
  empty: '',
  example: GITHUB_EXAMPLE,
  rfc: 'Jefe',
  umlaut: 'Schlüssel-名前',
  'umlaut-2': 'Schlüssel-名前',
};
const told: [string, Push][] = [];
const lines: string[] = [];
const metrics = new Registry();
let server: Server;
let port: number;

beforeAll(async () => {
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  server = await startWebhooks({
    port: 0,
    find: async (namespace) => {
      if (namespace === 'broken') throw new Error('the API server is away');
      const secret = /^ci-\d+$/.test(namespace) ? SECRET : new Map(Object.entries(secrets)).get(namespace);
      return secret === undefined ? undefined : { secret, url: 'https://git.example.com/a/b.git' };
    },
    notify: (namespace, push) => told.push([namespace, push]),
    log: createLog('controller', sink),
    metrics,
  });
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const send = async (bytes: string | Buffer): Promise<number> => statusOf(await exchange(port, bytes));
const toldOf = (namespace: string): Push[] => told.filter(([of]) => of === namespace).map(([, push]) => push);
let pipelines = 0;
/** A pipeline with the secret of `ci` that has not been told of anything yet. */
const fresh = (): { name: string; path: string } => {
  pipelines += 1;
  return { name: `ci-${pipelines}`, path: `/webhooks/ci-${pipelines}` };
};
const MAIN = '{"ref":"refs/heads/main"}';

describe('a push', () => {
  test.each<[string, (path: string) => string]>([
    ['GitHub', (path) => github(SECRET, { path })],
    ['Gitea, by its own header', (path) => gitea(SECRET, { path })],
    [
      'Gitea, by the header of GitHub',
      (path) => {
        const signature = `sha256=${hmac(SECRET, MAIN)}`;
        const headers = { 'x-gitea-signature': '-', 'x-hub-signature-256': signature };
        return gitea(SECRET, { path, body: MAIN, headers });
      },
    ],
    ['GitLab', (path) => gitlab(SECRET, { path })],
    ['whoever adds a query', (path) => github(SECRET, { path: `${path}?x=1` })],
    [
      'a server with a charset',
      (path) => github(SECRET, { path, headers: { 'content-type': 'application/json; charset=utf-8' } }),
    ],
  ])('of %s is told with its branch', async (_who, bytes) => {
    const { name, path } = fresh();
    expect(await send(bytes(path))).toBe(202);
    expect(toldOf(name)).toEqual([{ branch: 'main' }]);
  });

  test("by the example of GitHub's documentation is right", async () => {
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
    const headers = {
      'x-github-event': 'push',
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    const path = '/webhooks/example';
    expect(await send(request({ path, body: 'Hello, World!', headers }))).toBe(202);
    expect(await send(request({ path, body: 'Hello, World?', headers }))).toBe(401);
    expect(toldOf('example')).toEqual([{}]);
  });

  test('by an example of RFC 4231 is right in the header of Gitea', async () => {
    // https://www.rfc-editor.org/rfc/rfc4231#section-4.3
    const headers = {
      'x-gitea-event': 'push',
      'x-gitea-signature': '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    };
    const body = 'what do ya want for nothing?';
    expect(await send(request({ path: '/webhooks/rfc', body, headers }))).toBe(202);
  });

  test('by a secret with other letters than ASCII is right', async () => {
    const secret = secrets['umlaut'] ?? '';
    expect(await send(github(secret, { path: '/webhooks/umlaut' }))).toBe(202);
    expect(await send(gitlab(secret, { path: '/webhooks/umlaut-2' }))).toBe(202);
  });

  test.each<[string, string, Push]>([
    ['a ref that is none', '{"ref":17}', {}],
    ['no ref', '{}', {}],
    ['no object', 'null', {}],
    ['no JSON', '{"ref":', {}],
    ['100,000 brackets', '['.repeat(100_000), {}],
    ['a prototype', '{"__proto__":{"ref":"refs/heads/x"}}', {}],
    ['a ref of 10 kB', `{"ref":"refs/heads/${'a'.repeat(10_000)}"}`, {}],
    ['a hostile branch', '{"ref":"refs/heads/$(touch /tmp/x)"}', { branch: '$(touch /tmp/x)' }],
  ])('with %s is told, and its branch is a hint at most', async (_what, body, push) => {
    const { name, path } = fresh();
    expect(await send(github(SECRET, { path, body }))).toBe(202);
    expect(toldOf(name)).toEqual([push]);
  });

  test.each<[string, string]>([
    ['a ping', github(SECRET, { headers: { 'x-github-event': 'ping' } })],
    ['a tag', github(SECRET, { body: '{"ref":"refs/tags/v1"}' })],
    ["GitLab's push of a tag", gitlab(SECRET, { headers: { 'x-gitlab-event': 'Tag Push Hook' } })],
    ['a merge request', gitlab(SECRET, { headers: { 'x-gitlab-event': 'Merge Request Hook' } })],
    ['an event without a name', github(SECRET, { headers: { 'x-github-event': '-' } })],
  ])('is not %s, which is answered by 204', async (_what, bytes) => {
    expect(await send(bytes)).toBe(204);
    expect(toldOf('ci')).toEqual([]);
  });
});

describe('hostile requests', () => {
  const all = hostileRequests(SECRET);

  test('there are at least 200, each sent once', () => {
    expect(all.length).toBeGreaterThanOrEqual(200);
    expect(new Set(all.map(([what]) => what)).size).toBe(all.length);
  });

  test.each(all)('%s', async (_what, bytes, answers) => {
    const before = told.length;
    const answer = await exchange(port, bytes);
    expect(answers).toContain(statusOf(answer));
    expect(told.length).toBe(before);
    expect(answer).not.toContain('CANARY');
    expect(answer).not.toContain(SECRET);
    // Nothing but what every answer has.
    if (![0, 400, 431].includes(statusOf(answer)))
      expect(answer).toMatch(
        /^HTTP\/1\.1 \d{3} [A-Za-z ]+\r\ncontent-length: 0\r\n(allow: POST\r\n)?Date: [^\r]+\r\nConnection: (close|keep-alive\r\nKeep-Alive: timeout=5)\r\n\r\n$/,
      );
  });

  test('after all of them a push is told', async () => {
    expect(await send(github(SECRET))).toBe(202);
    expect(toldOf('ci')).toEqual([{ branch: 'main' }]);
  });

  test('nothing that was sent is in the log, and no secret', () => {
    expect(lines.length).toBeGreaterThan(0);
    const log = lines.join('');
    expect(log).not.toContain('CANARY');
    for (const secret of [SECRET, GITHUB_EXAMPLE]) expect(log).not.toContain(secret);
    expect(log).not.toMatch(/touch|refs/);
  });

  test('a wrong signature is logged for pipelines that there are, once a minute', () => {
    const refused = lines
      .filter((line) => line.includes('was refused'))
      .map((line) => JSON.parse(line).namespace);
    expect(refused).toEqual(['example', 'ci']);
  });
});

describe('nobody can tell which pipelines there are', () => {
  const withoutDate = (answer: string): string => answer.replace(/Date: [^\r]+\r\n/, '');

  test.each<[string, (path: string) => string]>([
    ['a wrong signature', (path) => github('wrong', { path })],
    ['a wrong token', (path) => gitlab('wrong', { path })],
    ['no signature', (path) => request({ path })],
    ['an empty secret', (path) => github('', { path })],
  ])('by %s', async (_what, bytes) => {
    const answers = await Promise.all(
      ['ci', 'unknown', 'empty', 'broken'].map((name) => exchange(port, bytes(`/webhooks/${name}`))),
    );
    expect(new Set(answers.map(withoutDate)).size).toBe(1);
    expect(statusOf(answers[0] ?? '')).toBe(401);
  });
});

describe('repeated deliveries', () => {
  test('of 500 in a row one is told at once and one a second after', async () => {
    const { name, path } = fresh();
    const bytes = github(SECRET, { path });
    const started = Date.now();
    for (let sent = 0; sent < 500; sent += 20)
      await Promise.all(Array.from({ length: 20 }, async () => expect(await send(bytes)).toBe(202)));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const seconds = (Date.now() - started) / 1000;
    const pushes = toldOf(name);
    expect(pushes.length).toBeGreaterThanOrEqual(2);
    expect(pushes.length).toBeLessThanOrEqual(seconds + 1);
    expect(new Set(pushes.map(({ branch }) => branch))).toEqual(new Set(['main']));
  });

  test('are counted by how they were answered', async () => {
    const text = await metrics.metrics();
    const counted = (code: number): number =>
      Number(
        new RegExp(`^keelson_webhook_deliveries_total\\{code="${code}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
      );
    expect(counted(202)).toBeGreaterThanOrEqual(500);
    for (const code of [204, 401, 404, 405, 413, 415]) expect(counted(code), `${code}`).toBeGreaterThan(0);
  });
});

describe('connections', () => {
  const open: Socket[] = [];
  afterAll(() => {
    for (const socket of open) socket.destroy();
  });
  /** How long until the server ends the connection, in milliseconds. */
  const endOf = async (start: string, drip?: string): Promise<number> => {
    const socket = connect(port, '127.0.0.1');
    open.push(socket);
    socket.on('error', () => undefined);
    const since = Date.now();
    socket.write(start);
    const timer = setInterval(() => drip !== undefined && socket.writable && socket.write(drip), 200);
    socket.resume();
    await once(socket, 'close');
    clearInterval(timer);
    return Date.now() - since;
  };

  test('that send nothing, half a request or a body byte by byte are ended', async () => {
    const head = request({ headers: { 'content-length': '1000', connection: 'keep-alive' } });
    const half = github(SECRET, { headers: { 'content-length': '1000' } });
    const times = await Promise.all([
      endOf(''),
      endOf('POST /web'),
      endOf('POST / HTTP/1.1\r\n', 'a: b\r\n'),
      endOf(half, ' '),
      endOf(head, ' '),
    ]);
    expect(Math.max(...times)).toBeLessThan(15_000);
    expect(Math.min(...times)).toBeGreaterThan(1_000);
  });

  test('are 64 at most', async () => {
    const sockets = Array.from({ length: 80 }, () => connect(port, '127.0.0.1'));
    open.push(...sockets);
    let ended = 0;
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        ended += 1;
      });
      socket.resume();
    }
    await vi.waitFor(() => expect(ended).toBe(16), 4000);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(async () => expect(await send(github(SECRET))).toBe(202), 4000);
  });

  test('a second receiver on the same port says so', async () => {
    const options = { find: async () => undefined, notify: () => undefined, log: createLog('x'), metrics };
    await expect(startWebhooks({ port, ...options })).rejects.toThrow('EADDRINUSE');
  });
});
