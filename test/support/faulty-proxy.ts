import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKubeconfig } from '../cluster/kubeconfig.ts';
import { Chance, type Described, described, FAULTS, type Fault, type Faults } from './faults.ts';

export type { Fault, Faults } from './faults.ts';

/** What a faulty proxy is told at its start. */
export interface FaultyProxyOptions {
  /** Decides which requests have which faults. */
  readonly seed: number;
  /** The probabilities at first; none by default. */
  readonly faults?: Faults;
  /** For how long `delayed` holds an answer back, in milliseconds. */
  readonly delay?: number;
  /** What `tooManyRequests` asks for, in seconds. */
  readonly retryAfter?: number;
  /** The longest that a watch lasts which `watchClosed` or `watchGone` ends, in milliseconds. */
  readonly longestWatch?: number;
}

/** A proxy before an API server, with faults. */
export interface FaultyProxy {
  /** The path of a kubeconfig for the proxy, without an account: the proxy adds its own where a request has none. */
  readonly kubeconfig: string;
  /** How many requests and watches there were, and how many had which fault. */
  readonly counts: Readonly<Record<Fault | 'requests' | 'watches', number>>;
  /** Changes the probabilities for requests from now on; watches that are there last. */
  setFaults(faults: Faults): void;
  close(): Promise<void>;
}

/** Starts a proxy on this machine, with plain http, before the API server of the kubeconfig. */
export async function startFaultyProxy(
  kubeconfig: string,
  { seed, faults = {}, delay = 35_000, retryAfter = 1, longestWatch = 2000 }: FaultyProxyOptions,
): Promise<FaultyProxy> {
  const { server: target, ca, token, certificate, key, insecure } = await readKubeconfig(kubeconfig);
  const agent = new https.Agent({
    keepAlive: true,
    rejectUnauthorized: !insecure,
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
  });
  const chance = new Chance(seed);
  const past = new PastLists();
  const counts = {
    requests: 0,
    watches: 0,
    ...Object.fromEntries(FAULTS.map((fault) => [fault, 0])),
  } as Record<Fault | 'requests' | 'watches', number>;
  let current = faults;

  /** Sends the request on, and hands over the answer's beginning. */
  const forward = (request: IncomingMessage, response: ServerResponse): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const { host: _, connection: __, 'accept-encoding': ___, ...headers } = request.headers;
      if (token !== undefined) headers.authorization ??= `Bearer ${token}`;
      const { method = 'GET', url = '/' } = request;
      const outgoing = https.request(target + url, { method, headers, agent }, resolve);
      outgoing.on('error', reject);
      response.once('close', () => outgoing.destroy());
      request.pipe(outgoing);
    });

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET', url = '/' } = request;
    const what = described(method, url);
    counts.requests++;
    if (what.kind === 'watch') counts.watches++;
    const { fault, detail } = chance.next(what, current);
    if (fault !== undefined && (fault !== 'staleList' || past.has(url))) counts[fault]++;
    const refused = fault === undefined ? undefined : refusalOf(fault, what, detail, retryAfter);
    if (refused !== undefined) {
      request.resume();
      response.writeHead(refused.status, refused.headers).end(refused.body);
      return;
    }
    if (fault === 'closedBefore') return void request.socket.destroy();
    if (fault === 'watchGone' && detail < 2 / 3)
      return void response.writeHead(200, JSON_TYPE).end(GONE_EVENT);
    if (fault === 'staleList' && past.has(url)) {
      response.writeHead(200, JSON_TYPE).end(past.choose(url, detail));
      return;
    }
    const answer = await forward(request, response);
    if (fault === 'watchClosed' || fault === 'watchGone') {
      endAfterAWhile(answer, response, fault, detail, detail * longestWatch);
    } else if (what.kind === 'watch') {
      response.writeHead(answer.statusCode ?? 500, headersOf(answer));
      // Nothing may happen for long.
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    } else {
      const body = Buffer.concat(await answer.toArray());
      if (what.kind === 'list' && answer.statusCode === 200) past.remember(url, body);
      if (fault === 'closedAfter') return void request.socket.destroy();
      if (fault === 'delayed') await untilClosed(response, delay);
      if (response.destroyed) return;
      response.writeHead(answer.statusCode ?? 500, { ...headersOf(answer), 'content-length': body.length });
      if (fault !== 'truncated') response.end(body);
      else response.write(body.subarray(0, body.length / 2), () => request.socket.destroy());
    }
  };

  const server = http.createServer((request, response) => {
    // Where the API server itself does not answer, nor does the proxy.
    handle(request, response).catch(() => request.socket.destroy());
  });
  server.keepAliveTimeout = 90_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const directory = await mkdtemp(join(tmpdir(), 'keelson-faulty-proxy-'));
  const path = join(directory, 'kubeconfig');
  await writeFile(path, JSON.stringify(kubeconfigOf(`http://127.0.0.1:${port}`)));
  return {
    kubeconfig: path,
    counts,
    setFaults: (next) => {
      current = next;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await rm(directory, { recursive: true });
    },
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };

function status(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code };
}

const GONE = status(410, 'Expired', 'too old resource version: 1 (2)');
const GONE_EVENT = `${JSON.stringify({ type: 'ERROR', object: GONE })}\n`;

/** The answer in place of the API server's. */
function refusalOf(
  fault: Fault,
  { path }: Described,
  detail: number,
  retryAfter: number,
): { status: number; body: string; headers: http.OutgoingHttpHeaders } | undefined {
  const refusal = (code: number, reason: string, message: string) => ({
    status: code,
    body: JSON.stringify(status(code, reason, message)),
    headers: code === 429 ? { ...JSON_TYPE, 'retry-after': String(retryAfter) } : JSON_TYPE,
  });
  switch (fault) {
    case 'conflict':
      return refusal(
        409,
        'Conflict',
        `Operation cannot be fulfilled on ${path}: the object has been modified`,
      );
    case 'tooManyRequests':
      return refusal(429, 'TooManyRequests', 'Too many requests, please try again later.');
    case 'internalError':
      return refusal(500, 'InternalError', 'Internal error occurred: etcdserver: leader changed');
    case 'unavailable':
      return { status: 503, body: 'upstream connect error', headers: { 'content-type': 'text/plain' } };
    case 'watchGone':
      return detail < 1 / 3 ? refusal(410, 'Expired', 'too old resource version: 1 (2)') : undefined;
    default:
      return undefined;
  }
}

/** An answer's headers but those of its connection. */
function headersOf({ headers }: IncomingMessage): http.OutgoingHttpHeaders {
  const { connection: _, 'transfer-encoding': __, 'content-length': ___, ...rest } = headers;
  return rest;
}

/** Passes a watch on for a while, and ends it then. */
function endAfterAWhile(
  answer: IncomingMessage,
  response: ServerResponse,
  fault: 'watchClosed' | 'watchGone',
  detail: number,
  milliseconds: number,
): void {
  // The digits behind those that say when.
  const manner = (detail * 1000) % 1;
  let atLineEnd = true;
  let events = 0;
  response.writeHead(answer.statusCode ?? 500, headersOf(answer));
  response.flushHeaders();
  const timer = setTimeout(() => {
    answer.destroy();
    if (fault === 'watchGone' && atLineEnd) response.end(GONE_EVENT);
    else if (manner < 0.5) response.end();
    else response.destroy();
  }, milliseconds);
  answer.on('data', (chunk: Buffer) => {
    if (fault === 'watchClosed' && manner > 0.75 && ++events > manner * 10) {
      answer.destroy();
      response.write(chunk.subarray(0, chunk.length / 2), () => response.destroy());
      return;
    }
    atLineEnd = chunk.at(-1) === 0x0a;
    response.write(chunk);
  });
  answer.on('end', () => response.end());
  answer.on('error', () => response.destroy());
  response.once('close', () => clearTimeout(timer));
}

/** Waits so long, or until the client has given up. */
function untilClosed(response: ServerResponse, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A few earlier answers to each list. */
class PastLists {
  readonly #lists = new Map<string, Buffer[]>();

  has(url: string): boolean {
    return this.#lists.has(url);
  }

  remember(url: string, body: Buffer): void {
    // The next pages of a list belong to their first.
    if (url.includes('continue=') || body.length > MAX_PAST_BYTES) return;
    const known = this.#lists.get(url) ?? [];
    if (known.length === 0 && this.#lists.size >= MAX_PAST_LISTS) return;
    known.push(body);
    if (known.length > MAX_PAST_ANSWERS) known.shift();
    this.#lists.set(url, known);
  }

  choose(url: string, detail: number): Buffer | undefined {
    const known = this.#lists.get(url) ?? [];
    return known[Math.floor(detail * known.length)];
  }
}

const MAX_PAST_LISTS = 200;
const MAX_PAST_ANSWERS = 4;
const MAX_PAST_BYTES = 2 << 20;

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'faulty',
    contexts: [{ name: 'faulty', context: { cluster: 'faulty', user: 'faulty' } }],
    // Plain http is refused without it.
    clusters: [{ name: 'faulty', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'faulty', user: {} }],
  };
}
