import { KubernetesError } from './errors.ts';

/** What names an object. */
export interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** A kind of the API, as discovery describes it. */
interface Resource {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Where the API server keeps objects of each kind, asked once for each group and version. */
export class Resources {
  readonly #groups = new Map<string, Promise<readonly Resource[]>>();
  readonly #get: (path: string) => Promise<{ readonly resources?: readonly Resource[] }>;

  constructor(get: (path: string) => Promise<{ readonly resources?: readonly Resource[] }>) {
    this.#get = get;
  }

  /** The path of an object. */
  async pathOf({ apiVersion, kind, namespace, name }: Reference): Promise<string> {
    return `${await this.collectionOf(apiVersion, kind, namespace)}/${encodeURIComponent(name)}`;
  }

  /** The path of the objects of a kind, in one namespace or in all. */
  async collectionOf(apiVersion: string, kind: string, namespace?: string): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const resource = (await this.#group(root)).find((known) => known.kind === kind);
    if (resource === undefined) {
      // A kind that is installed later is found then.
      this.#groups.delete(root);
      const body = { message: `the API server knows no ${kind} in ${apiVersion}`, reason: 'NotFound' };
      throw new KubernetesError(`${apiVersion} ${kind}`, { status: 404, body });
    }
    const where =
      resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    return `${root}${where}/${resource.name}`;
  }

  #group(root: string): Promise<readonly Resource[]> {
    const known = this.#groups.get(root);
    if (known !== undefined) return known;
    // A subresource (deployments/scale) may have the kind of another resource.
    const asked = this.#get(root).then(({ resources = [] }) =>
      resources.filter(({ name }) => !name.includes('/')),
    );
    asked.catch(() => this.#groups.delete(root));
    this.#groups.set(root, asked);
    return asked;
  }
}
