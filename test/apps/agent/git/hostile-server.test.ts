import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { lookUpHeads } from '../../../../apps/agent/git/heads.ts';
import { FLUSH, pktLine } from '../../../../apps/agent/git/pkt-line.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';

const addresses = new AddressPolicy({ allow: ['127.0.0.1'] });
const OBJECT = 'a'.repeat(40);
const MAIN = new Map([['main', OBJECT]]);
const RESULT = 'application/x-git-upload-pack-result';
const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement';

const running: { server: Server; sockets: Set<Socket>; http: GitHttp }[] = [];
afterEach(() => {
  for (const { server, sockets, http } of running.splice(0)) {
    http.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** Bytes as they are, for each request; what is returned is told what was asked. */
async function look(
  answer: (request: string, socket: Socket) => string | undefined,
  { timeoutMs = 5000, branches = ['main'] } = {},
): Promise<{ result: Promise<ReadonlyMap<string, string>>; requests: string[] }> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      const request = chunk.toString('latin1');
      if (!/^(GET|POST) /.test(request)) return;
      requests.push(request.split(' HTTP')[0] ?? '');
      const text = answer(request, socket);
      if (text !== undefined) socket.write(text, 'latin1');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const http = new GitHttp({ addresses, timeoutMs });
  running.push({ server, sockets, http });
  return { result: lookUpHeads({ url: `http://127.0.0.1:${port}/x.git` }, branches, { http }), requests };
}

const ok = (type: string, body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const redirect = (location: string): string =>
  `HTTP/1.1 302 Found\r\nlocation: ${location}\r\ncontent-length: 0\r\n\r\n`;
const refs = (...lines: string[]): string => lines.map(pktLine).join('') + FLUSH;

describe('redirects', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/iam/',
    'http://127.0.0.2/x.git/info/refs?service=git-upload-pack',
    'http://localhost:10250/pods',
    'http://[::ffff:a9fe:a9fe]/x',
    'http://10.96.0.1/api/v1/namespaces/default/secrets',
    'https://kubernetes.default.svc/api',
    'https://minio.ci.svc.cluster.local/',
    'file:///etc/passwd',
    'ext::id',
    'ssh://git@git.example.com/x',
    'http://me:s3cret@127.0.0.1/x',
    '//169.254.169.254/',
    '',
    'http://',
  ])('to %j are refused', async (location) => {
    const { result } = await look(() => redirect(location));
    await expect(result).rejects.toMatchObject({
      kind: 'refused',
      message: expect.not.stringContaining('s3cret'),
    });
  });

  test('without end are given up', async () => {
    const { result, requests } = await look(() => redirect('/again'));
    await expect(result).rejects.toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('3 times'),
    });
    expect(requests).toHaveLength(1 + 4);
  });

  test('to something that is no repository are no repository', async () => {
    const { result } = await look((request) =>
      request.includes('/login') ? ok(ADVERTISEMENT, FLUSH) : redirect('/login?next=/x.git'),
    );
    await expect(result).rejects.toMatchObject({ kind: 'protocol' });
  });
});

describe('what ends', () => {
  const started = Date.now();

  test.each<[string, (request: string, socket: Socket) => string | undefined]>([
    ['a server that never answers', () => undefined],
    ['a server that stays within its headers', () => 'HTTP/1.1 200 OK\r\nx-'],
    [
      'a server that sends a byte now and then',
      (_request, socket) => {
        const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write('0')), 20);
        return `HTTP/1.1 200 OK\r\ncontent-type: ${RESULT}\r\n\r\nff00`;
      },
    ],
    [
      'a server that sends a header now and then',
      (_request, socket) => {
        const timer = setInterval(
          () => (socket.destroyed ? clearInterval(timer) : socket.write('x: y\r\n')),
          20,
        );
        return 'HTTP/1.1 200 OK\r\n';
      },
    ],
    [
      'a server that sends a list without end, slowly',
      (_request, socket) => {
        const line = pktLine(`${OBJECT} refs/heads/main-x`);
        const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : socket.write(line)), 20);
        return `HTTP/1.1 200 OK\r\ncontent-type: ${RESULT}\r\n\r\n`;
      },
    ],
  ])('%s, in time', async (_name, answer) => {
    const { result } = await look(answer, { timeoutMs: 400 });
    await expect(result).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringContaining('0.4 s'),
    });
    expect(Date.now() - started).toBeLessThan(20_000);
  });

  test('a server that sends a list without end, fast, after 8 MiB of it', async () => {
    const lines = pktLine(`${OBJECT} refs/heads/main-x`).repeat(1000);
    let sent = 0;
    const { result } = await look(
      (_request, socket) => {
        const more = (): void => {
          while (!socket.destroyed && socket.write(lines)) sent += lines.length;
        };
        socket.on('drain', more);
        setImmediate(more);
        return `HTTP/1.1 200 OK\r\ncontent-type: ${RESULT}\r\n\r\n`;
      },
      { timeoutMs: 20_000 },
    );
    await expect(result).rejects.toMatchObject({ kind: 'protocol' });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  test('headers that are too long', async () => {
    const { result } = await look(() => `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`);
    await expect(result).rejects.toMatchObject({ kind: 'protocol' });
  });
});

describe('answers that are none', () => {
  const html = '<!DOCTYPE html><title>Sign in</title>';

  test.each<[string, string, string]>([
    ['a page', 'protocol', ok('text/html', html)],
    ['a page under a false name', 'protocol', ok(RESULT, html)],
    ['nothing', 'protocol', ok(RESULT, '')],
    [
      'a list that ends within a line',
      'protocol',
      ok(RESULT, pktLine(`${OBJECT} refs/heads/main`).slice(0, 30)),
    ],
    ['a list without an end', 'protocol', ok(RESULT, pktLine(`${OBJECT} refs/heads/main`))],
    ['a list with more after its end', 'protocol', ok(RESULT, refs(`${OBJECT} refs/heads/main`) + refs())],
    ['a ref without an object name', 'protocol', ok(RESULT, refs(`${'z'.repeat(40)} refs/heads/main`))],
    ['a short object name', 'protocol', ok(RESULT, refs('abc refs/heads/main'))],
    ['an object name with something after it', 'protocol', ok(RESULT, refs(`${OBJECT};id refs/heads/main`))],
    ['an error of git', 'protocol', ok(RESULT, pktLine('ERR \u001b[31mno'))],
    ['a compressed list', 'protocol', ok(RESULT, '\u001f\u008b\u0008garbage')],
    ['no http', 'protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['a status that is none', 'protocol', 'HTTP/1.1 xyz\r\n\r\n'],
    ['401', 'unauthorized', 'HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n'],
    ['403', 'unauthorized', 'HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n'],
    ['404', 'not-found', 'HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n'],
    ['400', 'protocol', 'HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n'],
    ['429', 'unreachable', 'HTTP/1.1 429 Later\r\ncontent-length: 0\r\n\r\n'],
    ['500', 'unreachable', 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n'],
    ['503', 'unreachable', 'HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'],
  ])('%s is an error of the kind %j', async (_name, kind, answer) => {
    const { result, requests } = await look(() => answer);
    const error: unknown = await result.catch((caught) => caught);
    expect(error).toMatchObject({ kind });
    expect(String(error)).not.toMatch(/[\u0000-\u001f]/);
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  test('a body that ends before its length is one', async () => {
    const { result } = await look((_request, socket) => {
      setTimeout(() => socket.end(), 20);
      return `HTTP/1.1 200 OK\r\ncontent-type: ${RESULT}\r\ncontent-length: 1000\r\n\r\n${refs(`${OBJECT} refs/heads/main`)}`;
    });
    await expect(result).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test('a connection that is cut at once is one', async () => {
    const { result } = await look((_request, socket) => void socket.destroy());
    await expect(result).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('refs that were not asked for are ignored', () => {
  const hostile = [
    `${OBJECT} refs/heads/main-2`,
    `${OBJECT} refs/heads/mai`,
    `${OBJECT} refs/heads/main/`,
    `${OBJECT} refs/heads/ main`,
    `${OBJECT} REFS/HEADS/MAIN`,
    `${OBJECT} refs/heads/../heads/main`,
    `${OBJECT} refs/heads/$(touch /tmp/x)`,
    `${OBJECT} refs/heads/--upload-pack=x`,
    `${OBJECT} refs/tags/main`,
    `${OBJECT} HEAD symref-target:refs/heads/main`,
    `${OBJECT} __proto__`,
  ];

  test('by version 2', async () => {
    const { result } = await look(() => ok(RESULT, refs(...hostile)));
    expect(await result).toEqual(new Map());
    const { result: found } = await look(() => ok(RESULT, refs(...hostile, `${OBJECT} refs/heads/main x:y`)));
    expect(await found).toEqual(MAIN);
  });

  test.each([
    ['', ''],
    [pktLine('# service=git-upload-pack') + FLUSH, ''],
    [pktLine('# service=git-upload-pack') + FLUSH, pktLine('version 1')],
  ])('by the versions before it (%j%j)', async (service, version) => {
    const [first = '', ...rest] = hostile;
    const list =
      service + version + refs(`${first}\0multi_ack symref=HEAD:x`, ...rest, `${OBJECT} refs/heads/main`);
    const { result } = await look((request) =>
      request.startsWith('POST') ? ok(RESULT, pktLine('ERR expected to get sha')) : ok(ADVERTISEMENT, list),
    );
    expect(await result).toEqual(MAIN);
  });
});

test('a server of version 2 that has no ls-refs is an error', async () => {
  const capabilities = refs('version 2', 'fetch', 'object-info');
  const { result } = await look((request) =>
    request.startsWith('POST') ? ok('text/plain', 'no') : ok(ADVERTISEMENT, capabilities),
  );
  await expect(result).rejects.toMatchObject({ kind: 'protocol' });
});

test('a server that goes on naming capabilities is given up', async () => {
  const capabilities = refs(
    'version 2',
    'ls-refs',
    ...Array.from({ length: 1000 }, (_, index) => `x${index}=y`),
  );
  const { result } = await look((request) =>
    request.startsWith('POST') ? ok('text/plain', 'no') : ok(ADVERTISEMENT, capabilities),
  );
  await expect(result).rejects.toMatchObject({ kind: 'protocol' });
});
