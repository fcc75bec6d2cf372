import http from 'node:http';
import https from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { describeError } from '../observe/log.ts';
import { KubernetesError } from './errors.ts';
import { jsonForYaml } from './json.ts';

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
  /** For how long an answer may go on that is longer than others, in milliseconds: a watch. */
  readonly duration?: number;
}

/** The longest that an answer may take, from the request to its end. */
const TIMEOUT_MS = 30_000;
/** API servers close a connection that was idle for 90 s; a request on its way then would be lost. */
const IDLE_MS = 60_000;
/** A connection on which nothing is said, as a watch's, is probed by TCP so often: one whose other end is gone ends soon. */
const PROBE_MS = 15_000;
/** Tokens of ServiceAccounts are replaced long before they end, so that reading them once a minute is enough. */
const CREDENTIALS_MS = 60_000;

/**
 * The way to an API server, with the address and credentials that client-node's KubeConfig finds: those of the pod's
 * ServiceAccount, or of a kubeconfig. Connections are kept, which KubeConfig's own requests don't do.
 */
export class Connection {
  readonly #config: KubeConfig;
  readonly #server: URL;
  readonly #timeout: number;
  #credentials: Credentials | undefined;
  #readAt = 0;

  /** `timeout` is the longest that an answer may take, in milliseconds; that of a watch, to begin. */
  constructor(config: KubeConfig, timeout: number = TIMEOUT_MS) {
    const server = config.getCurrentCluster()?.server;
    if (server === undefined)
      throw new Error('neither a ServiceAccount nor a kubeconfig says where the API server is');
    this.#config = config;
    this.#server = new URL(server);
    this.#timeout = timeout;
  }

  /** The connection of the pod that this runs in; elsewhere that of the kubeconfig. */
  static default(): Connection {
    const config = new KubeConfig();
    config.loadFromDefault();
    return new Connection(config);
  }

  /** Sends a request, and hands over the answer once it begins. */
  async send(request: ApiRequest): Promise<http.IncomingMessage> {
    const { method, path, body, contentType = 'application/json', accept = 'application/json' } = request;
    const { signal, duration } = request;
    const credentials = await this.#currentCredentials();
    const payload = body === undefined ? undefined : jsonForYaml(body);
    const headers: Record<string, string> = {
      ...credentials.headers,
      accept,
      'user-agent': 'keelson-agent',
    };
    if (payload !== undefined) {
      headers['content-type'] = contentType;
      // For a DELETE, Node would leave it out, and the body would be read as the next request.
      headers['content-length'] = String(Buffer.byteLength(payload));
    }
    const url = new URL(this.#server.pathname.replace(/\/$/, '') + path, this.#server);
    const { request: open } = url.protocol === 'http:' ? http : https;
    return new Promise((resolve, reject) => {
      const outgoing = open(url, { method, headers, agent: credentials.agent, ...(signal && { signal }) });
      const endAfter = (milliseconds: number, what: http.ClientRequest | http.IncomingMessage) =>
        setTimeout(() => what.destroy(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
      let timer = endAfter(this.#timeout, outgoing);
      outgoing.once('response', (answer) => {
        clearTimeout(timer);
        timer = endAfter(duration ?? this.#timeout, answer);
        resolve(answer);
      });
      outgoing.on('error', (error) => reject(noAnswer(`${method} ${path}`, error)));
      outgoing.once('close', () => clearTimeout(timer));
      outgoing.end(payload);
    });
  }

  async #currentCredentials(): Promise<Credentials> {
    const now = performance.now();
    if (this.#credentials !== undefined && now - this.#readAt < CREDENTIALS_MS) return this.#credentials;
    this.#readAt = now;
    try {
      const { headers, secure } = await this.#readCredentials();
      this.#credentials = { headers, agent: this.#credentials?.agent ?? this.#agentWith(secure) };
    } catch (error) {
      // A file that is just being replaced is there the next time, and the token of before still good.
      if (this.#credentials === undefined) throw noAnswer("the API server's credentials", error);
    }
    return this.#credentials;
  }

  async #readCredentials(): Promise<{ headers: Headers; secure: https.AgentOptions }> {
    const options: https.RequestOptions = { headers: {} };
    await this.#config.applyToHTTPSOptions(options);
    const { auth, headers, ca, cert, key, passphrase, servername, rejectUnauthorized } = options;
    return {
      headers: {
        ...(headers as Headers),
        ...(auth != null && { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
      },
      secure: { ca, cert, key, passphrase, servername, rejectUnauthorized } as https.AgentOptions,
    };
  }

  #agentWith(secure: https.AgentOptions): http.Agent {
    const kept = { keepAlive: true, keepAliveMsecs: PROBE_MS, timeout: IDLE_MS };
    return this.#server.protocol === 'http:' ? new http.Agent(kept) : new https.Agent({ ...kept, ...secure });
  }
}

type Headers = Readonly<Record<string, string>>;

interface Credentials {
  readonly headers: Headers;
  readonly agent: http.Agent;
}

/** What is thrown where a connection could not be made, or broke. */
export function noAnswer(what: string, error: unknown): KubernetesError {
  return new KubernetesError(what, { status: 0, body: describeError(error) });
}
