import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { guardedLookup, isRefusedAddress } from './refused-addresses.ts';
import { RegistryError } from './registry-error.ts';

/** A request to a registry, to its server of tokens, or to its storage. */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** More than that is not read. */
  readonly maxBytes: number;
}

/** What was answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Connections kept for a next request to one server. */
const MAX_KEPT = 2;
const KEPT: http.AgentOptions = { keepAlive: true, maxSockets: 8, maxFreeSockets: MAX_KEPT, timeout: 30_000 };

/** Sends requests to registries with limits on time and size. Redirects are the caller's. */
export class HttpExchange {
  readonly #registry: URL;
  readonly #certificateAuthority: string | undefined;
  readonly #timeoutMs: number;
  readonly #plain: http.Agent = new http.Agent(KEPT);
  readonly #tls: https.Agent;
  #elsewhere: https.Agent | undefined;

  /**
   * @param registry where the certificate authority is the only one that is trusted
   * @param certificateAuthority absent where the public ones are; trusted beside them by other servers
   * @param timeoutMs for one request, to the last byte of its answer
   */
  constructor(registry: URL, certificateAuthority: string | undefined, timeoutMs: number) {
    this.#registry = registry;
    this.#certificateAuthority = certificateAuthority;
    this.#timeoutMs = timeoutMs;
    this.#tls = agentTrusting(certificateAuthority);
  }

  /** Sends a request. An answer of any status is one; everything else is a RegistryError. */
  async send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    for (let kept = 0; ; kept += 1) {
      try {
        return await this.#sendOnce(request, signal);
      } catch (error) {
        // The server closed a connection that was kept, just as the request was on its way.
        if (!(error instanceof StaleConnection) || kept === MAX_KEPT) throw error;
      }
    }
  }

  /** Closes the connections that are kept for a next request. */
  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
    this.#elsewhere?.destroy();
  }

  async #sendOnce(request: HttpRequest, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    signal?.throwIfAborted();
    const { url, body, maxBytes } = request;
    if (isRefusedAddress(url.hostname.replace(/^\[|\]$/g, ''))) {
      throw new RegistryError('protocol', `${url.host} is a link-local address, which no registry has`);
    }
    const outgoing = this.#outgoing(request);
    // Heard below; it may come a second time.
    outgoing.on('error', () => {});
    let stopped: unknown;
    const stop = (reason: unknown): void => {
      stopped = reason;
      outgoing.destroy();
    };
    const aborted = (): void => stop(signal?.reason);
    const timer = setTimeout(
      () => stop(new Error(`no whole answer within ${this.#timeoutMs} ms`)),
      this.#timeoutMs,
    );
    signal?.addEventListener('abort', aborted);
    try {
      const answered = once(outgoing, 'response') as Promise<[http.IncomingMessage]>;
      outgoing.end(body);
      const [incoming] = await answered;
      const { statusCode: status = 0, headers } = incoming;
      return { status, headers, body: await read(incoming, maxBytes) };
    } catch (error) {
      outgoing.destroy();
      if (error instanceof RegistryError) throw error;
      if (signal?.aborted) throw signal.reason;
      const { code } = error as NodeJS.ErrnoException;
      const stale =
        stopped === undefined && outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
      throw unreachable(url, stopped ?? error, stale ? StaleConnection : RegistryError);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', aborted);
    }
  }

  #outgoing({ method, url, headers }: HttpRequest): http.ClientRequest {
    const tls = url.protocol === 'https:';
    return (tls ? https : http).request(url, {
      method,
      headers: { 'accept-encoding': 'identity', 'user-agent': 'keelson-agent', ...headers },
      agent: tls ? this.#agentFor(url) : this.#plain,
      lookup: guardedLookup,
    });
  }

  #agentFor(url: URL): https.Agent {
    const ca = this.#certificateAuthority;
    if (ca === undefined || url.hostname === this.#registry.hostname) return this.#tls;
    // Only when it is needed: it takes 50 ms to read all of the public ones.
    this.#elsewhere ??= agentTrusting([...rootCertificates, ca]);
    return this.#elsewhere;
  }
}

function agentTrusting(ca: string | string[] | undefined): https.Agent {
  // Made once for all connections.
  return new https.Agent({
    ...KEPT,
    ...(ca !== undefined && { secureContext: createSecureContext({ ca }) }),
  });
}

class StaleConnection extends RegistryError {}

async function read(incoming: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) {
      throw new RegistryError('too-large', `the answer is larger than the ${maxBytes} bytes that are read`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function unreachable(url: URL, cause: unknown, kind: typeof RegistryError): RegistryError {
  const certificate = /certificate|self.signed|issuer/i.test((cause as Error).message);
  const remedy = certificate
    ? 'give the certificates of its authority as certificateAuthority'
    : 'check that it runs, and that host, port and network policies let the agent reach it';
  return new kind('unreachable', `${url.host} can't be reached: ${remedy}`, { cause });
}
