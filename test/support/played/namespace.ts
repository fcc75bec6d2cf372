// A pipeline's namespace as its manifests make it, with what a cluster would add that is played here.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeelsonApp } from 'keelson';
import type { Api, KubernetesObject } from '../../cluster/api.ts';
import { readKubeconfig, writeKubeconfig } from '../../cluster/kubeconfig.ts';
import { find, programObjects } from '../../cluster/reference.ts';
import { PlayedServices, type ServiceBehaviour } from './services.ts';

interface Deployment extends KubernetesObject {
  readonly spec: { readonly template: { readonly spec: object } };
}

/** Pods that a real controller may make of our Deployments wait for it, and so never run. */
const SCHEDULER = 'played-by-the-test';

export interface PlayedNamespaceOptions {
  /** The program; what it makes outside of the namespace is not applied, but for namespaces. */
  readonly program: (app: KeelsonApp) => void;
  readonly name: string;
  readonly services?: ServiceBehaviour;
  /** Where gates reach the API server, such as a proxy by plain http; directly where absent. */
  readonly server?: string;
}

export class PlayedNamespace {
  readonly api: Api;
  readonly name: string;
  readonly services: PlayedServices;
  readonly #objects: readonly KubernetesObject[];
  readonly #directory: string;
  readonly #kubeconfig: string;
  readonly #server: string | undefined;

  private constructor(
    api: Api,
    kubeconfig: string,
    directory: string,
    objects: readonly KubernetesObject[],
    { name, services, server }: PlayedNamespaceOptions,
  ) {
    this.api = api;
    this.name = name;
    this.#kubeconfig = kubeconfig;
    this.#server = server;
    this.#directory = directory;
    this.#objects = objects;
    this.services = new PlayedServices(api, name, services);
  }

  /** Synthesizes the program and applies what it makes. */
  static async make(api: Api, kubeconfig: string, options: PlayedNamespaceOptions): Promise<PlayedNamespace> {
    const { name, program } = options;
    const objects = (await programObjects(program)).filter(
      ({ kind, metadata }) =>
        (metadata.namespace === name || (kind === 'Namespace' && metadata.name === name)) &&
        // Two pods that overlap may be more than it allows.
        kind !== 'ResourceQuota',
    );
    const [first, ...rest] = objects;
    if (first === undefined) throw new Error('the program makes nothing');
    await api.apply(first, { fieldManager: 'keelson' });
    await Promise.all(rest.map((object) => api.apply(atRest(object), { fieldManager: 'keelson' })));
    const directory = await mkdtemp(join(tmpdir(), 'keelson-namespace-'));
    return new PlayedNamespace(api, kubeconfig, directory, objects, options);
  }

  /** An object of the manifests. */
  find<T extends KubernetesObject>(kind: string, name: string): T {
    return find(this.#objects, kind, name) as T;
  }

  /** The path of something in the namespace. */
  path(group: string, resource: string, name: string): string {
    return `${group}/namespaces/${this.name}/${resource}/${name}`;
  }

  /** A kubeconfig with the token of a ServiceAccount, and so with exactly its rights. */
  async kubeconfigOf(account: string): Promise<string> {
    const tokens = `${this.path('/api/v1', 'serviceaccounts', account)}/token`;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: 7200 },
    };
    const made = await this.api.request<{ status?: { token?: string } }>('POST', tokens, body);
    const { token } = made.body.status ?? {};
    if (token === undefined) throw new Error(`no token: ${JSON.stringify(made.body)}`);
    const path = join(this.#directory, `${account}.json`);
    const { server, ca = '' } = await readKubeconfig(this.#kubeconfig);
    if (this.#server === undefined) return writeKubeconfig(path, { server, ca, token });
    await writeFile(path, JSON.stringify(plainKubeconfig(this.#server, token)), { mode: 0o600 });
    return path;
  }

  async remove(): Promise<void> {
    await this.services.close();
    // An API server without controllers keeps what is in a namespace, and has few addresses for Services.
    const rest = [...this.#objects].reverse();
    await Promise.all(rest.map(async (object) => this.api.delete(await this.api.pathOf(object))));
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Nothing runs yet. What the agent changes at run time is not in the manifests. */
function atRest(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Deployment') return object;
  const { spec } = object as Deployment;
  const template = { ...spec.template, spec: { ...spec.template.spec, schedulerName: SCHEDULER } };
  return { ...object, spec: { ...spec, replicas: 0, template } };
}

function plainKubeconfig(server: string, token: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    // Plain http is refused without it.
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token } }],
  };
}
