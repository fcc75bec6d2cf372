// What is beside the controller where a build hands over, played by exact writes: a registry with one tag, the kubelet,
// the gates, and a Keel in each namespace. Gates and Keels have the rights of their accounts.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildDeployment } from '../../apps/agent/controller/repair/missed-push.ts';
import type { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { hold, letGo, readLease } from '../../apps/agent/kubernetes/lease.ts';
import { watch } from '../../apps/agent/kubernetes/watch.ts';
import { changeBuildRecord, readBuildRecord, withRun } from '../../apps/agent/status/build-status.ts';
import type { BuildPhase, BuildRun } from '../../lib/agent/status.ts';
import { agentClient } from './agent-context.ts';
import { type KubernetesObject, serviceAccount, waitFor } from './api.ts';
import type { HandOverPipeline } from './hand-over-pipeline.ts';

const MERGE = { contentType: 'application/merge-patch+json' };
const ENDED: readonly BuildPhase[] = ['Succeeded', 'Failed', 'TimedOut'];

/** A pod of the build that runs an image. */
export interface PlayedPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly digest: string;
}

/** A digest that nothing else has. */
export function randomDigest(): string {
  return `sha256:${randomBytes(32).toString('hex')}`;
}

/** What the kubelet does: makes a pod of the build's Deployment, in which the image runs. */
export async function startPod(
  { api, deploymentPath }: HandOverPipeline,
  namespace: string,
  digest: string,
): Promise<PlayedPod> {
  const { spec } = await api.get<{ spec: { template: { metadata: object; spec: object } } }>(
    deploymentPath(namespace),
  );
  const { template } = spec;
  const name = `build-${randomBytes(4).toString('hex')}`;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const pod = { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { ...template.metadata, name } };
  const made = await api.request<KubernetesObject>('POST', path, pod);
  if (made.status !== 201) throw new Error(`no pod: ${made.status} ${JSON.stringify(made.body)}`);
  const container = {
    name: 'build',
    image: 'team/build',
    imageID: `team/build@${digest}`,
    ready: true,
    restartCount: 0,
    state: { running: { startedAt: new Date().toISOString() } },
  };
  const status = { phase: 'Running', podIP: '192.0.2.7', containerStatuses: [container] };
  await api.request('PATCH', `${path}/${name}/status`, { status }, MERGE);
  return { namespace, name, uid: String(made.body.metadata['uid']), digest };
}

/** What becomes of a pod whose node is gone, or that is replaced. */
export async function removePod({ api }: HandOverPipeline, { namespace, name }: PlayedPod): Promise<void> {
  await api.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, { gracePeriodSeconds: 0 });
}

/** The gate of a pod, which writes what the real one writes, in its order. */
export class PlayedGate {
  readonly pod: PlayedPod;
  readonly #pipeline: HandOverPipeline;
  readonly #client: Kubernetes;

  constructor(pipeline: HandOverPipeline, pod: PlayedPod) {
    this.pod = pod;
    this.#pipeline = pipeline;
    this.#client = agentClient(pipeline.kubeconfig, serviceAccount(pod.namespace, 'build'));
  }

  /** Takes the Lease, itself off the watch, and asks for the next listener. */
  async ask(commit?: string): Promise<void> {
    await this.#holdLease();
    const asked = { 'keel.sh/policy': 'never', 'keelson.dev/hand-over': this.pod.uid };
    await this.#client.patch(this.#deployment(), { metadata: { annotations: asked } });
    await this.record('Starting', commit === undefined ? {} : { commit });
  }

  /** Waits for the next listener and starts the services. */
  async begin(timeout = 60_000): Promise<string> {
    const to = await waitFor(() => this.handedOverTo(), { timeout, interval: 50 });
    await this.#client.scale(this.#deployment('minio'), 1);
    await this.record('Running', { startedAt: new Date().toISOString() });
    return to;
  }

  /** The command has ended. */
  async end(phase: BuildPhase = 'Succeeded'): Promise<void> {
    await this.record(phase, { finishedAt: new Date().toISOString() });
    await this.#client.scale(this.#deployment('minio'), 0);
    const lease = await readLease(this.#client, { namespace: this.pod.namespace, name: 'build' }, 'gate');
    await letGo(this.#client, lease);
  }

  /** There is nothing to build. */
  async skip(): Promise<void> {
    await this.record('Skipped', { finishedAt: new Date().toISOString() });
  }

  async handedOverTo(): Promise<string | undefined> {
    const { metadata } = await this.#pipeline.api.get<BuildDeployment>(
      this.#pipeline.deploymentPath(this.pod.namespace),
    );
    return metadata.annotations?.['keelson.dev/handed-over'];
  }

  /** Whether what its pod runs is to be built there. */
  async wants(): Promise<boolean> {
    const { namespace, digest, uid } = this.pod;
    const deployment = await this.#client.get<BuildDeployment>(this.#deployment());
    const { annotations = {} } = deployment?.metadata ?? {};
    const to = annotations['keelson.dev/handed-over'];
    if (to !== undefined && annotations['keelson.dev/hand-over'] !== uid) return false;
    const built = deployment?.spec?.template?.metadata?.annotations?.['keelson.dev/built-digest'];
    const { runs } = await readBuildRecord(this.#client, { namespace, name: 'build-status' });
    const isBuilt = (run: BuildRun): boolean => run.digest === digest && ENDED.includes(run.phase);
    return built !== digest && !runs.some(isBuilt);
  }

  async record(phase: BuildPhase, change: Partial<BuildRun>): Promise<void> {
    const { namespace, name, uid, digest } = this.pod;
    await changeBuildRecord(this.#client, { namespace, name: 'build-status' }, (record) => {
      const before = record.runs.find(({ id }) => id === uid);
      const run = { digest, ...before, ...change, id: uid, pod: name, phase };
      return { ...record, runs: withRun(record.runs, run, 20) };
    });
  }

  async #holdLease(): Promise<void> {
    const { namespace, uid } = this.pod;
    await waitFor(async () => {
      const lease = await readLease(this.#client, { namespace, name: 'build' }, 'gate');
      return hold(this.#client, lease, uid, 3600);
    });
  }

  #deployment(name = 'build'): { apiVersion: string; kind: string; namespace: string; name: string } {
    return { apiVersion: 'apps/v1', kind: 'Deployment', namespace: this.pod.namespace, name };
  }
}

/** Plays all of it until it is stopped: whoever pushes sees that the image is built. */
export class HandOverWorld {
  /** How often each digest was begun, in which namespace. */
  readonly built: { readonly digest: string; readonly namespace: string }[] = [];
  /** The namespaces of all listeners that ever were. */
  readonly listeners: Set<string> = new Set();
  /** Most namespaces that Keel watched at one moment. */
  mostListening = 0;
  readonly #pipeline: HandOverPipeline;
  readonly #buildMs: () => number;
  readonly #deployments = new Map<string, BuildDeployment>();
  readonly #pods = new Map<string, { readonly pod: PlayedPod; readonly done: Promise<void> }>();
  readonly #stop = new AbortController();
  readonly #errors: unknown[] = [];
  readonly #tasks: Promise<void>[] = [];
  #pushed = '';

  constructor(pipeline: HandOverPipeline, buildMs: () => number) {
    this.#pipeline = pipeline;
    this.#buildMs = buildMs;
    this.#tasks.push(this.#follow(), this.#play());
  }

  /** The tag names another image from now on. */
  push(digest: string = randomDigest()): string {
    this.#pushed = digest;
    return digest;
  }

  /** The namespaces that Keel watches now. */
  get listening(): readonly string[] {
    return [...this.#deployments].filter(([, one]) => listens(one)).map(([namespace]) => namespace);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([...this.#tasks, ...[...this.#pods.values()].map(({ done }) => done)]);
    if (this.#errors.length > 0) throw new AggregateError(this.#errors, String(this.#errors[0]));
  }

  /** Every change of the build's Deployments, in the order in which they happened. */
  async #follow(): Promise<void> {
    const client = agentClient(this.#pipeline.kubeconfig);
    const labelSelector = 'app.kubernetes.io/name=build,keelson.dev/stage=build';
    const isOurs = ({ metadata: { namespace = '' } }: BuildDeployment): boolean =>
      namespace === this.#pipeline.home || namespace.startsWith(`listener-${this.#pipeline.name}-`);
    const watched = { apiVersion: 'apps/v1', kind: 'Deployment', labelSelector };
    for await (const event of watch<BuildDeployment>(client, watched, this.#stop.signal)) {
      const objects = event.type === 'listed' ? event.objects : [event.object];
      for (const object of objects.filter(isOurs)) {
        const { namespace = '' } = object.metadata;
        if (namespace !== this.#pipeline.home) this.listeners.add(namespace);
        if (event.type === 'deleted') this.#deployments.delete(namespace);
        else this.#deployments.set(namespace, object);
      }
      this.mostListening = Math.max(this.mostListening, this.listening.length);
    }
  }

  async #play(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const gone = new Set(
        (await this.#pipeline.namespaces())
          .filter(({ metadata }) => metadata['deletionTimestamp'] !== undefined)
          .map(({ metadata }) => metadata.name),
      );
      for (const namespace of gone) this.#deployments.delete(namespace);
      for (const [namespace, deployment] of this.#deployments) {
        await this.#playNamespace(namespace, deployment).catch((error: unknown) => {
          if (!gone.has(namespace) && !this.#stop.signal.aborted) this.#errors.push(error);
        });
      }
      await sleep(50);
    }
  }

  async #playNamespace(namespace: string, deployment: BuildDeployment): Promise<void> {
    if (this.#pushed === '') return;
    const known = this.#pods.get(namespace);
    if ((deployment.spec?.replicas ?? 1) === 0) {
      if (known !== undefined) await removePod(this.#pipeline, known.pod);
      this.#pods.delete(namespace);
      return;
    }
    // Keel rolls the Deployment whose tag names another image.
    if (known !== undefined && !(listens(deployment) && known.pod.digest !== this.#pushed)) return;
    if (known !== undefined) {
      await known.done;
      await removePod(this.#pipeline, known.pod);
    }
    const pod = await startPod(this.#pipeline, namespace, this.#pushed);
    const done = this.#playGate(new PlayedGate(this.#pipeline, pod)).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) this.#errors.push(error);
    });
    this.#pods.set(namespace, { pod, done });
  }

  async #playGate(gate: PlayedGate): Promise<void> {
    const { digest, namespace } = gate.pod;
    if (!(await gate.wants())) return gate.skip();
    await gate.ask();
    this.built.push({ digest, namespace });
    await gate.begin(180_000);
    await sleep(this.#buildMs());
    await gate.end();
  }
}

function listens({ metadata: { annotations = {} } }: BuildDeployment): boolean {
  const policy = annotations['keel.sh/policy'];
  return policy !== undefined && policy !== 'never';
}
