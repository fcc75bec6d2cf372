// A real node whose containerd knows one registry and no other: what a program without internet needs is there, and
// nothing else is asked for. A real BuildKit builds a commit from it, and the kubelet pulls the result.
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  BuildKitBuilder,
  GitSource,
  HostedRegistry,
  KeelsonApp,
  KeelWatchedBuild,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  PodSecurity,
} from 'keelson';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { configurationIn, imageBuild } from './image-builds.ts';
import { ensureImages, onDebian, type Recipe, type RecipeName } from './images.ts';
import { kubectl } from './kubectl.ts';
import { pauseImage } from './node.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { readKustomization, removeObjects } from './reference.ts';
import { available, fillSecrets, removeVolumes, SERVICE_SECRETS, volumesFor } from './workloads.ts';

const NAMESPACE = 'air-gap';
const BUILD_NAMESPACE = 'gw-air-gap';
const NAMESPACES = [NAMESPACE, BUILD_NAMESPACE, 'keelson-system', 'keel', 'buildkit', 'makisu-cache'];

/** In the place of a program that is not part of this: it rests, and as `source` writes what a commit has. */
const resting: Recipe = onDebian(
  {
    'program.sh': {
      text: `#!/bin/sh
if [ "$1" = source ]; then
  cd "\${2#--directory=}"
  printf 'ARG MIRROR\\nFROM \${MIRROR}/library/busybox:1.35\\nRUN echo built >/built\\n' >Dockerfile
  exit 0
fi
trap "exit 0" TERM
sleep 2147483647 &
wait
`,
      mode: 0o755,
    },
  },
  { Entrypoint: ['/program.sh'] },
);

/** How each of the listed images is made here, by the last part of its name. */
const RECIPES: Readonly<Record<string, RecipeName | Recipe>> = {
  agent: resting,
  buildkit: 'buildkit',
  keel: resting,
  minio: 'minio',
  rabbitmq: 'rabbitmq',
  redis: 'redis',
  stable: 'buildah', // quay.io/skopeo/stable
};

describe.skipIf(withoutNode)(
  `a real node whose only registry is the private one, with images made here${missing}`,
  () => {
    let api: Api;
    let folder: string;
    let mirror: string;
    let objects: KubernetesObject[];
    let listed: string[];
    const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, ...args);
    const everythingElse = (): string => join(testNode().certificates, '_default');

    beforeAll(async () => {
      const { registry, certificates } = testNode();
      api = await Api.connect(testApi().kubeconfig);
      folder = await mkdtemp(join(tmpdir(), 'keelson-air-gap-'));
      mirror = `${registry}/mirror`;
      const made = await program(folder, registry);
      ({ objects, listed } = made);
      // The node is told what the program says, and forgets what it knew of all other registries.
      await rename(everythingElse(), join(folder, '_default'));
      for (const one of await readdir(made.nodeFiles)) {
        await cp(join(made.nodeFiles, one, 'certs.d'), certificates, { recursive: true });
      }
      // A node's own image for the namespaces of pods, the documents' other way: a mirror in containerd.
      await mkdir(join(certificates, 'registry.k8s.io'));
      const hosts = `server = "https://registry.k8s.io"\n
[host."http://${registry}/v2/mirror"]
  capabilities = ["pull", "resolve"]
  override_path = true
`;
      await writeFile(join(certificates, 'registry.k8s.io', 'hosts.toml'), hosts);
      await ensureImages(registry, [
        { reference: pauseImage.replace('registry.k8s.io', mirror), recipe: 'pause' },
        ...listed.map((reference) => ({ reference, recipe: recipeOf(reference) })),
        { reference: `${mirror}/library/busybox:1.35`, recipe: 'busybox' },
      ]);
      await volumesFor(api, objects);
      for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
      await fillSecrets(api, NAMESPACE, SERVICE_SECRETS);
    });
    afterAll(async () => {
      const { certificates, registry } = testNode();
      for (const host of [registry, 'registry.k8s.io']) {
        await rm(join(certificates, host), { recursive: true, force: true });
      }
      await cp(join(folder, '_default'), everythingElse(), { recursive: true });
      await api.delete(`/api/v1/namespaces/${BUILD_NAMESPACE}`);
      await removeObjects(api, objects);
      await removeVolumes(api, objects);
      await rm(folder, { recursive: true });
    });

    test('every listed image is a name of the private registry', () => {
      expect(listed.length).toBeGreaterThanOrEqual(6);
      expect(listed.filter((name) => !name.startsWith(`${mirror}/`))).toEqual([]);
    });

    test('an image of any other registry can’t be had', async () => {
      // Until then the node had it from its own registry, whatever name it was asked by.
      await ensureImages(testNode().registry, [
        { reference: 'docker.io/library/outside:1', recipe: 'busybox' },
      ]);
      await api.apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'outside', namespace: 'default' },
        spec: {
          containers: [{ name: 'outside', image: 'docker.io/library/outside:1', command: ['sleep', '60'] }],
        },
      });
      try {
        await waitFor(
          async () => {
            const { status } = await api.get<Pod>('/api/v1/namespaces/default/pods/outside');
            return /ErrImagePull|ImagePullBackOff/.test(
              status?.containerStatuses?.[0]?.state?.waiting?.reason ?? '',
            );
          },
          { timeout: 90_000, describe: () => run('describe', 'pod', 'outside').catch(String) },
        );
      } finally {
        await run('delete', 'pod', 'outside', '--grace-period=1');
      }
    });

    test.each([
      ['Redis', 'makisu-cache', 'redis'],
      ['the BuildKit daemon', 'buildkit', 'buildkit'],
      ['MinIO', NAMESPACE, 'minio'],
      ['RabbitMQ', NAMESPACE, 'rabbitmq'],
    ])('%s runs and becomes ready', (_what, namespace, name) => available(api, namespace, name));

    test('BuildKit builds a commit from the base image there, and pushes it there', async () => {
      const [image] = configurationIn(objects).images;
      if (image === undefined) throw new Error('no image is built');
      const { succeeded, log } = await imageBuild(api, image, { namespace: BUILD_NAMESPACE });
      expect(succeeded, log).toBe(true);
      const tags = await fetch(`http://${testNode().registry}/v2/team/app/tags/list`);
      expect(await tags.json()).toMatchObject({ tags: expect.arrayContaining(['main']) });
    });

    test('every pod of platform, pipeline and build has its images from there', async () => {
      const images = await waitFor(
        async () => {
          const { items } = await api.get<{ items: Pod[] }>('/api/v1/pods');
          const pods = items.filter(({ metadata }) => NAMESPACES.includes(metadata?.namespace ?? ''));
          const statuses = pods.map(({ status }) => [
            ...(status?.initContainerStatuses ?? []),
            ...(status?.containerStatuses ?? []),
          ]);
          const pulled = statuses.every(
            (pod) => pod.length > 0 && pod.every(({ imageID }) => imageID !== ''),
          );
          const found = new Set(pods.map(({ metadata }) => metadata?.namespace));
          return pulled && found.size === NAMESPACES.length
            ? statuses.flatMap((pod) => pod.map(({ imageID }) => imageID))
            : undefined;
        },
        {
          timeout: 100_000,
          describe: () => run('get', 'pods', '--all-namespaces', '-o', 'wide').catch(String),
        },
      );
      expect(images.length).toBeGreaterThanOrEqual(9);
      expect(images.filter((id) => !id.startsWith(`${testNode().registry}/`))).toEqual([]);
    });
  },
);

function recipeOf(reference: string): RecipeName | Recipe {
  const [, name = ''] = reference.match(/([^/:]+):[^/]*$/) ?? [];
  const recipe = RECIPES[name];
  if (recipe === undefined) throw new Error(`nobody has copied ${reference}`);
  return recipe;
}

/** A whole pipeline that is told of one registry, by one prop and as the place of its own images. */
async function program(
  folder: string,
  host: string,
): Promise<{ objects: KubernetesObject[]; listed: string[]; nodeFiles: string }> {
  const outdir = join(folder, 'manifests');
  const app = new KeelsonApp({
    outdir,
    nodeSetupOutdir: join(folder, 'nodes'),
    imageRegistry: `${host}/mirror`,
  });
  const registry = HostedRegistry.at(host, { insecure: true });
  const platform = new Platform(app, 'platform', { registry, buildkit: {}, egress: [] });
  const source = GitSource.remote('https://git.example.com/team/app.git', { branch: 'main' });
  const pipeline = new Pipeline(app, NAMESPACE, { platform, source });
  const image = new BuildKitBuilder(pipeline, 'image', {
    target: registry.image('team/app'),
    frontend: 'builtin',
    buildArgs: { MIRROR: `${host}/mirror` },
  });
  new KeelWatchedBuild(pipeline, 'build', {
    image,
    command: ['cat', '/built'],
    services: new MinioRabbitTestStack(pipeline, 'services'),
    podSecurity: PodSecurity.baseline('the image runs as root'),
    resources: {
      cpu: { request: Cpu.millis(50), limit: Cpu.millis(500) },
      memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
    },
  });
  const { nodeSetupOutdir = '', images } = app.synth();
  return {
    objects: await readKustomization(outdir),
    listed: images.filter(({ built }) => !built).map(({ name }) => name),
    nodeFiles: nodeSetupOutdir,
  };
}
