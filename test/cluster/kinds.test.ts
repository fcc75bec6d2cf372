import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  BuildJob,
  ImageName,
  type KeelsonApp,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { ensureImages, onDebian, type Recipe } from './images.ts';
import { kubectl, kubectlPath } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { find, programObjects, removeObjects } from './reference.ts';
import {
  available,
  fillSecrets,
  removeVolumes,
  restingAgent,
  SERVICE_SECRETS,
  volumesFor,
} from './workloads.ts';

const namespace = 'kinds-test';

/** Proves that both services answer by their names and with their credentials, then ends as it is told. */
const script = `#!/bin/sh
set -eu
curl --fail --silent --max-time 10 "http://$MINIO_TEST_SERVER/minio/health/cluster" && echo minio answers
curl --fail --silent --max-time 10 -u "$RABBITMQ_DEFAULT_USER:$RABBITMQ_DEFAULT_PASS" http://rabbitmq-service:15672/api/whoami
test ! -e /var/run/secrets/kubernetes.io
exit "$1"
`;
const buildImage: Recipe = onDebian(
  { 'work/build.sh': { text: script, mode: 0o755 } },
  { Cmd: ['sh'], WorkingDir: '/work', User: '1000' },
);

/** Services that no build uses. */
function servicesOnly(app: KeelsonApp): void {
  new MinioRabbitTestStack(pipeline(app), 'services', SMALL);
}

/** The same services with two builds that run once. */
function withJobs(app: KeelsonApp): void {
  const ci = pipeline(app);
  const services = new MinioRabbitTestStack(ci, 'services', SMALL);
  const image = ImageName.parse(`${testNode().registry}/keelson/kinds-build:main`);
  // Both at once on a node of two cores.
  const resources = { cpu: { request: Cpu.millis(100) } };
  for (const [id, code] of [
    ['good', '0'],
    ['bad', '1'],
  ] as const)
    new BuildJob(ci, id, { image, services, command: ['./build.sh', code], volume: false, resources });
}

const SMALL = { minio: { storage: Size.mebibytes(256) }, rabbit: { storage: Size.mebibytes(256) } };

function pipeline(app: KeelsonApp): Pipeline {
  const registry = MicroK8sRegistry.existing({ nodeAddress: testNode().address });
  return new Pipeline(app, namespace, { platform: Platform.existing({ name: 'platform', registry }) });
}

describe.skipIf(withoutNode)(`services alone, and builds that run once, on a real node${missing}`, () => {
  let api: Api;
  let objects: KubernetesObject[];
  const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, '-n', namespace, ...args);

  beforeAll(async () => {
    const { registry } = testNode();
    api = await Api.connect(testApi().kubeconfig);
    await ensureImages(registry, [
      { reference: 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z', recipe: 'minio' },
      { reference: 'docker.io/library/rabbitmq:3.13.7', recipe: 'rabbitmq' },
      { reference: 'ghcr.io/keelson-dev/agent:0.1.0', recipe: restingAgent },
      { reference: `${registry}/keelson/kinds-build:main`, recipe: buildImage },
    ]);
    objects = await programObjects(servicesOnly);
    await volumesFor(api, objects);
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    await fillSecrets(api, namespace, SERVICE_SECRETS);
  });
  afterAll(async () => {
    await removeObjects(api, objects);
    await removeVolumes(api, objects);
  });

  test.each(['minio', 'rabbitmq'])('without a build, %s runs and becomes ready', async (name) => {
    expect(find(objects, 'Deployment', name)['spec']).toMatchObject({ replicas: 1 });
    await available(api, namespace, name);
  });

  test('a developer reaches them by kubectl port-forward', async () => {
    const { port, stop } = await forward('service/minio-service', 9000);
    try {
      expect((await fetch(`http://127.0.0.1:${port}/minio/health/cluster`)).status).toBe(200);
    } finally {
      await stop();
    }
  });

  test('with builds that run once, the manifests say no more how many services run, and those stay up', async () => {
    const next = await programObjects(withJobs);
    for (const object of next) await api.apply(object, { fieldManager: 'keelson' });
    objects = next;
    expect(find(objects, 'Deployment', 'minio')['spec']).not.toHaveProperty('replicas');
    await available(api, namespace, 'minio');
    await available(api, namespace, 'rabbitmq');
  });

  const pod = async (id: string): Promise<string> => {
    const selector = `app.kubernetes.io/name=${id},keelson.dev/stage=build`;
    return waitFor(async () => (await run('get', 'pods', '-l', selector, '-o', 'name')).trim() || undefined);
  };
  const log = async (id: string): Promise<string> => run('logs', await pod(id), '-c', 'build');

  test.each([
    ['good', 0, 'Complete'],
    ['bad', 1, 'Failed'],
  ])(
    'the build %s waits for its gate, runs next to live services, and its Job ends with %i',
    async (id, code, condition) => {
      await waitFor(async () => (await log(id)).includes('attempt 1 is waiting'), {
        timeout: 120_000,
        describe: () => run('describe', 'pods').catch(String),
      });
      const go = 'echo "1 run" > /keelson/run/go.tmp && mv /keelson/run/go.tmp /keelson/run/go';
      await run('exec', await pod(id), '-c', 'gate', '--', 'sh', '-c', go);
      const name = objects.find(({ kind, metadata }) => kind === 'Job' && metadata.name.startsWith(id))
        ?.metadata.name;
      const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`;
      const conditions = await waitFor(
        async () => {
          const { status } = await api.get<JobObject>(path);
          return status.conditions?.some(({ type }) => /^(Complete|Failed)$/.test(type)) && status.conditions;
        },
        { timeout: 90_000, describe: () => run('describe', 'pods').catch(String) },
      );
      expect(conditions.filter(({ status }) => status === 'True').map(({ type }) => type)).toContain(
        condition,
      );
      expect(await log(id)).toMatch(/minio answers[\s\S]*administrator/);
      expect(await log(id)).toContain(`ended with exit code ${code}`);
      const { items } = await api.get<{ items: PodObject[] }>(
        `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(`job-name=${name}`)}`,
      );
      const [ended, ...others] = items;
      expect(others).toEqual([]);
      expect(ended?.status.containerStatuses[0]?.state.terminated?.exitCode).toBe(code);
      // The sidecar ends after the build, and does not keep the pod from ending.
      expect(ended?.status.initContainerStatuses[0]?.state).toHaveProperty('terminated');
    },
  );

  test('applied again, a finished Job is the same one and starts nothing', async () => {
    const job = objects.find(({ kind }) => kind === 'Job');
    if (job === undefined) throw new Error('no Job');
    const before = await api.get<KubernetesObject>(await api.pathOf(job));
    await api.apply(job, { fieldManager: 'keelson' });
    const after = await api.get<KubernetesObject>(await api.pathOf(job));
    expect(after.metadata['uid']).toBe(before.metadata['uid']);
    expect(after['status']).toEqual(before['status']);
  });

  /** Forwards a port of this machine, and stops what it started. */
  async function forward(to: string, port: number): Promise<{ port: number; stop: () => Promise<void> }> {
    const child = spawn(
      await kubectlPath(),
      [
        '--kubeconfig',
        testApi().kubeconfig,
        '-n',
        namespace,
        'port-forward',
        '--address',
        '127.0.0.1',
        to,
        `:${port}`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const local = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    return {
      port: Number(local),
      stop: async () => {
        child.kill('SIGTERM');
        await once(child, 'exit');
      },
    };
  }
});

interface JobObject {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface ContainerState {
  readonly state: { readonly terminated?: { readonly exitCode: number } };
}

interface PodObject {
  readonly status: {
    readonly containerStatuses: readonly ContainerState[];
    readonly initContainerStatuses: readonly ContainerState[];
  };
}
