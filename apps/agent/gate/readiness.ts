import http from 'node:http';
import net from 'node:net';
import type { ReadinessConfiguration } from '../../../lib/agent/configuration.ts';

const TIMEOUT_MS = 3_000;

/** Why a service does not answer yet; undefined where it does. */
export async function whyNotReady(readiness: ReadinessConfiguration): Promise<string | undefined> {
  try {
    if ('http' in readiness) await answersHttp(readiness.http);
    else if ('amqp' in readiness) await answersAmqp(readiness.amqp);
    else await connects(readiness.tcp, () => true);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function answersHttp({ host, port, path }: Address & { readonly path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, agent: false, timeout: TIMEOUT_MS }, (response) => {
      response.destroy();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`http://${host}:${port}${path} answers ${response.statusCode}`));
    });
    request.on('timeout', () => request.destroy(tooSlow({ host, port })));
    request.on('error', reject);
  });
}

/**
 * A broker answers the protocol header with Connection.Start, before anybody says who he is: a method frame (1) of
 * channel 0, class 10, method 10.
 * @see https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.2
 */
function answersAmqp(address: Address): Promise<void> {
  const header = Buffer.from([...Buffer.from('AMQP'), 0, 0, 9, 1]);
  return connects(
    address,
    (answer) => {
      if (answer.length < 11) return false;
      const start = answer[0] === 1 && answer.readUInt16BE(7) === 10 && answer.readUInt16BE(9) === 10;
      if (!start) throw new Error(`${address.host}:${address.port} does not speak AMQP 0-9-1`);
      return true;
    },
    header,
  );
}

/** Connects, says something, and waits until what comes back is enough. */
function connects(address: Address, enough: (answer: Buffer) => boolean, say?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...address, timeout: TIMEOUT_MS });
    let answer: Buffer = Buffer.alloc(0);
    const done = (error?: Error): void => {
      clearTimeout(deadline);
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    const deadline = setTimeout(() => done(tooSlow(address)), TIMEOUT_MS);
    socket.on('error', done);
    socket.on('end', () => done(new Error(`${address.host}:${address.port} closed the connection`)));
    socket.on('connect', () => {
      if (say === undefined) done();
      else socket.write(say);
    });
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (enough(answer)) done();
      } catch (error) {
        done(error as Error);
      }
    });
  });
}

function tooSlow({ host, port }: Address): Error {
  return new Error(`${host}:${port} did not answer within ${TIMEOUT_MS / 1000} s`);
}
