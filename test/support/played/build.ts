// A build in a played namespace: what its gate writes, and what the controller and the kubelet do beside it.

import type { KnownImage } from '../../../apps/agent/status/known-images.ts';
import type { GateConfiguration } from '../../../lib/agent/configuration.ts';
import type { BuildRun, ReleaseRun } from '../../../lib/agent/status.ts';
import { type KubernetesObject, waitFor } from '../../cluster/api.ts';
import type { WatchedDeployment } from './keel.ts';
import type { PlayedNamespace } from './namespace.ts';
import { PlayedPod, type PlayedPodOptions } from './pod.ts';

const MERGE = { contentType: 'application/merge-patch+json' };

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}
interface Lease extends KubernetesObject {
  readonly spec?: { readonly holderIdentity?: string };
}
interface Scale {
  readonly spec: { readonly replicas?: number };
}
interface Workload extends KubernetesObject {
  readonly spec: { readonly template: PodTemplate };
}
export interface PodTemplate {
  readonly metadata: {
    readonly labels: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec: {
    readonly containers: readonly { readonly name: string; readonly env: readonly EnvVar[] }[];
  };
}
interface EnvVar {
  readonly name: string;
  readonly value?: string;
}

export interface PlayedBuildOptions {
  /** The build's id. */
  readonly name?: string;
  /** The agent's bundle. */
  readonly agent: string;
  /** What the gate is told otherwise, so that a test need not wait as long. */
  readonly configuration?: Partial<GateConfiguration>;
}

export class PlayedBuild {
  readonly namespace: PlayedNamespace;
  readonly name: string;
  readonly agent: string;
  readonly configuration: GateConfiguration;
  readonly kubeconfig: string;
  readonly template: PodTemplate;
  readonly wrapper: string;
  readonly pods: PlayedPod[] = [];

  private constructor(
    namespace: PlayedNamespace,
    name: string,
    agent: string,
    found: Pick<PlayedBuild, 'configuration' | 'kubeconfig' | 'template' | 'wrapper'>,
  ) {
    this.namespace = namespace;
    this.name = name;
    this.agent = agent;
    this.configuration = found.configuration;
    this.kubeconfig = found.kubeconfig;
    this.template = found.template;
    this.wrapper = found.wrapper;
  }

  /** The build of that name. Its gate gets the synthesized configuration, with addresses of this machine in it. */
  static async of(
    namespace: PlayedNamespace,
    { name = 'build', agent, configuration: other = {} }: PlayedBuildOptions,
  ): Promise<PlayedBuild> {
    const text = (configMap: string, key: string): string =>
      namespace.find<ConfigMap>('ConfigMap', configMap).data?.[key] ?? '';
    const configuration = JSON.parse(text(`${name}-gate`, 'gate.json')) as GateConfiguration;
    const services = await namespace.services.play(configuration.services);
    const workload =
      'job' in configuration
        ? namespace.find<Workload>('Job', configuration.job)
        : namespace.find<Workload>('Deployment', name);
    return new PlayedBuild(namespace, name, agent, {
      configuration: { ...configuration, services, ...other } as GateConfiguration,
      kubeconfig: await namespace.kubeconfigOf(name),
      template: workload.spec.template,
      wrapper: text(`${name}-wrapper`, 'wrapper.sh'),
    });
  }

  get deploymentPath(): string {
    return this.namespace.path('/apis/apps/v1', 'deployments', this.name);
  }

  get #statusPath(): string {
    return this.namespace.path('/api/v1', 'configmaps', `${this.name}-status`);
  }

  get leasePath(): string {
    return this.namespace.path('/apis/coordination.k8s.io/v1', 'leases', this.name);
  }

  /** Makes a pod and starts what is in it: the gate, and then the wrapper. */
  async pod(options: PlayedPodOptions): Promise<PlayedPod> {
    const pod = await PlayedPod.make(this, options);
    this.pods.push(pod);
    await pod.start();
    return pod;
  }

  /** The runs, newest first. */
  async runs(): Promise<readonly BuildRun[]> {
    const { data } = await this.namespace.api.get<ConfigMap>(this.#statusPath);
    return (JSON.parse(data?.['status.json'] ?? '{"runs":[]}') as { runs: BuildRun[] }).runs;
  }

  /** Waits until a pod's run has one of these phases. */
  async until(pod: PlayedPod, ...phases: readonly BuildRun['phase'][]): Promise<BuildRun> {
    return waitFor(
      async () => {
        const run = (await this.runs()).find(({ id }) => id === pod.uid);
        return run !== undefined && phases.includes(run.phase) ? run : undefined;
      },
      { timeout: 60_000, interval: 50, describe: () => this.describe() },
    );
  }

  /** Waits until nothing is left of a run but its result. */
  async atRest(timeout = 30_000): Promise<void> {
    await waitFor(async () => (await this.remains()).length === 0, {
      timeout,
      interval: 50,
      describe: () => this.describe(),
    });
  }

  /** What is left of a run: a hold, services, a Lease. */
  async remains(): Promise<readonly string[]> {
    const services = this.configuration.services.filter(({ shared }) => shared !== true);
    const [held, holder, ...replicas] = await Promise.all([
      this.isHeld(),
      this.holder(),
      ...services.map(({ deployment }) => this.replicas(deployment)),
    ]);
    return [
      ...(held && !('handOver' in this.configuration) ? ['Keel is held back'] : []),
      ...(holder === undefined ? [] : [`${holder} has the Lease`]),
      ...services.flatMap(({ name }, index) => (replicas[index] === 0 ? [] : [`${name} runs`])),
    ];
  }

  async isHeld(): Promise<boolean> {
    if ('job' in this.configuration) return false;
    return (await this.annotations())['keel.sh/policy'] === 'never';
  }

  async annotations(): Promise<Readonly<Record<string, string>>> {
    return (await this.deployment()).metadata.annotations ?? {};
  }

  deployment(): Promise<WatchedDeployment> {
    return this.namespace.api.get<WatchedDeployment>(this.deploymentPath);
  }

  /** Writes annotations of the Deployment as the controller does. */
  async annotate(annotations: Readonly<Record<string, string | null>>): Promise<void> {
    await this.#patch(this.deploymentPath, { metadata: { annotations } });
  }

  async holder(): Promise<string | undefined> {
    return (await this.namespace.api.get<Lease>(this.leasePath)).spec?.holderIdentity;
  }

  async replicas(deployment: string): Promise<number> {
    const path = this.namespace.path('/apis/apps/v1', 'deployments', deployment);
    return (await this.namespace.api.get<Scale>(path)).spec.replicas ?? 1;
  }

  async scale(deployment: string, replicas: number): Promise<void> {
    await this.#patch(this.namespace.path('/apis/apps/v1', 'deployments', deployment), {
      spec: { replicas },
    });
  }

  /** Says of which commits images are, as the controller does. */
  async know(...images: readonly KnownImage[]): Promise<void> {
    await this.#patch(this.#statusPath, { data: { 'images.json': JSON.stringify({ images }) } });
  }

  /** Says what became of the releases of a pod's run, as the controller does. */
  async release(pod: PlayedPod, releases: readonly ReleaseRun[]): Promise<void> {
    await this.change((runs) => runs.map((run) => (run.id === pod.uid ? { ...run, releases } : run)));
  }

  /** Changes the runs as the controller does. */
  async change(change: (runs: readonly BuildRun[]) => readonly BuildRun[]): Promise<void> {
    const { data, metadata } = await this.namespace.api.get<ConfigMap>(this.#statusPath);
    const status = JSON.parse(data?.['status.json'] ?? '{"runs":[]}') as { runs: BuildRun[] };
    const { resourceVersion } = metadata as { resourceVersion?: string };
    const text = JSON.stringify({ ...status, runs: change(status.runs) });
    await this.#patch(this.#statusPath, { metadata: { resourceVersion }, data: { 'status.json': text } });
  }

  /** Does what the controller does where a Lease is stale, in its order. */
  async repair(): Promise<void> {
    await this.change((runs) =>
      runs.map((run) =>
        run.phase === 'Starting' || run.phase === 'Running'
          ? { ...run, phase: 'Lost', finishedAt: new Date().toISOString(), message: 'the pod went away' }
          : run,
      ),
    );
    for (const { deployment } of this.configuration.services) await this.scale(deployment, 0);
    if (!('job' in this.configuration)) await this.annotate({ 'keel.sh/policy': null });
    await this.setHolder(null);
  }

  /** Makes somebody the holder of the Lease. */
  async setHolder(holder: string | null, seconds = 60): Promise<void> {
    const time = new Date().toISOString().replace('Z', '000Z');
    const taken = { holderIdentity: holder, renewTime: time, leaseDurationSeconds: seconds };
    await this.#patch(this.leasePath, {
      spec: holder === null ? { holderIdentity: null, renewTime: null } : taken,
    });
  }

  /** Everything that helps to understand a failure. */
  async describe(): Promise<string> {
    const logs = this.pods.map((pod) => `--- ${pod.name}\n${pod.describe()}`);
    const status = JSON.stringify(await this.runs().catch(String));
    return [`remains: ${await this.remains().catch(String)}`, status, ...logs].join('\n');
  }

  /** Ends all of its pods at once. */
  async kill(): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.kill()));
  }

  async #patch(path: string, body: object): Promise<void> {
    const { status, body: answer } = await this.namespace.api.request('PATCH', path, body, MERGE);
    if (status >= 300) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
  }
}
