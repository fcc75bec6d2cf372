import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Size } from 'cdk8s';
import { type KeelsonApp, MicroK8sRegistry } from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { command } from './command.ts';
import { ensureImages, onDebian, type Recipe, type WantedImage } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { programObjects, referenceObjects, removeObjects } from './reference.ts';
import {
  available,
  fillSecrets,
  removeVolumes,
  restingAgent,
  SERVICE_SECRETS,
  volumesFor,
} from './workloads.ts';

const namespace = 'node-test';

/** A build that proves what it was given: both services answer by their names and with their credentials. */
const buildScript = `#!/bin/sh
set -eu
echo "build as $(id -u) in $(pwd)"
curl --fail --silent --max-time 10 "http://$MINIO_TEST_SERVER/minio/health/cluster" && echo minio answers
curl --fail --silent --max-time 10 -u "$RABBITMQ_DEFAULT_USER:$RABBITMQ_DEFAULT_PASS" http://rabbitmq-service:15672/api/whoami
test "$AMQP_URL" = "amqp://$RABBITMQ_DEFAULT_USER:$RABBITMQ_DEFAULT_PASS@rabbitmq-service:5672/%2f?connection_attempts=2&retry_delay=.5&socket_timeout=5"
cat /runner/certs/message/passphrase/ssh-passphrase
test ! -e /var/run/secrets/kubernetes.io
touch /build/was-here
mkdir -p cmd/runner/bin
echo binary > cmd/runner/bin/runner
echo built
`;

/** The image as the project's Dockerfile makes it: the checkout lies in it as one archive. */
async function buildRecipe(): Promise<Recipe> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-checkout-'));
  await writeFile(join(folder, 'base-build.sh'), buildScript, { mode: 0o755 });
  const archive = join(folder, 'src.tar');
  await command('tar', ['--create', '--file', archive, '--directory', folder, '--mtime=@0', 'base-build.sh']);
  return onDebian({ 'work/src.tar': { copy: archive, mode: 0o644 } }, { Cmd: ['sh'], WorkingDir: '/work' });
}

describe.skipIf(withoutNode)(
  `the reference pipeline's pods on a real node, with images made here${missing}`,
  () => {
    let api: Api;
    let objects: KubernetesObject[];
    const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, ...args);
    const inBuild = (container: string, ...command: string[]): Promise<string> =>
      run('-n', namespace, 'exec', 'deployment/build', '-c', container, '--', ...command);

    beforeAll(async () => {
      const { registry } = testNode();
      const [registryAddress = '', port] = registry.split(':');
      api = await Api.connect(testApi().kubeconfig);
      objects = [
        ...(await referenceObjects({ namespace, registryAddress, registryPort: Number(port) })),
        ...(await programObjects((app) => registryTwin(app, registryAddress))),
      ];
      await ensureImages(registry, wantedImages(await buildRecipe()));
      await volumesFor(api, objects);
      for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
      await fillSecrets(api, namespace, {
        ...SERVICE_SECRETS,
        'studioml-runner-keys': {
          'ssh-passphrase': 'passphrase-of-the-test',
          'ssh-privatekey': 'private',
          'ssh-publickey': 'public',
          'signing-privatekey': 'private',
          'signing-publickey': 'public',
        },
      });
    });
    afterAll(async () => {
      await removeObjects(api, objects);
      await removeVolumes(api, objects);
    });

    test.each([
      ['Redis', 'makisu-cache', 'redis', '10001'],
      ['the registry twin', 'container-registry', 'registry', '10001'],
      ['MinIO', namespace, 'minio', '10001'],
      ['RabbitMQ', namespace, 'rabbitmq', '10001'],
    ])('%s becomes ready as a non-root user on a read-only root', async (_what, where, name, uid) => {
      await available(api, where, name);
      const inside = (...command: string[]): Promise<string> =>
        run('-n', where, 'exec', `deployment/${name}`, '--', ...command);
      expect((await inside('id', '-u')).trim()).toBe(uid);
      await expect(inside('touch', '/written')).rejects.toThrow(/Read-only file system/);
      expect(await inside('cat', '/proc/1/status')).toMatch(/^CapEff:\t0{16}$/m);
      await expect(inside('ls', '/var/run/secrets/kubernetes.io')).rejects.toThrow(/No such file/);
    });

    test('the registry twin takes a push by its NodePort and gives the blob back', async () => {
      const twin = `http://${testNode().address}:32001/v2`;
      const start = await fetch(`${twin}/trial/blobs/uploads/`, { method: 'POST' });
      expect(start.status).toBe(202);
      const digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
      const location = new URL(start.headers.get('location') ?? '', twin);
      location.searchParams.set('digest', digest);
      const put = await fetch(location, {
        method: 'PUT',
        body: 'hello',
        headers: { 'content-type': 'application/octet-stream' },
      });
      expect(put.status).toBe(201);
      expect(await (await fetch(`${twin}/trial/blobs/${digest}`)).text()).toBe('hello');
    });

    test('Redis keeps what it is told, within its memory', async () => {
      const redis = (...args: string[]): Promise<string> =>
        run('-n', 'makisu-cache', 'exec', 'deployment/redis', '--', 'redis-cli', ...args);
      expect((await redis('set', 'layer', 'digest')).trim()).toBe('OK');
      expect((await redis('get', 'layer')).trim()).toBe('digest');
      expect(await redis('config', 'get', 'maxmemory')).toContain(String(512 * 1024 * 1024));
    });

    test('the build waits for the gate’s go-file, with its image pulled and nothing run', async () => {
      await available(api, namespace, 'build');
      await waitFor(async () =>
        (await run('-n', namespace, 'logs', 'deployment/build', '-c', 'build')).includes(
          'attempt 1 is waiting',
        ),
      );
      expect((await inBuild('build', 'cat', '/keelson/run/attempt')).trim()).toBe('1');
      await expect(inBuild('build', 'ls', '/build/was-here')).rejects.toThrow(/No such file/);
    });

    test('only the gate holds an API token, and can read it', async () => {
      expect(await inBuild('gate', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token')).toMatch(
        /^ey/,
      );
      await expect(inBuild('build', 'ls', '/var/run/secrets/kubernetes.io')).rejects.toThrow(/No such file/);
    });

    test('the build runs next to live MinIO and RabbitMQ when the gate says go, and the container is kept', async () => {
      await inBuild(
        'gate',
        'sh',
        '-c',
        'echo "1 run" > /keelson/run/go.tmp && mv /keelson/run/go.tmp /keelson/run/go',
      );
      const log = (): Promise<string> => run('-n', namespace, 'logs', 'deployment/build', '-c', 'build');
      await waitFor(async () => (await log()).includes('ended with exit code'), {
        timeout: 60_000,
        describe: log,
      });
      expect(await log()).toContain('built');
      expect(await log()).toMatch(/minio answers[\s\S]*administrator[\s\S]*passphrase-of-the-test/);
      expect((await inBuild('gate', 'cat', '/keelson/run/result')).trim()).toBe('1 0');
      expect(await inBuild('build', 'sh', '-c', 'cat /build/.keelson/runs/*/build.log')).toContain('built');
      expect(await inBuild('build', 'ls', '/build/was-here')).toContain('was-here');
      const asset = '/build/.keelson/runs/*/assets/cmd/runner/bin/runner';
      expect((await inBuild('build', 'sh', '-c', `cat ${asset}`)).trim()).toBe('binary');
    });

    test('a restarted build container is gated again', async () => {
      await inBuild('build', 'sh', '-c', 'kill -TERM 1').catch(() => '');
      await waitFor(async () => (await inBuild('gate', 'cat', '/keelson/run/attempt')).trim() === '2', {
        timeout: 60_000,
      });
      await expect(inBuild('gate', 'cat', '/keelson/run/result')).rejects.toThrow(/No such file/);
    });

    test('the build’s pod ends promptly when it is deleted', async () => {
      const name = (
        await run('-n', namespace, 'get', 'pods', '-l', 'keelson.dev/stage=build', '-o', 'name')
      ).trim();
      const started = Date.now();
      await run('-n', namespace, 'delete', name, '--wait=true', '--timeout=60s');
      // The resting agent in the gate's place ignores SIGTERM no longer than sh does; the build itself is not waited for.
      expect(Date.now() - started).toBeLessThan(45_000);
    });
  },
);

/** The images that the manifests name, under those names. */
function wantedImages(build: Recipe): WantedImage[] {
  return [
    { reference: 'docker.io/library/redis:7.2.5', recipe: 'redis' },
    { reference: 'docker.io/library/registry:2.8.3', recipe: 'registry' },
    { reference: 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z', recipe: 'minio' },
    { reference: 'docker.io/library/rabbitmq:3.13.7', recipe: 'rabbitmq' },
    { reference: 'ghcr.io/keelson-dev/agent:0.1.0', recipe: restingAgent },
    { reference: `${testNode().registry}/leafai/studio-go-runner-standalone-build:main`, recipe: build },
  ];
}

function registryTwin(app: KeelsonApp, nodeAddress: string): void {
  new MicroK8sRegistry(new Chart(app, 'registry'), 'registry', {
    nodeAddress,
    nodePort: 32001,
    storage: Size.gibibytes(1),
  });
}
