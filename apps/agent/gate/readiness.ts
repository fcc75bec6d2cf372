import http from 'node:http';
import net from 'node:net';
import type { ReadinessConfiguration } from '../../../lib/agent/configuration.ts';

const TIMEOUT_MS = 3_000;

/** Why a service does not answer yet; undefined where it does. */
export async function whyNotReady(
  readiness: ReadinessConfiguration,
  signal: AbortSignal,
): Promise<string | undefined> {
  const tooLate = AbortSignal.timeout(TIMEOUT_MS);
  const either = AbortSignal.any([signal, tooLate]);
  try {
    if ('http' in readiness) await answersHttp(readiness.http, either);
    else if ('amqp' in readiness) await answersAmqp(readiness.amqp, either);
    else await connects(readiness.tcp, either);
    return undefined;
  } catch (error) {
    return tooLate.aborted ? `no answer within ${TIMEOUT_MS / 1000} s` : (error as Error).message;
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

function answersHttp(
  { host, port, path }: Address & { readonly path: string },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, agent: false, signal }, (response) => {
      response.destroy();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`http://${host}:${port}${path} answers ${response.statusCode}`));
    });
    request.on('error', reject);
  });
}

/**
 * A broker answers the protocol header with Connection.Start, before anybody says who he is: a method frame (1) of
 * channel 0, class 10, method 10.
 * @see https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf section 4.2.2
 */
function answersAmqp(address: Address, signal: AbortSignal): Promise<void> {
  const header = Buffer.from([...Buffer.from('AMQP'), 0, 0, 9, 1]);
  return connects(address, signal, header, (answer) => {
    if (answer.length < 11) return false;
    const start = answer[0] === 1 && answer.readUInt16BE(7) === 10 && answer.readUInt16BE(9) === 10;
    if (!start) throw new Error(`${address.host}:${address.port} does not speak AMQP 0-9-1`);
    return true;
  });
}

/** Connects, and where something is to be said, waits until what comes back is enough. */
function connects(
  { host, port }: Address,
  signal: AbortSignal,
  say?: Buffer,
  enough?: (answer: Buffer) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, signal });
    let answer: Buffer = Buffer.alloc(0);
    const done = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.on('error', done);
    socket.on('end', () => done(new Error(`${host}:${port} closed the connection`)));
    socket.on('connect', () => {
      if (say === undefined) done();
      else socket.write(say);
    });
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk]);
      try {
        if (enough?.(answer)) done();
      } catch (error) {
        done(error as Error);
      }
    });
  });
}
