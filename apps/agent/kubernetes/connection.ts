import http from 'node:http';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { KubernetesError } from './errors.ts';

/** A request as HTTP knows it. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  /** Ends the request. */
  readonly signal?: AbortSignal;
}

/** The longest that an answer may take to begin and to go on. */
const TIMEOUT_MS = 30_000;

/**
 * The way to an API server, with the address and credentials that client-node's KubeConfig finds: those of the pod's
 * ServiceAccount, or of a kubeconfig. Connections are kept, which KubeConfig's own requests don't do.
 */
export class Connection {
  readonly #config: KubeConfig;
  readonly #server: URL;
  #cached: Promise<Credentials> | undefined;
  #cachedAt = 0;

  constructor(config: KubeConfig) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new Error('neither a ServiceAccount nor a kubeconfig says where the API server is');
    this.#config = config;
    this.#server = new URL(server);
  }

  /** The connection of the pod that this runs in; elsewhere that of the kubeconfig. */
  static default(): Connection {
    const config = new KubeConfig();
    config.loadFromDefault();
    return new Connection(config);
  }

  /** Sends a request, and hands over the answer once it begins. */
  async send(request: ApiRequest): Promise<http.IncomingMessage> {
    const {
      method,
      path,
      body,
      contentType = 'application/json',
      accept = 'application/json',
      signal,
    } = request;
    const credentials = await this.#credentials();
    const { agent } = credentials;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = { ...credentials.headers, accept, 'user-agent': 'keelson-agent' };
    if (payload !== undefined) {
      headers['content-type'] = contentType;
      // For a DELETE, Node would leave it out, and the body would be read as the next request.
      headers['content-length'] = String(Buffer.byteLength(payload));
    }
    const url = new URL(this.#server.pathname.replace(/\/$/, '') + path, this.#server);
    const { request: open } = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const outgoing = open(
        url,
        { method, headers, agent, timeout: TIMEOUT_MS, ...(signal && { signal }) },
        resolve,
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      outgoing.on('error', (error) => reject(noAnswer(`${method} ${path}`, error)));
      outgoing.end(payload);
    });
  }

  /** Tokens of ServiceAccounts are replaced long before they end, so they are read again once a minute. */
  #credentials(): Promise<Credentials> {
    const now = Date.now();
    if (this.#cached === undefined || now - this.#cachedAt > 60_000) {
      this.#cached = this.#readCredentials(this.#cached);
      this.#cachedAt = now;
    }
    return this.#cached;
  }

  async #readCredentials(before: Promise<Credentials> | undefined): Promise<Credentials> {
    const options: https.RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    const { auth, headers, ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
    const secure = { ca, cert, key, passphrase, servername, rejectUnauthorized };
    return {
      headers: {
        ...(headers as Record<string, string>),
        ...(auth != null && { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
      },
      agent:
        (await before)?.agent ??
        (this.#server.protocol === 'http:'
          ? new http.Agent({ keepAlive: true })
          : new https.Agent({ keepAlive: true, ...(secure as https.AgentOptions) })),
    };
  }
}

interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: http.Agent;
}

/** What is thrown where a connection could not be made, or broke. */
export function noAnswer(what: string, error: unknown): KubernetesError {
  const body = error instanceof Error ? error.message || error.name : String(error);
  return new KubernetesError(what, { status: 0, body });
}
