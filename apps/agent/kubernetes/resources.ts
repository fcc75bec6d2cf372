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

/** Reads what is at a path. */
type Get = (path: string) => Promise<{ readonly resources?: readonly Resource[] }>;

/** Where the API server keeps objects of each kind, asked once for each group and version. */
export class Resources {
  readonly #groups = new Map<string, readonly Resource[]>();

  /** The path of an object. */
  async pathOf(get: Get, { apiVersion, kind, namespace, name }: Reference): Promise<string> {
    const resource = await this.#find(get, apiVersion, kind);
    if (resource.namespaced && namespace === undefined)
      throw new Error(`the ${kind} ${JSON.stringify(name)} needs a namespace`);
    return `${collection(apiVersion, resource, namespace)}/${segment(name)}`;
  }

  /** The path of the objects of a kind, in one namespace or in all. */
  async collectionOf(get: Get, apiVersion: string, kind: string, namespace?: string): Promise<string> {
    return collection(apiVersion, await this.#find(get, apiVersion, kind), namespace);
  }

  async #find(get: Get, apiVersion: string, kind: string): Promise<Resource> {
    const root = rootOf(apiVersion);
    let group = this.#groups.get(root);
    if (group === undefined) {
      const { resources = [] } = await get(root);
      // A subresource (deployments/scale) may have the kind of another resource.
      group = resources.filter(({ name }) => !name.includes('/'));
      this.#groups.set(root, group);
    }
    const resource = group.find((known) => known.kind === kind);
    if (resource !== undefined) return resource;
    // A kind that is installed later is found then.
    this.#groups.delete(root);
    const body = { message: `the API server knows no ${kind} in ${apiVersion}`, reason: 'NotFound' };
    throw new KubernetesError(`${apiVersion} ${kind}`, { status: 404, body });
  }
}

function rootOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

function collection(apiVersion: string, { namespaced, name }: Resource, namespace?: string): string {
  const where = namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : '';
  return `${rootOf(apiVersion)}${where}/${name}`;
}

/**
 * A name as part of a path. What Kubernetes allows in no name is refused: with `..` or nothing in its place the path
 * would be another object's, or that of all.
 * @see https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/path/name.go
 */
function segment(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/%]/.test(name))
    throw new Error(`${JSON.stringify(name)} is no name of a Kubernetes object`);
  return encodeURIComponent(name);
}
