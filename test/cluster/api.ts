import { readFile } from 'node:fs/promises';
import { Agent, request as send } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { jsonForYaml } from '../../apps/agent/kubernetes/json.ts';
import { type Connection, readKubeconfig } from './kubeconfig.ts';

/** The parts that every object has. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** Another identity to act as: the API server checks that identity's rights and not the client's. */
export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
}

export interface RequestOptions {
  readonly as?: Identity;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
}

export interface ApplyOptions {
  readonly as?: Identity;
  readonly fieldManager?: string;
  /** Take over fields that other managers own, instead of a conflict. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

export interface Response<Body = unknown> {
  readonly status: number;
  readonly body: Body;
  /** What the API server warns of: deprecated versions, pods that Pod Security would refuse. */
  readonly warnings: readonly string[];
}

/** A request that the API server refused. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reason: string | undefined;

  constructor(what: string, { status, body }: Response) {
    const { message, reason } = (body ?? {}) as { message?: string; reason?: string };
    super(`${what}: ${status} ${message ?? JSON.stringify(body)}`);
    this.status = status;
    this.reason = reason;
  }
}

/** The ServiceAccount's identity, with the groups that its token would carry. */
export function serviceAccount(namespace: string, name: string): Identity {
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** A small client for the Kubernetes API: raw requests, and what tests do all the time. */
export class Api {
  readonly #connection: Connection;
  readonly #agent: Agent;
  readonly #resources = new Map<string, Promise<Resource[]>>();

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#agent = new Agent({
      keepAlive: true,
      ...(connection.ca === undefined ? {} : { ca: connection.ca }),
      ...(connection.certificate === undefined ? {} : { cert: connection.certificate }),
      ...(connection.key === undefined ? {} : { key: connection.key }),
      rejectUnauthorized: !connection.insecure,
    });
  }

  static async connect(kubeconfig: string): Promise<Api> {
    return new Api(await readKubeconfig(kubeconfig));
  }

  /** Sends one request; any status is an answer. */
  request<Body = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options: RequestOptions = {},
  ): Promise<Response<Body>> {
    const url = new URL(this.#connection.server + path);
    for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value);
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : jsonForYaml(body);
    const headers: Record<string, string | string[]> = { accept: 'application/json' };
    if (this.#connection.token !== undefined) headers['authorization'] = `Bearer ${this.#connection.token}`;
    if (payload !== undefined) {
      headers['content-type'] = options.contentType ?? 'application/json';
      // For a DELETE, Node would leave it out, and the body would be read as the next request.
      headers['content-length'] = String(Buffer.byteLength(payload));
    }
    if (options.as) {
      headers['impersonate-user'] = options.as.user;
      if (options.as.groups) headers['impersonate-group'] = [...options.as.groups];
    }
    return new Promise((resolve, reject) => {
      const outgoing = send(url, { method, headers, agent: this.#agent }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const json = incoming.headers['content-type']?.includes('json');
          const warnings = [incoming.headers['warning'] ?? []].flat();
          resolve({
            status: incoming.statusCode ?? 0,
            body: (json ? JSON.parse(text) : text) as Body,
            warnings,
          });
        });
      });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The server may close a kept connection just when it is used again.
        const again = outgoing.reusedSocket && error.code === 'ECONNRESET';
        if (again) resolve(this.request(method, path, body, options));
        else reject(error);
      });
      outgoing.end(payload);
    });
  }

  /** Server-side apply with strict field validation: an unknown or doubled field is an error. */
  async apply<Result = KubernetesObject>(
    object: KubernetesObject,
    options: ApplyOptions = {},
  ): Promise<Response<Result>> {
    const query: Record<string, string> = {
      fieldManager: options.fieldManager ?? 'keelson-test',
      fieldValidation: 'Strict',
      force: String(options.force ?? false),
    };
    if (options.dryRun) query['dryRun'] = 'All';
    const response = await this.request<Result>('PATCH', await this.pathOf(object), object, {
      query,
      contentType: 'application/apply-patch+yaml',
      ...(options.as ? { as: options.as } : {}),
    });
    return accepted(`apply ${object.kind} ${object.metadata.name}`, response);
  }

  /** Reads an object at its API path. */
  async get<Result = KubernetesObject>(path: string): Promise<Result> {
    return accepted(`get ${path}`, await this.request<Result>('GET', path)).body;
  }

  /** Deletes what is at the path, if anything is. */
  async delete(path: string): Promise<void> {
    const response = await this.request('DELETE', path, { propagationPolicy: 'Background' });
    if (response.status !== 404) accepted(`delete ${path}`, response);
  }

  /** Creates a namespace in which Pod Security enforces the given level, with its default ServiceAccount. */
  async createNamespace(name: string, level: 'privileged' | 'baseline' | 'restricted'): Promise<void> {
    await this.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'pod-security.kubernetes.io/enforce': level } },
    });
  }

  /** The API path of an object, from what the API server says about its kind. */
  async pathOf({ apiVersion, kind, metadata }: KubernetesObject): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const find = async () => (await this.#discover(root)).find((known) => known.kind === kind);
    let resource = await find();
    if (!resource) {
      // Perhaps a CustomResourceDefinition that was applied since.
      this.#resources.delete(root);
      resource = await find();
    }
    if (!resource) throw new Error(`the API server does not know ${kind} in ${apiVersion}`);
    const namespace = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
    return `${root}${namespace}/${resource.name}/${metadata.name}`;
  }

  #discover(root: string): Promise<Resource[]> {
    const known =
      this.#resources.get(root) ??
      this.request<{ resources?: Resource[] }>('GET', root).then(({ body }) =>
        // A subresource (deployments/scale) may repeat a kind.
        (body.resources ?? []).filter(({ name }) => !name.includes('/')),
      );
    this.#resources.set(root, known);
    return known;
  }
}

interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

function accepted<Body>(what: string, response: Response<Body>): Response<Body> {
  if (response.status >= 300) throw new ApiError(what, response);
  return response;
}

/**
 * Calls `poll` until it returns something other than undefined or false. Its errors count as "not yet"; the
 * last one, or `describe`, tells why the time ran out.
 */
export async function waitFor<Result>(
  poll: () => Promise<Result | undefined | false>,
  { timeout = 60_000, interval = 200, describe = async () => '' }: WaitOptions = {},
): Promise<Result> {
  const deadline = Date.now() + timeout;
  let last: unknown;
  for (;;) {
    try {
      const result = await poll();
      if (result !== undefined && result !== false) return result;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) break;
    await sleep(interval);
  }
  throw new Error(`not within ${timeout / 1000} s: ${last ?? ''} ${await describe()}`.trimEnd(), {
    cause: last,
  });
}

export interface WaitOptions {
  readonly timeout?: number;
  readonly interval?: number;
  /** What to add to the message when the time is up. */
  readonly describe?: () => Promise<string>;
}

/** One line of the API server's audit log. */
export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly userAgent?: string;
  readonly impersonatedUser?: { readonly username: string };
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly annotations?: Readonly<Record<string, string>>;
  readonly requestReceivedTimestamp: string;
}

/** What the API server was asked, in order of completion. */
export async function auditEvents(path: string): Promise<AuditEvent[]> {
  const lines = (await readFile(path, 'utf8')).split('\n');
  // The last line may be half written.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
}
