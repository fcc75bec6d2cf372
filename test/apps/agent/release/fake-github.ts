// GitHub's API for releases on a local server, as its documentation has it, and strict: a request that GitHub would not
// understand is a violation, which a test looks for at its end.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { FakeReleases, Refusal } from './fake-releases.ts';

/** What is done to a request in place of, or before, its answer. */
export type Fault =
  | {
      readonly answer: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly message?: string;
    }
  /** The request is fulfilled, and its answer is another. */
  | { readonly fulfilledBut: number }
  /** The connection is closed: before anything is read, or in the middle of what is sent. */
  | { readonly reset: 'before' | 'middle' | 'after' }
  | { readonly hang: true };

/** A request as a test sees it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  /** How many requests came before. */
  readonly index: number;
}

interface StartOptions {
  readonly repository?: string;
  readonly prefix?: string;
  /** With them it speaks TLS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The server. */
export class FakeGitHub {
  readonly releases: FakeReleases;
  readonly seen: Seen[] = [];
  readonly violations: string[] = [];
  /** Says which requests fail. */
  fault: (seen: Seen) => Fault | undefined = () => undefined;
  /** How long each answer takes, in milliseconds, and how long each chunk of an upload does. */
  delay: () => number = () => 0;
  readonly #prefix: string;
  #origin = '';

  private constructor(repository: string, prefix: string) {
    this.releases = new FakeReleases(repository);
    this.#prefix = prefix;
  }

  /** Starts one for the length of a test. `prefix` is `/api/v3` on an Enterprise Server. */
  static async start({
    repository = 'team/project',
    prefix = '',
    tls,
  }: StartOptions = {}): Promise<FakeGitHub> {
    const fake = new FakeGitHub(repository, prefix);
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      fake.#serve(request, response).catch((error: unknown) => {
        if (!(error instanceof Refusal)) response.destroy();
        else fake.#answer(response, error.status, { message: error.message, errors: error.errors });
      });
    };
    const server = tls ? createTlsServer(tls, answer) : createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    fake.#origin = `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return fake;
  }

  get apiUrl(): string {
    return `${this.#origin}${this.#prefix}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {});
    const url = new URL(request.url ?? '', this.#origin);
    const seen = { method: request.method ?? '', path: url.pathname, index: this.seen.length };
    this.seen.push(seen);
    this.#check(request, url);
    const fault = this.fault(seen);
    if (fault !== undefined && 'hang' in fault) return;
    if (fault !== undefined && 'reset' in fault && fault.reset === 'before')
      return void request.socket.destroy();
    if (fault !== undefined && 'answer' in fault) {
      request.resume();
      return this.#answer(response, fault.answer, { message: fault.message ?? 'a fault' }, fault.headers);
    }
    await pause(this.delay());
    const body = await this.#route(
      request,
      url,
      fault !== undefined && 'reset' in fault && fault.reset === 'middle',
    );
    await pause(this.delay());
    if (fault !== undefined && 'reset' in fault) return void request.socket.destroy();
    if (fault !== undefined && 'fulfilledBut' in fault)
      return this.#answer(response, fault.fulfilledBut, '<html>');
    this.#answer(response, body === undefined ? 204 : request.method === 'POST' ? 201 : 200, body);
  }

  async #route(request: IncomingMessage, url: URL, cut: boolean): Promise<unknown> {
    const { method = '' } = request;
    const uploads = `/repos/${this.releases.repository}/releases/`;
    const prefix = this.#prefix === '' ? '' : '/api/uploads';
    const upload =
      url.pathname.startsWith(`${prefix}${uploads}`) && url.pathname.endsWith('/assets') && method === 'POST';
    if (upload) {
      const id = Number(url.pathname.slice(`${prefix}${uploads}`.length, -'/assets'.length));
      return this.releases.upload(id, url.searchParams, request, cut, () => pause(this.delay()));
    }
    if (!url.pathname.startsWith(`${this.#prefix}/`)) throw new Refusal(404, 'Not Found');
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? undefined : JSON.parse(text);
    const uploadBase = `${this.#origin}${prefix}`;
    return this.releases.answer(
      method,
      url.pathname.slice(this.#prefix.length),
      url.searchParams,
      body,
      uploadBase,
    );
  }

  #check({ headers, method, httpVersion }: IncomingMessage, url: URL): void {
    const say = (what: string): void => void this.violations.push(`${method} ${url.pathname}: ${what}`);
    if (headers.authorization !== 'token canary-token') {
      say('wrong authorization');
      throw new Refusal(401, 'Bad credentials');
    }
    if (!headers['user-agent']) say('no user agent');
    if (headers['x-github-api-version'] !== '2022-11-28') say('wrong version of the API');
    if (headers.host === undefined || httpVersion !== '1.1') say('wrong protocol');
    if (headers['transfer-encoding'] !== undefined) say('no content-length');
    if (!headers.accept?.includes('application/vnd.github')) say('accepts something else');
    const sends = method === 'POST' || method === 'PATCH';
    const type = url.searchParams.has('name') ? 'application/octet-stream' : 'application/json';
    if (sends && !headers['content-type']?.startsWith(type)) say(`content-type ${headers['content-type']}`);
  }

  #answer(
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const type = typeof body === 'string' ? 'text/html' : 'application/json; charset=utf-8';
    response.writeHead(status, { 'content-type': type, ...headers }).end(status === 204 ? undefined : text);
  }
}

function pause(milliseconds: number): Promise<void> {
  return milliseconds === 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, milliseconds));
}
