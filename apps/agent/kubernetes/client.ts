import { setMaxListeners } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type ApiRequest, Connection } from './connection.ts';
import { hasStatus, isConflict } from './errors.ts';
import { listAll } from './list.ts';
import type { KubernetesObject, ObjectList } from './object.ts';
import { ask, askText, open, type RepeatedRequest } from './request.ts';
import { type Reference, Resources } from './resources.ts';
import { retried } from './retry.ts';
import { query, type Selection } from './selection.ts';

export type { Selection } from './selection.ts';

/** How an object is applied. */
export interface ApplyOptions {
  /** Whose fields they are; must not start with `kubectl`, whose changes Flux undoes. */
  readonly fieldManager: string;
  /** Takes over fields of other managers, where that is so; else a conflict is an error. */
  readonly force?: boolean;
  /** Part of an object that is a resource of its own. */
  readonly subresource?: 'status' | 'scale';
}

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

  constructor(connection: Connection, signal?: AbortSignal, resources: Resources = new Resources()) {
    this.#connection = connection;
    this.signal = signal;
    // Each request listens to it while it lasts, and there is no limit to how many do at once.
    if (signal !== undefined) setMaxListeners(0, signal);
    this.#resources = resources;
  }

  /** The client of the pod that this runs in; elsewhere that of the kubeconfig. */
  static default(signal?: AbortSignal): Kubernetes {
    return new Kubernetes(Connection.default(), signal);
  }

  /** The same client with requests that end with this signal, in place of its own. */
  until(signal: AbortSignal): Kubernetes {
    return new Kubernetes(this.#connection, signal, this.#resources);
  }

  /** The object, or undefined where there is none. */
  async get<T extends KubernetesObject>(reference: Reference): Promise<T | undefined> {
    const path = await this.#pathOf(reference);
    return this.request<T>({ method: 'GET', path }).catch(undefinedWhenMissing);
  }

  /** The object's metadata, which is all that is sent. */
  async getMetadata(reference: Reference): Promise<KubernetesObject | undefined> {
    const path = await this.#pathOf(reference);
    const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
    return this.request<KubernetesObject>({ method: 'GET', path, accept }).catch(undefinedWhenMissing);
  }

  /** All objects that are meant, read page by page. */
  list<T extends KubernetesObject>(selection: Selection): Promise<ObjectList<T>> {
    return listAll<T>(this, selection);
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
      despiteConflict: force && object.metadata.resourceVersion === undefined,
    });
  }

  /**
   * Creates an object; fails with AlreadyExists where there is one of that name. That may be this one, where an answer
   * got lost.
   */
  async create<T extends KubernetesObject>(object: KubernetesObject): Promise<T> {
    const { apiVersion, kind, metadata } = object;
    const path = await this.collectionPath({
      apiVersion,
      kind,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
    });
    // A conflict is another's change of the ResourceQuota.
    return this.request<T>({ method: 'POST', path, body: object, despiteConflict: true });
  }

  /**
   * A merge patch (RFC 7386): null removes a field. A `resourceVersion` in it makes any other change a conflict; so may
   * this one, where an answer got lost: read what is there.
   */
  async patch<T extends KubernetesObject>(
    reference: Reference,
    patch: object,
    subresource?: 'status' | 'scale',
  ): Promise<T> {
    const path = await this.#pathOf(reference);
    const { metadata } = patch as { metadata?: { resourceVersion?: unknown } };
    return this.request<T>({
      method: 'PATCH',
      path: subresource === undefined ? path : `${path}/${subresource}`,
      body: patch,
      contentType: 'application/merge-patch+json',
      despiteConflict: metadata?.resourceVersion === undefined,
    });
  }

  /** How many pods a workload is to have. */
  async replicas(reference: Reference): Promise<number | undefined> {
    const path = `${await this.#pathOf(reference)}/scale`;
    const scale = await this.request<Scale>({ method: 'GET', path }).catch(undefinedWhenMissing);
    return scale === undefined ? undefined : (scale.spec?.replicas ?? 0);
  }

  /** Says how many pods a workload is to have. */
  async scale(reference: Reference, replicas: number): Promise<void> {
    await this.patch(reference, { spec: { replicas } }, 'scale');
  }

  /** Deletes the object and what it owns, where it is there and, with `uid`, still the same one. */
  async delete(reference: Reference, uid?: string): Promise<void> {
    const path = await this.#pathOf(reference);
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(uid !== undefined && { preconditions: { uid } }),
    };
    const deleteOnce = async (): Promise<void> => {
      try {
        await this.request({ method: 'DELETE', path, body });
      } catch (error) {
        if (hasStatus(error, 404)) return;
        const isOther = isConflict(error) && uid !== undefined && (await this.#uidOf(reference)) !== uid;
        if (!isOther) throw error;
      }
    };
    await retried(deleteOnce, this.signal, { mayPass: isConflict });
  }

  /** The end of a container's log. */
  async log(namespace: string, pod: string, container: string, tailLines: number): Promise<string> {
    const path = await this.#pathOf({ apiVersion: 'v1', kind: 'Pod', namespace, name: pod });
    const options = query({ container, tailLines: String(tailLines), limitBytes: '65536' });
    return askText(
      this.#connection,
      this.#signed({ method: 'GET', path: `${path}/log${options}`, accept: '*/*' }),
    );
  }

  /** The path of an object, which need not be there. */
  pathOf({ apiVersion, kind, metadata }: KubernetesObject): Promise<string> {
    const { name, namespace } = metadata;
    return this.#pathOf({ apiVersion, kind, name, ...(namespace !== undefined && { namespace }) });
  }

  /** The path of the objects that are meant, without their selectors. */
  collectionPath({ apiVersion, kind, namespace }: Selection): Promise<string> {
    return this.#resources.collectionOf(this.#discover, apiVersion, kind, namespace);
  }

  /** Sends a request, again where it fails for a reason that may pass, and reads the answer. */
  request<Body>(request: RepeatedRequest): Promise<Body> {
    return ask<Body>(this.#connection, this.#signed(request));
  }

  /** Sends a request once, and hands over the answer's beginning where it is a success. */
  open(request: ApiRequest): Promise<IncomingMessage> {
    return open(this.#connection, this.#signed(request));
  }

  async #uidOf(reference: Reference): Promise<string | undefined> {
    return (await this.getMetadata(reference))?.metadata.uid;
  }

  readonly #discover = (path: string): Promise<object> => this.request({ method: 'GET', path });

  #pathOf(reference: Reference): Promise<string> {
    return this.#resources.pathOf(this.#discover, reference);
  }

  #signed<R extends ApiRequest>(request: R): R {
    const signal = request.signal ?? this.signal;
    return { ...request, ...(signal && { signal }) };
  }
}

interface Scale {
  readonly spec?: { readonly replicas?: number };
}

function undefinedWhenMissing(error: unknown): undefined {
  if (hasStatus(error, 404)) return undefined;
  throw error;
}
