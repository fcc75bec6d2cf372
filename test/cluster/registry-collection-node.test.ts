// Collecting a registry's garbage on a real node: Debian's registry and the agent's image run in pods, images are pushed
// all the time, and the controller's code runs in this process with the rights that the library writes.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chart, Size } from 'cdk8s';
import {
  GitSource,
  ImageName,
  type KeelsonApp,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  type Registry,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GarbageCollector } from '../../apps/agent/registry-gc/garbage-collector.ts';
import { RegistryClient } from '../support/registry-client.ts';
import { agentContext } from './agent-context.ts';
import { agentImage } from './agent-image.ts';
import { Api, type KubernetesObject, serviceAccount, waitFor } from './api.ts';
import { ensureImages } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { find, programObjects, removeObjects } from './reference.ts';
import { available, removeVolumes, volumesFor } from './workloads.ts';

const AGENT = 'quay.io/test/collecting-agent:1';
const commit = (number: number): string => number.toString(16).padStart(40, '0');
const layer = (name: string): string => `${name} `.repeat(20_000);

/** What `microk8s enable registry` makes; facts of the addon, of which ours is no part. */
function addon(namespace: string, nodePort: number): KubernetesObject[] {
  const labels = { app: 'registry' };
  const image = 'docker.io/library/registry:2.8.3';
  const env = [
    { name: 'REGISTRY_HTTP_ADDR', value: ':5000' },
    { name: 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY', value: '/var/lib/registry' },
    { name: 'REGISTRY_STORAGE_DELETE_ENABLED', value: 'yes' },
  ];
  const volumeMounts = [{ mountPath: '/var/lib/registry', name: 'registry-data' }];
  const ports = [{ containerPort: 5000, name: 'registry', protocol: 'TCP' }];
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'registry-claim', namespace },
      spec: {
        accessModes: ['ReadWriteMany'],
        resources: { requests: { storage: '20Gi' } },
        storageClassName: '',
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'registry', namespace, labels },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            containers: [{ name: 'registry', image, env, ports, volumeMounts }],
            volumes: [{ name: 'registry-data', persistentVolumeClaim: { claimName: 'registry-claim' } }],
          },
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'registry', namespace, labels },
      spec: {
        type: 'NodePort',
        selector: labels,
        ports: [{ name: 'registry', port: 5000, targetPort: 5000, nodePort, protocol: 'TCP' }],
      },
    },
  ];
}

class NodeRegistry extends RegistryClient {
  readonly url: string;
  readonly directory: string;

  constructor(url: string, directory: string) {
    super();
    this.url = url;
    this.directory = directory;
  }
}

describe.skipIf(withoutNode).each([
  ['a twin of the addon', 'collected-twin', 32_321],
  ['the addon, as its manifests have it', 'collected-addon', 32_322],
] as const)(`the garbage of %s, on a real node${missing}`, (_what, namespace, nodePort) => {
  const twin = namespace === 'collected-twin';
  const names = { platform: namespace, system: `${namespace}-system`, pipeline: `${namespace}-ci` };
  let api: Api;
  let objects: KubernetesObject[] = [];
  let registry: NodeRegistry;

  const program = (app: KeelsonApp): void => {
    const props = {
      nodeAddress: testNode().address,
      nodePort,
      namespace,
      garbageCollection: { keepPerBranch: 2 },
    };
    const chart = new Chart(app, 'registry', { disableResourceNameHashes: true });
    const made: Registry = twin
      ? new MicroK8sRegistry(chart, 'registry', {
          ...props,
          storage: Size.gibibytes(20),
        })
      : MicroK8sRegistry.existing(props);
    const platform = new Platform(app, names.platform, {
      registry: made,
      namespace: names.system,
      keel: false,
      cache: false,
      agentImage: ImageName.parse(AGENT),
    });
    const source = GitSource.remote('https://git.example.com/team/project.git', { branch: 'main' });
    const pipeline = new Pipeline(app, 'ci', { namespace: names.pipeline, platform, source });
    new MakisuBuilder(pipeline, 'image', { target: made.image('team/app') });
  };

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    await ensureImages(testNode().registry, [
      { reference: AGENT, recipe: agentImage },
      { reference: 'docker.io/library/registry:2.8.3', recipe: 'registry' },
    ]);
    objects = [...(twin ? [] : addon(namespace, nodePort)), ...(await programObjects(program))].filter(
      // It runs in this process.
      ({ kind, metadata }) => kind !== 'Deployment' || metadata.name !== 'keelson-controller',
    );
    await volumesFor(api, objects);
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    await available(api, namespace, 'registry');
    registry = new NodeRegistry(
      `http://${testNode().address}:${nodePort}`,
      join(testNode().volumes, `${namespace}-registry-claim`),
    );
    await waitFor(async () => (await fetch(`${registry.url}/v2/`)).ok);
  }, 600_000);
  afterAll(async () => {
    await removeObjects(api, objects);
    await removeVolumes(api, objects);
  });

  test('is collected while somebody pushes: what is kept is complete, and a push is done or fails', async () => {
    for (let number = 1; number <= 6; number++) {
      const tag = `main-${commit(number)}`;
      const parts = [
        await registry.push('team/app', undefined, layer('base'), layer(`amd64 ${number}`)),
        await registry.push('team/app', undefined, layer('base'), layer(`arm64 ${number}`)),
      ];
      const index = await registry.pushIndex('team/app', tag, ...parts);
      for (const { digest } of [...parts, index]) registry.age('team/app', 10 - number, { digest });
      registry.age('team/app', 10 - number, { tag });
      if (number === 6) await registry.pushIndex('team/app', 'main', ...parts);
    }
    const config = find(objects, 'ConfigMap', 'keelson-controller') as {
      data?: Record<string, string>;
    } & KubernetesObject;
    const context = {
      ...agentContext(testApi().kubeconfig, serviceAccount(names.system, 'keelson-controller')),
      configuration: JSON.parse(config.data?.['controller.json'] ?? ''),
    };
    const stop = new AbortController();
    const collector = new GarbageCollector(context, { running: () => 0, released: () => undefined });
    const started = Date.now();
    const run = collector.run(stop.signal);

    let done = 0;
    const failed: string[] = [];
    let away = 0;
    const pushing = (async () => {
      for (let number = 0; !stop.signal.aborted; number++) {
        const tag = `laptop-${number}`;
        const before = Date.now();
        try {
          await registry.push('team/laptop', tag, layer(`laptop ${number}`), layer(`more ${number}`));
          done++;
        } catch (error) {
          failed.push(tag);
          expect(String(error)).toMatch(/fetch failed|push of a (blob|manifest): (4|5)\d\d|terminated|reset/);
        }
        await sleep(50);
        if (failed.at(-1) === tag) away += Date.now() - before;
      }
    })();
    const events = async (reason: string): Promise<string[]> =>
      (
        await api.get<{ items: { reason: string; message: string }[] }>(
          `/api/v1/namespaces/${namespace}/events`,
        )
      ).items
        .filter((event) => event.reason === reason)
        .map(({ message }) => message);
    try {
      await waitFor(async () => (await events('GarbageCollected')).length > 0, {
        timeout: 240_000,
        interval: 500,
        describe: async () =>
          `${(await events('GarbageNotCollected')).join()}\n${await kubectl(testApi().kubeconfig, '-n', namespace, 'describe', 'pods').catch(String)}`,
      });
      const collected = Date.now() - started;
      await available(api, namespace, 'registry');
      await waitFor(async () => (await fetch(`${registry.url}/v2/`)).ok);
      await sleep(1_000);
      console.log(
        `${namespace}: collected in ${(collected / 1000).toFixed(1)} s, pushes failed for ${(away / 1000).toFixed(1)} s; ${done} pushes were done, ${failed.length} failed\n${context.logged.join('')}`,
      );
    } finally {
      stop.abort();
      await run;
      await pushing;
    }
    expect(await events('GarbageCollected')).toEqual(['4 tags and 12 manifests deleted']);
    expect(await events('GarbageNotCollected')).toEqual([]);
    expect(await registry.tags('team/app')).toEqual(['main', `main-${commit(5)}`, `main-${commit(6)}`]);
    for (const tag of await registry.tags('team/app')) {
      expect(`${tag}: ${await registry.pull('team/app', tag)}`).toBe(`${tag}: complete`);
    }
    // A registry that is away was noticed, and every push that it took is whole.
    expect(failed.length).toBeGreaterThan(0);
    expect(done).toBeGreaterThan(0);
    const laptop = await registry.tags('team/laptop');
    for (const tag of laptop)
      expect(`${tag}: ${await registry.pull('team/laptop', tag)}`).toBe(`${tag}: complete`);
    expect(laptop.filter((tag) => failed.includes(tag)).length + done).toBeGreaterThanOrEqual(laptop.length);
    for (const [name, there] of [
      ['amd64 1', false],
      ['arm64 4', false],
      ['amd64 5', true],
      ['base', true],
    ] as const) {
      expect(`${name}: ${await registry.hasBlob('team/app', layer(name))}`).toBe(`${name}: ${there}`);
    }
    expect(collector.isCollecting()).toBe(false);
  }, 300_000);
});
