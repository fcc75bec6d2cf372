import { createServer, type RequestListener } from 'node:http';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { whyNotReady } from '../../../../apps/agent/gate/readiness.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<{ host: string; port: number }> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const http = async (answer: RequestListener, path = '/minio/health/cluster'): Promise<string | undefined> =>
  whyNotReady({ http: { ...(await listening(createServer(answer))), path } }, never());
const amqp = async (serve: (socket: Socket) => void): Promise<string | undefined> =>
  whyNotReady({ amqp: await listening(net.createServer(serve)) }, never());

function never(): AbortSignal {
  return new AbortController().signal;
}

/** The beginning of Connection.Start as RabbitMQ 3.13 sends it. */
const START = Buffer.from('01000000000200000a000a0009', 'hex');

describe('whether a service answers, by local servers', () => {
  test('http: 200 is ready, and no other status', async () => {
    const paths: (string | undefined)[] = [];
    const answered = await http((request, response) => {
      paths.push(request.url);
      response.writeHead(200).end();
    });
    expect(answered).toBeUndefined();
    expect(paths).toEqual(['/minio/health/cluster']);
    for (const status of [204, 301, 404, 503]) {
      expect(await http((_, response) => response.writeHead(status, { location: '/' }).end())).toMatch(
        new RegExp(`answers ${status}$`),
      );
    }
  });

  test('http: a body without end is not waited for', async () => {
    expect(await http((_, response) => void response.writeHead(200).write('x'))).toBeUndefined();
  });

  test('http: a server that does not answer is not ready after three seconds', async () => {
    const startedAt = performance.now();
    expect(await http(() => undefined)).toBe('no answer within 3 s');
    expect(performance.now() - startedAt).toBeLessThan(6000);
  });

  test('amqp: a broker that says Connection.Start to our header is ready, however it is cut', async () => {
    const headers: string[] = [];
    const answered = await amqp((socket) => {
      socket.once('data', async (header) => {
        headers.push(header.toString('hex'));
        for (const byte of START) {
          socket.write(Buffer.from([byte]));
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      });
    });
    expect(answered).toBeUndefined();
    expect(headers).toEqual([Buffer.from('AMQP\0\0\x09\x01').toString('hex')]);
  });

  test('amqp: another protocol, another version and a closed connection are not', async () => {
    expect(await amqp((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n'))).toMatch(
      'does not speak AMQP 0-9-1',
    );
    expect(await amqp((socket) => socket.end('AMQP\0\x01\0\0'))).toMatch('closed the connection');
    expect(await amqp((socket) => socket.destroy())).toBeTypeOf('string');
  });

  test('amqp: a broker that only accepts is not', async () => {
    expect(await amqp(() => undefined)).toBe('no answer within 3 s');
  });

  test('tcp: a connection is enough, and a closed port is not', async () => {
    const address = await listening(net.createServer());
    expect(await whyNotReady({ tcp: address }, never())).toBeUndefined();
    servers.pop()?.close();
    expect(await whyNotReady({ tcp: address }, never())).toMatch('ECONNREFUSED');
  });

  test('a host that has no address is not ready', async () => {
    expect(await whyNotReady({ tcp: { host: 'minio-service.invalid', port: 1 } }, never())).toMatch(
      /ENOTFOUND|EAI_AGAIN/,
    );
  });

  test('an end of the gate is not waited out', async () => {
    const stop = new AbortController();
    const readiness = { http: { ...(await listening(createServer(() => undefined))), path: '/' } };
    const startedAt = performance.now();
    setTimeout(() => stop.abort(), 100);
    expect(await whyNotReady(readiness, stop.signal)).toBeTypeOf('string');
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});
