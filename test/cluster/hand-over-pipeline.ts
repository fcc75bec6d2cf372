// A platform and a pipeline with a build that hands over, as their manifests make them, at a real API server.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type HandOverProps,
  ImageName,
  KeelPolicy,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  MinioService,
  Pipeline,
  type PipelineConfiguration,
  Platform,
  SecretSource,
} from 'keelson';
import type { ControllerContext } from '../../apps/agent/controller/context.ts';
import { type HandOverOptions, handsOver } from '../../apps/agent/controller/hand-over/options.ts';
import type { BuildDeployment } from '../../apps/agent/controller/repair/missed-push.ts';
import { Events } from '../../apps/agent/kubernetes/events.ts';
import type { BuildRun } from '../../lib/agent/status.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { accountKubeconfig } from './account-kubeconfig.ts';
import { agentClient, agentContext } from './agent-context.ts';
import { Api, type KubernetesObject, serviceAccount, waitFor } from './api.ts';
import { readKustomization } from './reference.ts';

const PLACE = '192.0.2.1:32000';
const MERGE = { contentType: 'application/merge-patch+json' };

export interface HandOverPipelineOptions {
  readonly handOver?: HandOverProps;
  /** Host and port of the registry that is asked for digests; nobody answers where absent. */
  readonly registry?: string;
}

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

export class HandOverPipeline {
  readonly api: Api;
  /** The platform's name, with which that of the pipeline and so those of its listeners start. */
  readonly name: string;
  readonly kubeconfig: string;
  readonly #options: HandOverPipelineOptions;
  readonly #directory: string;

  private constructor(
    kubeconfig: string,
    api: Api,
    name: string,
    directory: string,
    options: HandOverPipelineOptions,
  ) {
    this.kubeconfig = kubeconfig;
    this.api = api;
    this.name = name;
    this.#directory = directory;
    this.#options = options;
  }

  /** @param kubeconfig of the administrator; the controller has its own account's rights */
  static async apply(kubeconfig: string, options: HandOverPipelineOptions = {}): Promise<HandOverPipeline> {
    // Where nothing acts on objects, a namespace that is deleted stays, and its name is of no use any more.
    const name = `handover-${randomBytes(3).toString('hex')}`;
    const directory = await mkdtemp(join(tmpdir(), 'keelson-hand-over-'));
    const api = await Api.connect(kubeconfig);
    const pipeline = new HandOverPipeline(kubeconfig, api, name, directory, options);
    await pipeline.applyManifests();
    const { data } = await api.get<ConfigMap>(
      `/api/v1/namespaces/${name}-system/configmaps/keelson-controller`,
    );
    await writeFile(join(directory, 'controller.json'), data?.['controller.json'] ?? '');
    const account = { namespace: `${name}-system`, name: 'keelson-controller' };
    await accountKubeconfig(kubeconfig, account, join(directory, 'kubeconfig'));
    await pipeline.#whenPoliciesCount();
    return pipeline;
  }

  get home(): string {
    return `${this.name}-ci`;
  }

  /** The controller's own kubeconfig. */
  get account(): string {
    return join(this.#directory, 'kubeconfig');
  }

  /** Applies what the program makes, with another variable of the build where that is given. */
  async applyManifests(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { handOver = {}, registry = '127.0.0.1:1' } = this.#options;
    const outdir = join(this.#directory, 'manifests');
    const app = new KeelsonApp({ outdir });
    const { name } = this;
    const platform = new Platform(app, name, {
      registry: MicroK8sRegistry.existing({ nodeAddress: '192.0.2.1' }),
      namespace: `${name}-system`,
      cache: false,
      keel: false,
      handOver: true,
    });
    const ci = new Pipeline(app, `${name}-project`, { platform, namespace: this.home });
    new KeelWatchedBuild(ci, 'build', {
      image: ImageName.parse(`${PLACE}/team/build:1.0.0`),
      command: ['./run'],
      services: [new MinioService(ci, 'minio')],
      policy: KeelPolicy.regexp('^1\\.'),
      env: {
        ...env,
        OWN: SecretSource.generated(),
        PLAIN: SecretSource.literal('x', { allowPlaintext: 'test only' }),
        LATE: SecretSource.existing('late', 'value'),
      },
      imagePullSecrets: [SecretSource.existing('account', '.dockerconfigjson')],
      handOver,
    });
    app.synth();
    for (const object of await readKustomization(outdir)) {
      const adapted = JSON.stringify(object).replaceAll(PLACE, registry);
      await this.api.apply(JSON.parse(adapted) as KubernetesObject, { fieldManager: 'keelson', force: true });
    }
    const account = { '.dockerconfigjson': '{"auths":{}}' };
    await this.secret('account', account, 'kubernetes.io/dockerconfigjson');
  }

  /** Makes a Secret at home. */
  async secret(name: string, stringData: Readonly<Record<string, string>>, type = 'Opaque'): Promise<void> {
    const metadata = { name, namespace: this.home };
    await this.api.apply({ apiVersion: 'v1', kind: 'Secret', metadata, type, stringData });
  }

  /** New admission policies take a moment to be enforced. */
  async #whenPoliciesCount(): Promise<void> {
    const metadata = { name: 'listener-probe' };
    const as = serviceAccount(`${this.name}-system`, 'keelson-controller');
    const probe = { apiVersion: 'v1', kind: 'Namespace', metadata };
    await waitFor(async () => {
      const { status } = await this.api.request('POST', '/api/v1/namespaces', probe, {
        as,
        query: { dryRun: 'All' },
      });
      return status === 422;
    });
  }

  /** Starts a controller. A container that is restarted keeps its pod's name. */
  controller(...args: readonly string[]): Promise<AgentProcess> {
    return AgentProcess.start(
      ['controller', `--config=${join(this.#directory, 'controller.json')}`, '--port=0', ...args],
      {
        KUBECONFIG: this.account,
        POD_NAME: 'keelson-controller-0',
        POD_NAMESPACE: `${this.name}-system`,
      },
    );
  }

  /** What hand-overs are given in the controller, with its own token and so with its rights alone. */
  async parts(
    signal: AbortSignal = new AbortController().signal,
  ): Promise<{ readonly context: ControllerContext; readonly options: HandOverOptions }> {
    const { data } = await this.api.get<ConfigMap>(
      `/api/v1/namespaces/${this.home}/configmaps/keelson-pipeline`,
    );
    const { builds, name } = JSON.parse(data?.['pipeline.json'] ?? '') as PipelineConfiguration;
    const build = builds.find(handsOver);
    if (build === undefined) throw new Error('no build hands over');
    const client = agentClient(this.account, undefined, signal);
    const other = agentContext(this.kubeconfig, { user: 'nobody' });
    const context = {
      ...other,
      client,
      events: new Events(client, 'keelson-controller', other.log),
      account: { name: 'keelson-controller', namespace: `${this.name}-system` },
      configuration: {
        ...other.configuration,
        platform: this.name,
        listenerNamespaceRole: `keelson-${this.name}-listener-namespace`,
      },
    };
    const options = { pipeline: name, home: this.home, build, resultTaken: () => undefined, signal };
    return { context, options };
  }

  /** The listeners' namespaces, the oldest first, also those that are being deleted. */
  async namespaces(): Promise<readonly KubernetesObject[]> {
    const selector = encodeURIComponent(`keelson.dev/home=${this.home},keelson.dev/listener=build`);
    const { items } = await this.api.get<{ items: KubernetesObject[] }>(
      `/api/v1/namespaces?labelSelector=${selector}`,
    );
    return items.toSorted((a, b) => version(a) - version(b));
  }

  /** The names of those that are not being deleted. */
  async listeners(): Promise<readonly string[]> {
    const all = await this.namespaces();
    return all
      .filter(({ metadata }) => metadata['deletionTimestamp'] === undefined)
      .map(({ metadata }) => metadata.name);
  }

  deploymentPath(namespace: string, name = 'build'): string {
    return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  }

  async annotations(namespace: string): Promise<Readonly<Record<string, string>>> {
    const { metadata } = await this.api.get<BuildDeployment>(this.deploymentPath(namespace));
    return metadata.annotations ?? {};
  }

  /** Changes annotations of the build's Deployment, as a person may. */
  async annotate(namespace: string, annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.patch(this.deploymentPath(namespace), { metadata: { annotations } });
  }

  async patch(path: string, body: object): Promise<void> {
    const { status, body: answer } = await this.api.request('PATCH', path, body, MERGE);
    if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
  }

  async replicas(namespace: string, name = 'build'): Promise<number> {
    const { spec } = await this.api.get<BuildDeployment>(this.deploymentPath(namespace, name));
    return spec?.replicas ?? 1;
  }

  /** The runs that a namespace knows of, newest first. */
  async runs(namespace: string): Promise<readonly BuildRun[]> {
    const { data } = await this.api.get<ConfigMap>(`/api/v1/namespaces/${namespace}/configmaps/build-status`);
    return (JSON.parse(data?.['status.json'] ?? '{"runs":[]}') as { runs: BuildRun[] }).runs;
  }

  async remove(): Promise<void> {
    const made = (await this.namespaces()).map(({ metadata }) => metadata.name);
    for (const namespace of [this.home, ...made]) {
      // Where nothing acts on objects, what is in a namespace stays; and addresses of Services are few.
      await this.api.delete(`/api/v1/namespaces/${namespace}/services/minio-service`);
      const binding = `${namespace}-build-keel-nodes`;
      await this.api.delete(`/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${binding}`);
      await this.api.delete(`/api/v1/namespaces/${namespace}`);
    }
    for (const object of await readKustomization(join(this.#directory, 'manifests'))) {
      if (object.metadata.namespace === undefined) await this.api.delete(await this.api.pathOf(object));
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function version({ metadata }: KubernetesObject): number {
  return Date.parse(String(metadata['creationTimestamp']));
}
