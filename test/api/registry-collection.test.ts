// Collecting a registry's garbage, at a real API server and with the rights that the library writes. No node: a loop in
// this file plays the Deployments' controller and the kubelet, and says what their pods' status would say. The controller's
// code runs in this process, as its ServiceAccount.
import { Chart, Duration, Size } from 'cdk8s';
import {
  GitSource,
  Keel,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
} from 'keelson';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ControllerContext } from '../../apps/agent/controller/context.ts';
import type { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { GarbageCollector } from '../../apps/agent/registry-gc/garbage-collector.ts';
import type { Plan } from '../../apps/agent/registry-gc/plan.ts';
import type { ControllerConfiguration } from '../../lib/agent/configuration.ts';
import { agentClient, agentContext, type TestContext } from '../cluster/agent-context.ts';
import { Api, type KubernetesObject, serviceAccount, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { inTemporaryDirectory, readOutput, type Synthesized } from '../support/synthesized.ts';

const platformName = `collected-${process.pid}`;
const namespace = `${platformName}-registry`;
const pipelineNamespace = `${platformName}-ci`;
const system = `${platformName}-system`;
const controller = serviceAccount(system, 'keelson-controller');
const COLLECTOR = 'registry-garbage-collection';
const NEXT = 'keelson.dev/next-collection';
const DIGEST = `sha256:${'a'.repeat(64)}`;

function program(): Synthesized {
  return inTemporaryDirectory((outdir) => {
    const app = new KeelsonApp({ outdir });
    const chart = new Chart(app, 'registry', { disableResourceNameHashes: true });
    const registry = new MicroK8sRegistry(chart, 'registry', {
      nodeAddress: '10.0.0.1',
      // The port of every other registry at this API server.
      nodePort: 30_000 + (process.pid % 2_000),
      namespace,
      storage: Size.gibibytes(20),
      garbageCollection: { every: Duration.hours(4), keepPerBranch: 3, timeout: Duration.minutes(1) },
    });
    const platform = new Platform(app, platformName, {
      namespace: system,
      registry,
      keel: Keel.existing({ namespace: 'keel', serviceAccountName: 'keel' }),
      cache: false,
    });
    const source = GitSource.remote('https://git.example.com/team/project.git', { branch: 'main' });
    const pipeline = new Pipeline(app, 'ci', { namespace: pipelineNamespace, platform, source });
    const image = new MakisuBuilder(pipeline, 'image', {
      target: registry.image('team/app'),
    });
    new KeelWatchedBuild(pipeline, 'build', { image, command: ['true'] });
    return readOutput(app.synth());
  });
}

interface Deployment extends KubernetesObject {
  readonly spec: { readonly replicas: number };
}

interface State extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

const annotationsOf = ({ metadata }: KubernetesObject): Readonly<Record<string, string>> =>
  Object(metadata['annotations']);

/** What the pods of the two Deployments do. */
interface Behaviour {
  /** What the kubelet says of the container that waits for the plan. */
  readonly waiting?: string;
  /** How the two containers end, once there is a plan; undefined where they don't. */
  readonly ends?: readonly [prune: number, collect: number];
  /** Whether the pod of the registry goes when it should. */
  readonly stops?: boolean;
}

const USUAL: Behaviour = { waiting: 'CreateContainerConfigError', ends: [0, 0], stops: true };

/** Stands for what a cluster has beside its API server. */
class FakeCluster {
  behaviour: Behaviour = USUAL;
  /** What was so at each moment: how many pods of each, and whether there was a plan. */
  readonly seen: string[] = [];
  readonly #api: Api;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(api: Api) {
    this.#api = api;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const registry = await this.#pods('registry', { app: 'registry' });
      const collector = await this.#pods(COLLECTOR, { 'app.kubernetes.io/name': COLLECTOR });
      const { data } = await this.#api.get<State>(`/api/v1/namespaces/${namespace}/configmaps/${COLLECTOR}`);
      const planned = data?.['plan.json'] !== undefined;
      if (collector > 0) await this.#report(planned);
      const now = `registry ${registry}, collector ${collector}${planned ? ', plan' : ''}`;
      if (this.seen.at(-1) !== now) this.seen.push(now);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** As many as the Deployment wants. */
  async #pods(name: string, labels: Record<string, string>): Promise<number> {
    const { spec } = await this.#api.get<Deployment>(
      `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
    );
    const path = `/api/v1/namespaces/${namespace}/pods/${name}-0`;
    const there = (await this.#api.request('GET', path)).status === 200;
    if (spec.replicas > 0 && !there) {
      const containers = [{ name: 'a', image: 'a' }];
      await this.#api.request('POST', `/api/v1/namespaces/${namespace}/pods`, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `${name}-0`, namespace, labels },
        spec: { ...RESTRICTED, containers: containers.map((one) => ({ ...one, ...LIMITED })) },
      });
      return 1;
    }
    if (spec.replicas === 0 && there && (name !== 'registry' || this.behaviour.stops)) {
      await this.#api.request('DELETE', path, { gracePeriodSeconds: 0 });
      return 0;
    }
    return there ? 1 : 0;
  }

  async #report(planned: boolean): Promise<void> {
    const { waiting = 'CreateContainerConfigError', ends } = this.behaviour;
    const ended = (exitCode: number, message: string): object => ({
      terminated: { exitCode, message, reason: exitCode === 0 ? 'Completed' : 'Error' },
    });
    const [prune, collect] = planned ? (ends ?? []) : [];
    const state = (code: number | undefined, message: string): object =>
      code !== undefined
        ? ended(code, message)
        : planned
          ? { running: {} }
          : { waiting: { reason: waiting, message: 'as the kubelet says' } };
    const common = { image: 'a', imageID: 'a', ready: false, restartCount: 0 };
    const collecting =
      prune === 0 ? state(collect, 'failed to garbage collect') : { waiting: { reason: 'PodInitializing' } };
    const status = {
      phase: 'Pending',
      initContainerStatuses: [
        { ...common, name: 'prune', state: state(prune, '3 tags and 4 manifests deleted') },
      ],
      containerStatuses: [{ ...common, name: 'collect', state: collecting }],
    };
    await this.#api.request(
      'PATCH',
      `/api/v1/namespaces/${namespace}/pods/${COLLECTOR}-0/status`,
      { status },
      {
        contentType: 'application/merge-patch+json',
      },
    );
  }
}

const RESTRICTED = {
  securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
};
const LIMITED = {
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  resources: { limits: { cpu: '1m', memory: '1Mi' } },
};

/** What a process that is killed does after its nth write: nothing. */
class Killed extends Error {}

/** A client that performs so many writes. The last one reaches the API server, and its answer nobody. */
function dyingAfter(client: Kubernetes, writes: number, died: () => void): Kubernetes {
  let left = writes;
  const dying: Kubernetes = new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      // With another signal it dies all the same.
      if (name === 'until') return () => dying;
      return async (...args: unknown[]): Promise<unknown> => {
        if (left <= 0) throw new Killed();
        const answer: unknown = await value.apply(target, args);
        if (name === 'patch' || name === 'scale') left--;
        if (left > 0) return answer;
        died();
        throw new Killed();
      };
    },
  });
  return dying;
}

describe.skipIf(withoutApi)(
  `collecting garbage, at a real API server with pods whose status the test writes${missing}`,
  () => {
    let api: Api;
    let cluster: FakeCluster;
    let context: TestContext;
    let configuration: ControllerConfiguration;
    let running = 0;
    let released = 0;
    let ends: AbortController;

    const builds = { running: () => running, released: () => void released++ };
    const state = (): Promise<State> =>
      api.get<State>(`/api/v1/namespaces/${namespace}/configmaps/${COLLECTOR}`);
    const nextIn = async (): Promise<number> =>
      (Date.parse(annotationsOf(await state())[NEXT] ?? '') - Date.now()) / 1000;
    const replicas = async (name: string): Promise<number> =>
      (await api.get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`)).spec.replicas;
    const scale = (name: string, count: number): Promise<unknown> =>
      api.request(
        'PATCH',
        `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/scale`,
        { spec: { replicas: count } },
        {
          contentType: 'application/merge-patch+json',
        },
      );
    const setNext = (seconds: number): Promise<unknown> =>
      api.request(
        'PATCH',
        `/api/v1/namespaces/${namespace}/configmaps/${COLLECTOR}`,
        { metadata: { annotations: { [NEXT]: new Date(Date.now() + seconds * 1000).toISOString() } } },
        { contentType: 'application/merge-patch+json' },
      );
    const said = async (reason: string): Promise<string[]> =>
      (
        await api.get<{ items: { reason: string; message: string }[] }>(
          `/api/v1/namespaces/${namespace}/events`,
        )
      ).items
        .filter((event) => event.reason === reason)
        .map(({ message }) => message);
    const atRest = async (): Promise<true> => {
      const { data, metadata } = await state();
      expect(data?.['plan.json']).toBeUndefined();
      expect(metadata['annotations']).not.toHaveProperty('keelson.dev/replicas');
      expect([await replicas('registry'), await replicas(COLLECTOR)]).toEqual([1, 0]);
      return true;
    };
    /** As the controller's, whose client ends with its leadership. */
    const leading = (): ControllerContext => ({
      ...context,
      client: context.client.until(ends.signal),
      configuration,
    });
    /** Runs a collector until it has looked and something is so. */
    const runUntil = async (so: () => Promise<boolean>): Promise<GarbageCollector> => {
      const collector = new GarbageCollector(leading(), builds);
      const run = collector.run(ends.signal);
      await waitFor(so, { timeout: 30_000, interval: 50 });
      ends.abort();
      await run;
      return collector;
    };

    beforeAll(async () => {
      api = await Api.connect(testApi().kubeconfig);
      const output = program();
      const kinds = [
        'Namespace',
        'ClusterRole',
        'ClusterRoleBinding',
        'Role',
        'RoleBinding',
        'ConfigMap',
        'Deployment',
        'ServiceAccount',
      ];
      for (const kind of kinds) {
        for (const object of output.objects.filter((candidate) => candidate.kind === kind))
          await api.apply(object, { force: true });
      }
      // A cluster makes it by itself.
      for (const where of [namespace, pipelineNamespace]) {
        await api.apply({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: 'default', namespace: where },
        });
      }
      const { data } = output.find<{ data: Record<string, string> }>('ConfigMap', 'keelson-controller');
      configuration = JSON.parse(data['controller.json'] ?? '');
    }, 120_000);
    afterAll(async () => {
      for (const name of [namespace, pipelineNamespace, system])
        await api.delete(`/api/v1/namespaces/${name}`);
      for (const kind of ['clusterroles', 'clusterrolebindings']) {
        const { items } = await api.get<{ items: KubernetesObject[] }>(
          `/apis/rbac.authorization.k8s.io/v1/${kind}`,
        );
        for (const { metadata } of items) {
          if (metadata.name.startsWith(`keelson-${platformName}-`)) {
            await api.delete(`/apis/rbac.authorization.k8s.io/v1/${kind}/${metadata.name}`);
          }
        }
      }
    });
    beforeEach(() => {
      context = agentContext(testApi().kubeconfig, controller);
      cluster = new FakeCluster(api);
      ends = new AbortController();
      running = 0;
      released = 0;
    });
    afterEach(async () => {
      ends.abort();
      await cluster.stop();
    });

    test('a first controller brings the collector that Kubernetes has made to zero, and collects nothing by that', async () => {
      await setNext(3600);
      expect(await replicas(COLLECTOR)).toBe(1);
      const collector = await runUntil(async () => (await replicas(COLLECTOR)) === 0);
      await atRest();
      expect(collector.isCollecting()).toBe(false);
      expect(cluster.seen.join('; ')).not.toContain('plan');
    });

    test('the registry is stopped only when the collector waits, and the plan is there only while it is stopped', async () => {
      await setNext(-1);
      cluster.seen.length = 0;
      await runUntil(
        async () => (await nextIn()) > 3600 && cluster.seen.at(-1) === 'registry 1, collector 0',
      );
      expect(cluster.seen.slice(0, 4)).toEqual([
        'registry 1, collector 0',
        'registry 1, collector 1',
        'registry 0, collector 1',
        'registry 0, collector 1, plan',
      ]);
      expect(cluster.seen.slice(4).filter((now) => now.includes('plan'))).toEqual([]);
      await atRest();
      expect(await said('GarbageCollected')).toEqual(['3 tags and 4 manifests deleted']);
      expect(Math.abs((await nextIn()) - 4 * 3600)).toBeLessThan(60);
    });

    test('the plan names what is in use', async () => {
      await api.request('POST', `/api/v1/namespaces/${pipelineNamespace}/pods`, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'build', namespace: pipelineNamespace },
        spec: {
          ...RESTRICTED,
          containers: [{ name: 'build', image: '10.0.0.1:32000/team/app:main', ...LIMITED }],
        },
      });
      const imageID = `10.0.0.1:32000/team/app@${DIGEST}`;
      const container = {
        name: 'build',
        image: 'a',
        imageID,
        ready: true,
        restartCount: 0,
        state: { running: {} },
      };
      await api.request(
        'PATCH',
        `/api/v1/namespaces/${pipelineNamespace}/pods/build/status`,
        { status: { containerStatuses: [container] } },
        { contentType: 'application/merge-patch+json' },
      );
      await setNext(-1);
      let plan: Plan | undefined;
      cluster.behaviour = { waiting: 'CreateContainerConfigError', stops: true };
      await runUntil(async () => {
        const text = (await state()).data?.['plan.json'];
        plan = text === undefined ? undefined : (JSON.parse(text) as Plan);
        return plan !== undefined;
      });
      expect(plan).toMatchObject({
        keepPerBranch: 3,
        repositories: ['team/app'],
        keepTags: ['main'],
        keepDigests: [DIGEST],
      });
      await atRest();
    });

    test('image builds come first, and wait while the registry is away', async () => {
      await setNext(-1);
      running = 1;
      const collector = new GarbageCollector(leading(), builds);
      expect(collector.isCollecting()).toBe(true);
      const run = collector.run(ends.signal);
      await waitFor(async () => !collector.isCollecting());
      expect(released).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(await replicas(COLLECTOR)).toBe(0);
      ends.abort();
      await run;
      // Late by more than a quarter of the time between: new builds wait until there is a moment.
      await setNext(-3700);
      ends = new AbortController();
      const insisting = new GarbageCollector(leading(), builds);
      const again = insisting.run(ends.signal);
      await waitFor(async () => (await nextIn()) > 0);
      expect(insisting.isCollecting()).toBe(true);
      expect(await replicas('registry')).toBe(1);
      running = 0;
      await waitFor(async () => (await replicas('registry')) === 0);
      expect(insisting.isCollecting()).toBe(true);
      await waitFor(async () => !insisting.isCollecting());
      await atRest();
      ends.abort();
      await again;
    });

    test.each<[string, Behaviour, RegExp]>([
      [
        'the program that deletes fails',
        { ...USUAL, ends: [1, 0] },
        /^prune ended with 1: 3 tags.*; it is tried again in an hour$/,
      ],
      [
        'the registry’s own fails',
        { ...USUAL, ends: [0, 1] },
        /^collect ended with 1: failed to garbage collect; /,
      ],
    ])('the registry comes back where %s', async (_what, behaviour, message) => {
      await setNext(-1);
      cluster.behaviour = behaviour;
      await runUntil(async () => (await said('GarbageNotCollected')).some((text) => message.test(text)));
      await atRest();
      expect(Math.abs((await nextIn()) - 3600)).toBeLessThan(60);
    });

    test('a collector whose image can’t be pulled never stops the registry', async () => {
      await setNext(-1);
      cluster.behaviour = { ...USUAL, waiting: 'ImagePullBackOff' };
      cluster.seen.length = 0;
      await runUntil(
        async () =>
          cluster.seen.includes('registry 1, collector 1') &&
          (await new Promise((resolve) => setTimeout(() => resolve(true), 3_000))),
      );
      expect(cluster.seen.filter((now) => now.startsWith('registry 0'))).toEqual([]);
      await atRest();
    });

    test('a registry that somebody starts meanwhile ends the collection at once', async () => {
      await setNext(-1);
      cluster.behaviour = { waiting: 'CreateContainerConfigError', stops: true };
      const so = async (): Promise<boolean> =>
        (await said('GarbageNotCollected')).some((text) => text.startsWith('somebody has started'));
      await runUntil(async () => {
        if (cluster.seen.at(-1)?.endsWith('plan')) await scale('registry', 1);
        return so();
      });
      await atRest();
    });

    test('a registry that a person has stopped stays so', async () => {
      await setNext(-1);
      await scale('registry', 0);
      await runUntil(async () =>
        (await said('GarbageNotCollected')).some((text) => text.startsWith('the registry has no pod')),
      );
      expect(await replicas('registry')).toBe(0);
      expect((await state()).metadata['annotations']).not.toHaveProperty('keelson.dev/replicas');
      await scale('registry', 1);
    });

    test('a controller that is told to stop starts the registry again first', async () => {
      await setNext(-1);
      cluster.behaviour = { waiting: 'CreateContainerConfigError', stops: true };
      await runUntil(async () => cluster.seen.at(-1)?.endsWith('plan') ?? false);
      await atRest();
    });

    test('a controller that is killed after any of its writes leaves nothing that the next one does not restore', async () => {
      let writes = 0;
      for (let dead = true; dead; writes++) {
        await setNext(-1);
        await waitFor(async () => cluster.seen.at(-1) === 'registry 1, collector 0');
        const dying = agentContext(testApi().kubeconfig, controller);
        const ended = new AbortController();
        dead = false;
        const client = dyingAfter(dying.client, writes + 1, () => {
          dead = true;
          ended.abort();
        });
        const doomed = new GarbageCollector({ ...dying, client, configuration }, builds).run(ended.signal);
        const done = waitFor(async () => dead || (await nextIn()) > 3 * 3600, {
          timeout: 30_000,
          interval: 20,
        });
        await done;
        ended.abort();
        await doomed.catch(() => undefined);
        const next = new AbortController();
        await setNext(3600);
        const successor = new GarbageCollector({ ...context, configuration }, builds);
        const run = successor.run(next.signal);
        await waitFor(async () => !successor.isCollecting(), { interval: 20 });
        await atRest();
        next.abort();
        await run;
      }
      // Nothing was pushed while something could be deleted.
      expect(cluster.seen.filter((now) => /registry 1.*plan/.test(now))).toEqual([]);
      // Attempt, collector, note, registry, plan; plan, collector, registry, note, next.
      expect(writes - 1).toBeGreaterThanOrEqual(10);
    }, 120_000);

    test('the controller may do no more to the registry than scale it', async () => {
      const client = agentClient(testApi().kubeconfig, controller);
      const registry = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: 'registry' };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', namespace }, spec: {} };
      const forbidden = [
        () => client.get(registry),
        () => client.patch(registry, { metadata: { annotations: { a: 'b' } } }),
        () => client.patch({ ...registry, name: COLLECTOR }, { spec: { template: {} } }),
        () => client.create(pod),
        () =>
          client.create({
            apiVersion: 'batch/v1',
            kind: 'Job',
            metadata: { name: 'x', namespace },
            spec: {},
          }),
        () => client.delete(registry),
        () => client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace, name: `${COLLECTOR}-config` }),
      ];
      for (const attempt of forbidden) await expect(attempt()).rejects.toMatchObject({ status: 403 });
    });
  },
);
