import type { IncomingMessage } from 'node:http';
import { type ApiRequest, Connection, noAnswer } from './connection.ts';
import { hasStatus, KubernetesError } from './errors.ts';
import type { KubernetesObject, ObjectList } from './object.ts';
import { type Reference, Resources } from './resources.ts';
import { retried } from './retry.ts';

/** Which objects of a kind are meant. */
export interface Selection {
  readonly apiVersion: string;
  readonly kind: string;
  /** The namespace; all where absent. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** How an object is applied. */
export interface ApplyOptions {
  /** Whose fields they are; must not start with `kubectl`, whose changes Flux undoes. */
  readonly fieldManager: string;
  /** Takes over fields of other managers, where that is so; else a conflict is an error. */
  readonly force?: boolean;
  /** Part of an object that is a resource of its own. */
  readonly subresource?: 'status' | 'scale';
}

/** The longest answer that is read: a ConfigMap has at most 1 MiB, a page of a list a few of them. */
const MAX_BODY = 64 << 20;
const PAGE = '500';

/**
 * A client for raw objects: fields that it has never heard of stay as they are. What may pass is tried again, which is
 * safe because every request of the agent may be repeated. Answers other than success are thrown as
 * {@link KubernetesError}.
 */
export class Kubernetes {
  /** Ends all requests. */
  readonly signal: AbortSignal | undefined;
  readonly #connection: Connection;
  readonly #resources: Resources;

  constructor(connection: Connection, signal?: AbortSignal) {
    this.#connection = connection;
    this.signal = signal;
    this.#resources = new Resources((path) => this.request({ method: 'GET', path }));
  }

  /** The client of the pod that this runs in; elsewhere that of the kubeconfig. */
  static default(signal?: AbortSignal): Kubernetes {
    return new Kubernetes(Connection.default(), signal);
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubernetesObject>(reference: Reference): Promise<T | undefined> {
    const path = await this.#resources.pathOf(reference);
    return this.request<T>({ method: 'GET', path }).catch(undefinedWhenMissing);
  }

  /** The object's metadata, which is all that is sent. */
  async getMetadata(reference: Reference): Promise<KubernetesObject | undefined> {
    const path = await this.#resources.pathOf(reference);
    const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
    return this.request<KubernetesObject>({ method: 'GET', path, accept }).catch(undefinedWhenMissing);
  }

  /** All objects that are meant, read page by page. */
  async list<T extends KubernetesObject>(selection: Selection): Promise<ObjectList<T>> {
    const path = await this.collectionPath(selection);
    const items: T[] = [];
    for (let next: string | undefined; ; ) {
      const page = await this.request<ObjectList<T>>({
        method: 'GET',
        path: `${path}${query({ ...selectors(selection), limit: PAGE, continue: next })}`,
      });
      // Items of a list don't say what they are.
      items.push(
        ...page.items.map((item) => ({ ...item, apiVersion: selection.apiVersion, kind: selection.kind })),
      );
      next = page.metadata.continue;
      if (next === undefined || next === '') return { metadata: page.metadata, items };
    }
  }

  /** Server-side apply. A `resourceVersion` in the object makes the change of any other a conflict. */
  async apply<T extends KubernetesObject>(object: KubernetesObject, options: ApplyOptions): Promise<T> {
    const { fieldManager, force = true, subresource } = options;
    const path = await this.pathOf(object);
    return this.request<T>({
      method: 'PATCH',
      path: `${path}${subresource === undefined ? '' : `/${subresource}`}${query({ fieldManager, force: String(force) })}`,
      body: object,
      contentType: 'application/apply-patch+yaml',
    });
  }

  /** Creates an object; fails with AlreadyExists where there is one of that name. */
  async create<T extends KubernetesObject>(object: KubernetesObject): Promise<T> {
    const { apiVersion, kind, metadata } = object;
    const path = await this.#resources.collectionOf(apiVersion, kind, metadata.namespace);
    return this.request<T>({ method: 'POST', path, body: object });
  }

  /** A merge patch (RFC 7386): null removes a field. A `resourceVersion` in it makes any other change a conflict. */
  async patch<T extends KubernetesObject>(
    reference: Reference,
    patch: object,
    subresource?: 'status' | 'scale',
  ): Promise<T> {
    const path = await this.#resources.pathOf(reference);
    return this.request<T>({
      method: 'PATCH',
      path: subresource === undefined ? path : `${path}/${subresource}`,
      body: patch,
      contentType: 'application/merge-patch+json',
    });
  }

  /** How many pods a workload is to have. */
  async replicas(reference: Reference): Promise<number | undefined> {
    const path = `${await this.#resources.pathOf(reference)}/scale`;
    const scale = await this.request<Scale>({ method: 'GET', path }).catch(undefinedWhenMissing);
    return scale === undefined ? undefined : (scale.spec?.replicas ?? 0);
  }

  /** Says how many pods a workload is to have. */
  async scale(reference: Reference, replicas: number): Promise<void> {
    await this.patch(reference, { spec: { replicas } }, 'scale');
  }

  /** Deletes the object and what it owns, where it is there and, with `uid`, still the same one. */
  async delete(reference: Reference, uid?: string): Promise<void> {
    const path = await this.#resources.pathOf(reference);
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(uid !== undefined && { preconditions: { uid } }),
    };
    await this.request({ method: 'DELETE', path, body }).catch((error: unknown) => {
      // A conflict says that the object of that UID is gone.
      if (!hasStatus(error, 404) && !(uid !== undefined && hasStatus(error, 409))) throw error;
    });
  }

  /** The end of a container's log. */
  async log(namespace: string, pod: string, container: string, tailLines: number): Promise<string> {
    const options = query({ container, tailLines: String(tailLines), limitBytes: '65536' });
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}/log${options}`;
    return (await this.#read(await this.open({ method: 'GET', path, accept: '*/*' }), path)).toString();
  }

  /** The path of an object, which need not be there. */
  pathOf({ apiVersion, kind, metadata }: KubernetesObject): Promise<string> {
    const { name, namespace } = metadata;
    return this.#resources.pathOf({ apiVersion, kind, name, ...(namespace !== undefined && { namespace }) });
  }

  /** The path of the objects that are meant, without their selectors. */
  collectionPath({ apiVersion, kind, namespace }: Selection): Promise<string> {
    return this.#resources.collectionOf(apiVersion, kind, namespace);
  }

  /** Sends a request, again where it fails for a reason that may pass, and reads the answer. */
  request<Body>(request: ApiRequest): Promise<Body> {
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    return retried(async () => {
      const text = (await this.#read(await this.open(request), what)).toString();
      try {
        return JSON.parse(text) as Body;
      } catch (error) {
        throw noAnswer(what, error);
      }
    }, this.signal);
  }

  /** Sends a request once, and hands over the answer's beginning where it is a success. */
  async open(request: ApiRequest): Promise<IncomingMessage> {
    const signal = request.signal ?? this.signal;
    const answer = await this.#connection.send({ ...request, ...(signal && { signal }) });
    const { statusCode = 0 } = answer;
    if (statusCode < 300) return answer;
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    const text = (await this.#read(answer, what)).toString();
    const seconds = Number(answer.headers['retry-after']);
    throw new KubernetesError(what, {
      status: statusCode,
      body: parsed(text),
      retryAfter: Number.isFinite(seconds) ? seconds * 1000 : undefined,
    });
  }

  async #read(answer: IncomingMessage, what: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > MAX_BODY) throw new Error(`the answer has more than ${MAX_BODY} bytes`);
        chunks.push(chunk);
      }
    } catch (error) {
      throw noAnswer(what, error);
    }
    return Buffer.concat(chunks);
  }
}

interface Scale {
  readonly spec?: { readonly replicas?: number };
}

/** What of a selection is said in a query. */
export function selectors({ labelSelector, fieldSelector }: Selection): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}

/** A query, without what is undefined. */
export function query(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

function undefinedWhenMissing(error: unknown): undefined {
  if (hasStatus(error, 404)) return undefined;
  throw error;
}

/** Proxies answer with pages, the API server with a Status. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(0, 200);
  }
}
