import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import type { AddressPolicy, Reach } from './address-policy.ts';
import { GitError } from './git-error.ts';

/** A request to a git server. */
export interface HttpRequest {
  readonly url: URL;
  readonly reach: Reach;
  readonly headers: OutgoingHttpHeaders;
  /** Sent by POST; GET where it is absent. */
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** The answer to it, whose body is yet to be read. */
export type HttpResponse = IncomingMessage & { readonly statusCode: number };

/** Few, since a server that is polled a thousand times a minute is asked one poll after the other. */
const POOL = { keepAlive: true, maxSockets: 16, maxFreeSockets: 4, timeout: 30_000 };

/** Connections to git servers, kept open between requests. */
export class HttpConnections {
  readonly #addresses: AddressPolicy;
  /** A connection that was made for a configured URL is not used for a redirect, which may not lead as far. */
  readonly #pools: Readonly<Record<Reach, { http: Agent; https: TlsAgent }>>;

  /** @param certificateAuthority certificates in PEM that are trusted beside the public ones */
  constructor(addresses: AddressPolicy, certificateAuthority?: string) {
    this.#addresses = addresses;
    const tls =
      certificateAuthority === undefined
        ? POOL
        : { ...POOL, ca: [...rootCertificates, certificateAuthority] };
    const pools = (): { http: Agent; https: TlsAgent } => ({
      http: new Agent(POOL),
      https: new TlsAgent(tls),
    });
    this.#pools = { configured: pools(), redirect: pools() };
  }

  /** Sends a request. A connection that the server has closed meanwhile is replaced by another, once. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    try {
      return await this.#send(request);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
    }
    return await this.#send(request, false);
  }

  /** Closes all connections. */
  close(): void {
    for (const { http, https } of Object.values(this.#pools)) {
      http.destroy();
      https.destroy();
    }
  }

  #send({ url, reach, headers, body, signal }: HttpRequest, reuse = true): Promise<HttpResponse> {
    const pool = this.#pools[reach];
    const options = {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) },
      lookup: this.#addresses.lookup(reach),
      signal,
    };
    return new Promise((done, fail) => {
      const request =
        url.protocol === 'https:'
          ? requestHttps(url, { ...options, agent: reuse ? pool.https : false })
          : requestHttp(url, { ...options, agent: reuse ? pool.http : false });
      request.once('response', (response) => done(response as HttpResponse));
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        fail(stale && !signal.aborted ? new StaleConnection() : connectionError(url, error, signal));
      });
      request.end(body);
    });
  }
}

class StaleConnection extends Error {}

/** What a failed connection means. */
export function connectionError(url: URL, error: unknown, signal: AbortSignal): GitError {
  if (signal.aborted && signal.reason instanceof GitError) return signal.reason;
  if (error instanceof GitError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code.startsWith('HPE_')) return new GitError('protocol', `${url.host} does not speak http (${code})`);
  if (/CERT|TLS|SSL|UNABLE_TO/.test(code)) {
    return new GitError('refused', `the certificate of ${url.host} is not trusted (${code})`);
  }
  return new GitError('unreachable', `${url.host} did not answer (${code || message})`);
}
