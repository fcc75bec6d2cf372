// Keel's writes, exactly as they were seen on a real cluster: see "Keel on a real cluster" in what was tried.
import type { Api, Identity, KubernetesObject, Response } from '../../cluster/api.ts';

/** A Deployment as Keel reads and writes it. */
export interface WatchedDeployment extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly resourceVersion?: string;
  };
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
    };
  };
}

const POLICY = 'keel.sh/policy';

/**
 * Plays Keel for one Deployment. It acts on a copy that it has read some time ago: so it does not see a hold that was
 * made since. It writes that copy, under the newest resource version, as a whole.
 */
export class PlayedKeel {
  readonly #api: Api;
  readonly #path: string;
  readonly #identity: Identity;
  #copy: WatchedDeployment | undefined;

  constructor(api: Api, path: string, identity: Identity) {
    this.#api = api;
    this.#path = path;
    this.#identity = identity;
  }

  /** Reads the Deployment, as its scans do every few seconds. */
  async scan(): Promise<void> {
    this.#copy = await this.#api.get<WatchedDeployment>(this.#path);
  }

  /** Whether its copy lets it act: what annotations say of the policy wins over the labels. */
  get watches(): boolean {
    const { annotations = {}, labels = {} } = this.#copy?.metadata ?? {};
    return (annotations[POLICY] ?? labels[POLICY] ?? 'never') !== 'never';
  }

  /** Rolls the Deployment for a new digest, by its copy; tries again on conflicts, five times in all. */
  async roll(digest: string): Promise<Response> {
    for (let tries = 1; ; tries++) {
      const { metadata } = await this.#api.get<WatchedDeployment>(this.#path);
      const response = await this.#api.request('PUT', this.#path, this.#rolled(digest, metadata), {
        as: this.#identity,
        query: { fieldManager: 'keel' },
      });
      if (response.status !== 409 || tries === 5) return response;
    }
  }

  #rolled(digest: string, { resourceVersion }: WatchedDeployment['metadata']): object {
    const copy = this.#copy;
    if (copy === undefined) throw new Error('Keel has read nothing yet');
    const { metadata, spec } = copy;
    const { template } = spec;
    const time = new Date().toISOString();
    return {
      ...copy,
      metadata: {
        ...metadata,
        ...(resourceVersion !== undefined && { resourceVersion }),
        annotations: {
          ...metadata.annotations,
          'keel.sh/digest': digest,
          'kubernetes.io/change-cause': `keel automated update, version ${digest}`,
        },
      },
      spec: {
        ...spec,
        template: {
          ...template,
          metadata: {
            ...template.metadata,
            annotations: { ...template.metadata?.annotations, 'keel.sh/update-time': time },
          },
        },
      },
    };
  }
}
