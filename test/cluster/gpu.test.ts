import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  GpuBuildNode,
  GpuSharing,
  Gpus,
  ImageName,
  Keel,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  NvidiaDevicePlugin,
  Pipeline,
  Platform,
  PodSecurity,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { fakeDevicePlugin } from './fake-device-plugin.ts';
import { ensureImages, onDebian } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { find, readKustomization, removeObjects } from './reference.ts';

const plugins = 'nvidia-device-plugin';
const TAINT = { key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' };

interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & { readonly uid: string };
  readonly spec: { readonly runtimeClassName?: string };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
  };
}

interface Node {
  readonly metadata: { readonly name: string };
  readonly status: { readonly allocatable: Readonly<Record<string, string>> };
}

/** A real kubelet, scheduler, containerd and API server; GPUs and the program that knows of them are not real. */
describe.skipIf(withoutNode)(`GPUs on a real node, advertised by a fake device plugin${missing}`, () => {
  let api: Api;
  let nodePath: string;
  const applied: KubernetesObject[] = [];
  const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, ...args);
  const apply = async (objects: readonly KubernetesObject[]): Promise<void> => {
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    const known = new Set(await Promise.all(applied.map((object) => api.pathOf(object))));
    for (const object of objects) if (!known.has(await api.pathOf(object))) applied.push(object);
  };
  const pods = async (namespace: string): Promise<Pod[]> =>
    (await api.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods`)).items;
  const describePods = (namespace: string) => () => run('-n', namespace, 'describe', 'pods').catch(String);
  /** The one pod of a namespace, when all of its containers are ready. */
  const ready = (namespace: string, other?: Pod): Promise<Pod> =>
    waitFor(
      async () => {
        const [pod, ...more] = await pods(namespace);
        const condition = pod?.status.conditions?.find(({ type }) => type === 'Ready');
        return (
          more.length === 0 &&
          pod?.metadata.uid !== other?.metadata.uid &&
          condition?.status === 'True' &&
          pod
        );
      },
      { timeout: 100_000, describe: describePods(namespace) },
    );
  const visibleDevices = async (namespace: string): Promise<string> => {
    const inBuild = ['-n', namespace, 'exec', 'deployment/build', '-c', 'build', '--'];
    return (await run(...inBuild, 'printenv', 'NVIDIA_VISIBLE_DEVICES')).trim();
  };
  const advertised = async (): Promise<Record<string, string>> => {
    const { status } = await api.get<Node>(nodePath);
    return Object.fromEntries(
      Object.entries(status.allocatable).filter(
        ([name, count]) => name.startsWith('nvidia.com/') && count !== '0',
      ),
    );
  };
  const mergeNode = async (patch: object): Promise<void> => {
    const { status } = await api.request('PATCH', nodePath, patch, {
      contentType: 'application/merge-patch+json',
    });
    expect(status).toBe(200);
  };

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    const [node] = (await api.get<{ items: Node[] }>('/api/v1/nodes')).items;
    nodePath = `/api/v1/nodes/${node?.metadata.name}`;
    await ensureImages(testNode().registry, [
      {
        reference: 'nvcr.io/nvidia/k8s-device-plugin:v0.20.0',
        recipe: fakeDevicePlugin({ gpus: 2, mig: { '1g.5gb': 2 } }),
      },
      { reference: 'ghcr.io/keelson-dev/agent:0.1.0', recipe: resting },
      // As CUDA's images do, and as a hostile commit's may.
      ...['whole', 'more', 'mig', 'none', 'shared'].map((tag) => ({
        reference: `quay.io/gpu-test/build:${tag}`,
        recipe: onDebian(
          { 'etc/motd': { text: 'CUDA\n' } },
          { Env: ['PATH=/usr/bin:/bin', 'NVIDIA_VISIBLE_DEVICES=all'] },
        ),
      })),
    ]);
  });
  afterAll(async () => {
    await mergeNode({ metadata: { labels: { 'nvidia.com/gpu.present': null } }, spec: { taints: null } });
    await removeObjects(api, applied);
  });

  test('the plugin is accepted, and runs on no node that has no GPUs', async () => {
    const objects = await synthesized((app) => mixed(app));
    await apply(objects);
    await waitFor(async () => {
      const path = await api.pathOf(find(objects, 'DaemonSet', plugins));
      const { status } = await api.get<{
        status: { observedGeneration?: number; desiredNumberScheduled: number };
      }>(path);
      return status.observedGeneration === 1 && status.desiredNumberScheduled === 0;
    });
    expect(await advertised()).toEqual({});
  });

  test('on a tainted node with GPUs its pod is admitted and tells the kubelet of GPUs and partitions', async () => {
    await mergeNode({
      metadata: { labels: { 'nvidia.com/gpu.present': 'true' } },
      spec: { taints: [TAINT] },
    });
    const pod = await ready(plugins);
    expect(pod.spec).toMatchObject({ runtimeClassName: 'nvidia', priorityClassName: 'system-node-critical' });
    await waitFor(async () => (await advertised())['nvidia.com/gpu'] !== undefined, {
      describe: () => run('-n', plugins, 'logs', `daemonset/${plugins}`),
    });
    await waitFor(async () => (await advertised())['nvidia.com/mig-1g.5gb'] !== undefined);
    expect(await advertised()).toEqual({ 'nvidia.com/gpu': '2', 'nvidia.com/mig-1g.5gb': '2' });
  });

  test('the plugin’s pod would be refused by a namespace of a pipeline, and by baseline', async () => {
    const [pod] = await pods(plugins);
    const metadata = { name: 'trial', namespace: 'gpu-test-trial' };
    await api.createNamespace(metadata.namespace, 'baseline');
    const trial = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { ...pod?.spec, serviceAccountName: 'default' },
    };
    await expect(api.apply(trial, { dryRun: true })).rejects.toThrow(
      /violates PodSecurity "baseline.*hostPath/,
    );
    await api.delete(`/api/v1/namespaces/${metadata.namespace}`);
  });

  test('a build that asks for two GPUs gets them, past the taint and in the runtime of its class', async () => {
    const pod = await buildOf('gpu-whole', 'whole', Gpus.whole(2));
    expect(pod.spec).toMatchObject({ runtimeClassName: 'nvidia' });
    expect(await visibleDevices('gpu-whole')).toBe('GPU-0,GPU-1');
  });

  test('a build that asks for a partition gets one', async () => {
    await buildOf('gpu-mig', 'mig', Gpus.mig('1g.5gb'));
    expect(await visibleDevices('gpu-mig')).toMatch(/^MIG-1g\.5gb-[01]$/);
  });

  test('a build that asks for more than the node has stays pending, and says what is missing', async () => {
    await apply(await synthesized((app) => pipelineOf(app, 'gpu-more', 'more', Gpus.whole(3), mixed(app))));
    await waitFor(
      async () => {
        const [pod] = await pods('gpu-more');
        const scheduled = pod?.status.conditions?.find(({ type }) => type === 'PodScheduled');
        return scheduled?.status === 'False' && scheduled.message?.includes('Insufficient nvidia.com/gpu');
      },
      { describe: describePods('gpu-more') },
    );
    expect((await pods('gpu-more'))[0]?.status.phase).toBe('Pending');
  });

  test('a new image replaces a build that holds every GPU, which then has them again', async () => {
    const before = await ready('gpu-whole');
    await run('-n', 'gpu-whole', 'rollout', 'restart', 'deployment/build');
    await ready('gpu-whole', before);
    expect(await visibleDevices('gpu-whole')).toBe('GPU-0,GPU-1');
  });

  test('a class whose runtime the node does not know starts nothing', async () => {
    const handler = 'gpu-test-absent';
    const runtimeClass = {
      apiVersion: 'node.k8s.io/v1',
      kind: 'RuntimeClass',
      metadata: { name: handler },
      handler,
    };
    const namespace = 'gpu-mig';
    await apply([runtimeClass]);
    await api.apply({
      ...podOf('absent-runtime', namespace, {}),
      spec: { ...podOf('absent-runtime', namespace, {}).spec, runtimeClassName: handler },
    });
    await waitFor(
      async () => (await run('-n', namespace, 'get', 'events')).includes(`no runtime for "${handler}"`),
      {
        describe: describePods(namespace),
      },
    );
    await api.delete(`/api/v1/namespaces/${namespace}/pods/absent-runtime`);
  });

  test('a build without a GPU sees none, whatever its image says, and its namespace gives none', async () => {
    await mergeNode({ spec: { taints: null } });
    await buildOf('gpu-none', 'none', Gpus.none());
    expect(await visibleDevices('gpu-none')).toBe('void');
    for (const resource of ['nvidia.com/gpu', 'nvidia.com/gpu.shared']) {
      const greedy = podOf('greedy', 'gpu-none', { [resource]: '1' });
      await expect(api.apply(greedy, { dryRun: true })).rejects.toThrow(
        new RegExp(`exceeded quota: quota, requested: requests.${resource}=1`),
      );
    }
  });

  test('a changed configuration replaces the plugin’s pod: the node then has shares, and a build gets one', async () => {
    const before = await ready(plugins);
    const shares = (app: KeelsonApp): NvidiaDevicePlugin =>
      new NvidiaDevicePlugin(new Chart(app, 'gpus'), 'plugin', {
        sharing: GpuSharing.timeSlicing({ replicas: 4 }),
        runtimeHandler: 'nvidia',
      });
    await apply(
      await synthesized((app) => pipelineOf(app, 'gpu-shared', 'shared', Gpus.shared(), shares(app))),
    );
    await ready(plugins, before);
    await ready('gpu-shared');
    expect(await advertised()).toEqual({ 'nvidia.com/gpu.shared': '8' });
    expect(await visibleDevices('gpu-shared')).toMatch(/^GPU-[01]$/);
  });

  /** Applies a pipeline of one build, beside the plugin with partitions, and waits for its pod. */
  async function buildOf(namespace: string, tag: string, gpus: Gpus): Promise<Pod> {
    await apply(await synthesized((app) => pipelineOf(app, namespace, tag, gpus, mixed(app))));
    return ready(namespace);
  }
});

/** The agent's program is not part of this. */
const resting = onDebian(
  { 'agent.sh': { text: '#!/bin/sh\ntrap "exit 0" TERM\nsleep 2147483647 &\nwait\n', mode: 0o755 } },
  { Entrypoint: ['/agent.sh'] },
);

function mixed(app: KeelsonApp): NvidiaDevicePlugin {
  return new NvidiaDevicePlugin(new Chart(app, 'gpus'), 'plugin', { mig: 'mixed', runtimeHandler: 'nvidia' });
}

function pipelineOf(
  app: KeelsonApp,
  namespace: string,
  tag: string,
  gpus: Gpus,
  devicePlugin: NvidiaDevicePlugin,
): void {
  const platform = Platform.existing({
    name: 'gpu-test',
    registry: MicroK8sRegistry.existing({ nodeAddress: testNode().registry.split(':')[0] ?? '' }),
    keel: Keel.existing({ namespace: 'keel', serviceAccountName: 'keel' }),
  });
  const pipeline = new Pipeline(app, namespace, { platform });
  new KeelWatchedBuild(pipeline, 'build', {
    image: ImageName.parse(`quay.io/gpu-test/build:${tag}`),
    command: ['true'],
    node: new GpuBuildNode(pipeline, 'gpu', { gpus, devicePlugin }),
    volume: false,
    podSecurity: PodSecurity.baseline('the image runs as root'),
    resources: {
      cpu: { request: Cpu.millis(50), limit: Cpu.millis(500) },
      memory: { request: Size.mebibytes(32), limit: Size.mebibytes(256) },
      ephemeralStorage: { request: Size.mebibytes(32), limit: Size.mebibytes(256) },
    },
  });
}

/** A pod that a pipeline's namespace admits, but for what it asks for. */
function podOf(
  name: string,
  namespace: string,
  limits: Readonly<Record<string, string>>,
): KubernetesObject & { readonly spec: object } {
  const container = { name: 'main', image: 'docker.io/library/busybox:1.35', resources: { limits } };
  const spec = { tolerations: [{ operator: 'Exists' }], containers: [container] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec };
}

async function synthesized(build: (app: KeelsonApp) => void): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-gpu-'));
  try {
    const app = new KeelsonApp({ outdir: join(folder, 'manifests') });
    build(app);
    app.synth();
    return await readKustomization(join(folder, 'manifests'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
