// Image builds on a real node, from the job templates as the controller would fill them: a real BuildKit, Buildah,
// skopeo and Kaniko. The agent's program is not part of this: a script writes what it would fetch.
import { mkdtemp, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BuildahBuilder,
  BuildKitBuilder,
  GitSource,
  ImageName,
  ImageTarget,
  KanikoBuilder,
  KeelsonApp,
  Pipeline,
  Platform,
  type Registry,
  SecretSource,
} from 'keelson';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { certificates } from './certificates.ts';
import { command } from './command.ts';
import { configurationIn, imageBuild, type JobEnd } from './image-builds.ts';
import { ensureImages, onBusybox } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { readKustomization, removeObjects } from './reference.ts';

const SOURCE_IMAGE = 'quay.io/test/source:1';
const DAEMON = 'buildkit.buildkit.svc.cluster.local';
const ACCOUNT_REGISTRY = 'registry.accounts.svc.cluster.local:5000';
const PASSWORD = 'password-of-the-test';
const COMMITS = { first: 'a'.repeat(40), second: 'b'.repeat(40), third: 'c'.repeat(40) };

/** Writes a context in place of the commit's. Only what a commit changes comes after the step that is worth a cache. */
const sourceScript = (registry: string): string => `#!/bin/sh
set -eu
test "$1" = source
cd "\${2#--directory=}"
echo "$KEELSON_GIT_COMMIT" >commit
cat >rest <<'END'
ARG GREETING=none
RUN echo "$GREETING" >/greeting && id -u >/user && head -c 16 /dev/urandom | od -x >/random
COPY commit /commit
END
{ echo 'FROM docker.io/library/busybox:1.35'; cat rest; } >Dockerfile
{ echo 'FROM ${registry}/library/busybox:1.35'; cat rest; } >Dockerfile.local
`;

interface Built extends JobEnd {
  readonly namespace: string;
}

describe.skipIf(withoutNode)(`image builders on a real node, with images made here${missing}`, () => {
  let api: Api;
  let objects: KubernetesObject[];
  /** What the controller would copy from the pipeline's namespace. */
  let secrets: Record<string, Record<string, string>>;
  const built: Built[] = [];
  const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, ...args);

  beforeAll(async () => {
    const { registry } = testNode();
    api = await Api.connect(testApi().kubeconfig);
    objects = [...(await manifests(registryAt(registry))), ...(await registryWithAccounts())];
    const script = { text: sourceScript(registry), mode: 0o755 };
    await ensureImages(registry, [
      { reference: SOURCE_IMAGE, recipe: onBusybox({ source: script }, { Entrypoint: ['/source'] }) },
      { reference: 'docker.io/moby/buildkit:v0.34.2-rootless', recipe: 'buildkit' },
      { reference: 'quay.io/containers/buildah:v1.43.2', recipe: 'buildah' },
      { reference: 'quay.io/skopeo/stable:v1.20.0', recipe: 'buildah' },
      { reference: 'ghcr.io/osscontainertools/kaniko:v1.28.3', recipe: 'kaniko' },
      { reference: 'docker.io/library/registry:2.8.3', recipe: 'registry' },
    ]);
    const [server, forClients] = await certificates([DAEMON, 'client']);
    if (server === undefined || forClients === undefined) throw new Error('no certificates');
    secrets = {
      'buildkit-client': forClients,
      account: { '.dockerconfigjson': dockerConfig(ACCOUNT_REGISTRY) },
    };
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    await api.apply(secret('buildkit', 'buildkit-server', server));
  });
  afterAll(async () => {
    for (const { namespace } of built) await api.delete(`/api/v1/namespaces/${namespace}`);
    await removeObjects(api, objects);
  });

  /** Builds a commit by an image builder, as the controller does, and waits for the Job's end. */
  const build = async (image: string, branch: string, commit: string): Promise<Built> => {
    const namespace = `gw-${image}-${branch}-${commit.slice(0, 4)}`;
    const { images } = configurationIn(objects);
    const configuration = images.find(({ name }) => name === image);
    if (configuration === undefined) throw new Error(`no image ${image}`);
    const names = new Set(configuration.copySecrets.map(({ secretName }) => secretName));
    const copies = [...names].map((name) => secret(namespace, name, secrets[name] ?? {}));
    const result = {
      namespace,
      ...(await imageBuild(api, configuration, { namespace, branch, commit }, copies)),
    };
    built.push(result);
    return result;
  };

  const level = async (namespace: string): Promise<string | undefined> => {
    const { metadata } = await api.get<{ metadata: { labels: Record<string, string> } }>(
      `/api/v1/namespaces/${namespace}`,
    );
    return metadata.labels['pod-security.kubernetes.io/enforce'];
  };
  const daemonReady = async (): Promise<string> => {
    const { metadata } = await waitFor(
      async () => {
        const pods = await api.get<{ items: DaemonPod[] }>('/api/v1/namespaces/buildkit/pods');
        return pods.items.find(
          ({ metadata, status }) =>
            metadata.deletionTimestamp === undefined &&
            status.containerStatuses?.every(({ ready }) => ready) === true,
        );
      },
      {
        timeout: 100_000,
        describe: async () =>
          `${await run('-n', 'buildkit', 'describe', 'pods')}\n${await run('-n', 'buildkit', 'logs', 'deployment/buildkit').catch(String)}`,
      },
    );
    return metadata.name;
  };
  const inDaemon = (...command: string[]): Promise<string> =>
    run('-n', 'buildkit', 'exec', 'deployment/buildkit', '--', ...command);

  test('the rootless daemon becomes ready in a baseline namespace, as user 1000 on a read-only root', async () => {
    await daemonReady();
    expect(await level('buildkit')).toBe('baseline');
    expect((await inDaemon('id', '-u')).trim()).toBe('1000');
    await expect(inDaemon('touch', '/written')).rejects.toThrow(/Read-only file system/);
    expect(await inDaemon('cat', '/proc/1/status')).toMatch(/^CapEff:\t0{16}$/m);
    await expect(inDaemon('ls', '/var/run/secrets/kubernetes.io')).rejects.toThrow(/No such file/);
  });

  test('the daemon answers nobody without a certificate of its authority', async () => {
    const ask = (address: string): Promise<string> =>
      inDaemon('buildctl', `--addr=${address}`, 'debug', 'workers');
    expect(await ask('unix:///run/user/1000/buildkit/buildkitd.sock')).toContain('linux/');
    await expect(ask('tcp://127.0.0.1:1234')).rejects.toThrow();
  });

  test('BuildKit builds a commit in a restricted namespace and pushes both tags, with labels and provenance', async () => {
    const { succeeded, log, namespace } = await build('buildkit', 'main', COMMITS.first);
    expect(log).toContain('pushing manifest');
    expect(succeeded).toBe(true);
    expect(await level(namespace)).toBe('restricted');
    const index = await manifest('team/buildkit', 'main');
    expect(index.digest).toBe((await manifest('team/buildkit', `main-${COMMITS.first}`)).digest);
    expect(index.body.mediaType).toBe('application/vnd.oci.image.index.v1+json');
    const [image, attestation] = index.body.manifests ?? [];
    expect(attestation?.annotations?.['vnd.docker.reference.type']).toBe('attestation-manifest');
    expect(await labels('team/buildkit', image?.digest ?? '')).toEqual({
      'com.example.team': 'it\'s "ours", $(HOME)',
      'org.opencontainers.image.revision': COMMITS.first,
      'org.opencontainers.image.source': 'https://git.example.com/team/project.git',
    });
  });

  test('another daemon with an empty cache takes the layers of the registry, for another branch too', async () => {
    await run('-n', 'buildkit', 'delete', 'pod', await daemonReady(), '--grace-period=5');
    await daemonReady();
    expect(await inDaemon('buildctl', '--addr=unix:///run/user/1000/buildkit/buildkitd.sock', 'du')).toMatch(
      /Total:\s+0B/,
    );
    const { succeeded, log } = await build('buildkit', 'dev', COMMITS.second);
    expect(succeeded, log).toBe(true);
    expect(log).toMatch(/importing cache manifest from \S+:buildcache-main/);
    const layers = async (tag: string): Promise<string[]> => {
      const [image] = (await manifest('team/buildkit', tag)).body.manifests ?? [];
      const { body } = await manifest('team/buildkit', image?.digest ?? '');
      return body.layers?.map(({ digest }) => digest) ?? [];
    };
    const [main, dev] = [await layers('main'), await layers('dev')];
    // The base and what RUN made, random bytes in it, are the same; the commit differs.
    expect(main.length).toBe(3);
    expect(dev.slice(0, 2)).toEqual(main.slice(0, 2));
    expect(dev[2]).not.toBe(main[2]);
  });

  test.each([
    ['buildkit-account', 'restricted', 'buildctl'],
    ['kaniko-account', 'baseline', 'push'],
  ])(
    '%s pushes to a registry that asks for an account, which no RUN step meets',
    async (image, expected, pusher) => {
      const { succeeded, log, namespace } = await build(image, 'main', COMMITS.third);
      expect(succeeded, log).toBe(true);
      expect(await level(namespace)).toBe(expected);
      const { spec } = await api.get<{ spec: { clusterIP: string } }>(
        '/api/v1/namespaces/accounts/services/registry',
      );
      const place = `http://${spec.clusterIP}:5000/v2/team/${image}/tags/list`;
      expect((await fetch(place)).status).toBe(401);
      const authorization = `Basic ${Buffer.from(`test:${PASSWORD}`).toString('base64')}`;
      const { tags } = (await (await fetch(place, { headers: { authorization } })).json()) as {
        tags: string[];
      };
      expect(tags).toContain('main');
      expect(tags).toContain(`main-${COMMITS.third}`);
      const pods = await api.get<{ items: { spec: PodSpec }[] }>(`/api/v1/namespaces/${namespace}/pods`);
      const withAccount = pods.items
        .flatMap(({ spec: { containers, initContainers = [] } }) => [...initContainers, ...containers])
        .filter(({ volumeMounts = [] }) =>
          volumeMounts.some(({ name }) => ['docker-config', 'push-credential'].includes(name)),
        );
      expect(withAccount.map(({ name }) => name)).toEqual([pusher]);
    },
  );

  test.each([
    ['buildah', 'Copying blob'],
    ['vfs', 'Copying blob'],
    ['kaniko', 'Pushed'],
  ])(
    '%s builds in a baseline namespace, and both tags are one image with its labels',
    async (image, said) => {
      const { succeeded, log, namespace } = await build(image, 'main', COMMITS.third);
      expect(succeeded, log).toBe(true);
      expect(log).toContain(said);
      expect(await level(namespace)).toBe('baseline');
      const { body, digest } = await manifest(`team/${image}`, 'main');
      expect(digest).toBe((await manifest(`team/${image}`, `main-${COMMITS.third}`)).digest);
      expect(body.layers?.length).toBeGreaterThanOrEqual(2);
      expect(await labels(`team/${image}`, 'main')).toMatchObject({
        'org.opencontainers.image.revision': COMMITS.third,
      });
    },
  );
});

/** A Docker configuration with the account of {@link registryWithAccounts}. */
function dockerConfig(host: string): string {
  const auth = Buffer.from(`test:${PASSWORD}`).toString('base64');
  return JSON.stringify({ auths: { [host]: { auth } } });
}

/** A registry of its own, which answers only those who have its account. */
async function registryWithAccounts(): Promise<KubernetesObject[]> {
  const namespace = 'accounts';
  const labels = { app: 'registry' };
  // It takes bcrypt only, which the C library of Debian has.
  const program = 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))';
  const hash = await command('perl', ['-e', program, PASSWORD]);
  const env = {
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: 'test',
    REGISTRY_AUTH_HTPASSWD_PATH: '/auth/htpasswd',
  };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret(namespace, 'htpasswd', { htpasswd: `test:${hash}\n` }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'registry', namespace },
      spec: { selector: labels, ports: [{ port: 5000 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'registry', namespace, labels },
      spec: {
        containers: [
          {
            name: 'registry',
            image: 'docker.io/library/registry:2.8.3',
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
            readinessProbe: { tcpSocket: { port: 5000 }, periodSeconds: 1 },
            volumeMounts: [{ name: 'auth', mountPath: '/auth' }],
          },
        ],
        volumes: [{ name: 'auth', secret: { secretName: 'htpasswd' } }],
      },
    },
  ];
}

interface DaemonPod {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly status: { readonly containerStatuses?: readonly { readonly ready: boolean }[] };
}

interface ImageManifest {
  readonly mediaType: string;
  readonly config?: { readonly digest: string };
  readonly layers?: readonly { readonly digest: string }[];
  readonly manifests?: readonly {
    readonly digest: string;
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

async function manifest(
  repository: string,
  reference: string,
): Promise<{ digest: string | null; body: ImageManifest }> {
  const accept = ['oci.image.index.v1', 'oci.image.manifest.v1', 'docker.distribution.manifest.v2']
    .map((type) => `application/vnd.${type}+json`)
    .join();
  const url = `http://${testNode().registry}/v2/${repository}/manifests/${reference}`;
  const response = await fetch(url, { headers: { accept } });
  expect(response.status, url).toBe(200);
  return {
    digest: response.headers.get('docker-content-digest'),
    body: (await response.json()) as ImageManifest,
  };
}

async function labels(repository: string, reference: string): Promise<Record<string, string>> {
  const { body } = await manifest(repository, reference);
  const url = `http://${testNode().registry}/v2/${repository}/blobs/${body.config?.digest}`;
  const config = (await (await fetch(url)).json()) as { config: { Labels: Record<string, string> } };
  return config.config.Labels;
}

function secret(
  namespace: string,
  name: string,
  stringData: Readonly<Record<string, string>>,
): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData };
}

/** The daemon's objects and the pipeline's description; nothing here needs a controller or Keel. */
async function manifests(registry: Registry): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-builders-'));
  try {
    const app = new KeelsonApp({ outdir: join(folder, 'manifests') });
    const platform = new Platform(app, 'builders', {
      registry,
      agentImage: ImageName.parse(SOURCE_IMAGE),
      cache: false,
      keel: false,
      admissionPolicies: false,
      buildkit: {
        mirrors: { 'docker.io': [registry.pushHost] },
        tls: { serverSecret: 'buildkit-server', clientSecret: 'buildkit-client' },
      },
    });
    const source = GitSource.remote('https://git.example.com/team/project.git', {
      branches: ['main', 'dev'],
    });
    const pipeline = new Pipeline(app, 'team', { platform, source });
    const buildArgs = { GREETING: 'hello' };
    const target = (name: string): ImageTarget => registry.image(`team/${name}`);
    new BuildKitBuilder(pipeline, 'buildkit', {
      target: target('buildkit'),
      buildArgs,
      frontend: 'builtin',
      provenance: 'max',
      labels: { 'com.example.team': 'it\'s "ours", $(HOME)' },
    });
    const local = { buildArgs, dockerfile: 'Dockerfile.local' };
    new BuildahBuilder(pipeline, 'buildah', { ...local, target: target('buildah') });
    new BuildahBuilder(pipeline, 'vfs', { ...local, target: target('vfs'), storageDriver: 'vfs' });
    new KanikoBuilder(pipeline, 'kaniko', { ...local, target: target('kaniko') });
    const account = registryAt(ACCOUNT_REGISTRY, SecretSource.existing('account', '.dockerconfigjson'));
    new BuildKitBuilder(pipeline, 'buildkit-account', { target: account.image('team/buildkit-account') });
    new KanikoBuilder(pipeline, 'kaniko-account', {
      ...local,
      target: account.image('team/kaniko-account'),
    });
    app.synth();
    const all = await readKustomization(join(folder, 'manifests'));
    return all.filter(
      ({ kind, metadata }) =>
        [metadata.namespace, metadata.name].includes('buildkit') ||
        metadata.name === 'keelson-pipeline' ||
        (kind === 'Namespace' && metadata.name === 'team'),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A registry that is at one address for all. */
function registryAt(host: string, pushCredential?: SecretSource): Registry {
  const [address = '', port] = host.split(':');
  const registry: Registry = {
    pushHost: host,
    imageHost: host,
    aliases: [],
    insecure: true,
    pushCredential,
    // Nothing enforces network policies on this node.
    destinations: isIP(address)
      ? [{ peers: [{ ipBlock: { cidr: `${address}/32` } }], ports: [Number(port)] }]
      : [],
    nodeFiles: [],
    aliasServices: () => [],
    problems: () => [],
    image: (repository, options = {}) => new ImageTarget(registry, repository, options.tag),
  };
  return registry;
}
