// A hosted registry with a private authority and accounts, on a real node: Debian's registry serves it by TLS, a real
// skopeo pushes what a build left, and the node's containerd pulls it with the files that are written for nodes.
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import type { Construct } from 'constructs';
import {
  fillTemplate,
  GitSource,
  HostedRegistry,
  ImageBuilder,
  type ImageBuilderProps,
  ImageCopy,
  ImageName,
  Keel,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  PodSecurity,
  Release,
  registryAccountsValue,
  SecretSource,
  Tag,
} from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitOn } from '../support/commits.ts';
import { Api, type KubernetesObject, waitFor } from './api.ts';
import { certificates } from './certificates.ts';
import { command } from './command.ts';
import { configurationIn, imageBuild, jobEnd } from './image-builds.ts';
import { ensureImages, onDebian, recipes } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutNode } from './provided.ts';
import { readKustomization, removeObjects } from './reference.ts';

const NAMESPACE = 'hosted-test';
const REGISTRY_NAMESPACE = 'hosted-registry';
const PORT = 32443;
const AGENT = 'quay.io/test/hosted-agent:1';
const BUILDER = 'quay.io/test/hosted-builder:1';
const SKOPEO = 'quay.io/test/hosted-skopeo:1';
const REPOSITORY = 'team/app';

const PUSH = { user: 'pusher', password: 'push-password-0123456789' };
const PULL = { user: 'puller', password: 'pull-password-0123456789' };
type Account = typeof PUSH;

/** It leaves an archive, and tells which of the accounts it finds anywhere in its file system, as root. */
const buildScript = `#!/bin/sh
set -eu
cp /image.tar.gz "$1"
id -u
for account in push pull; do
  if grep --recursive --no-messages --fixed-strings --files-with-matches --file=/needles/$account \\
    --exclude-dir=proc --exclude-dir=sys --exclude-dir=needles /; then echo "found the $account account"; fi
done
env | grep --fixed-strings --file=/needles/push && echo "found the push account in a variable"
echo built
`;

describe.skipIf(withoutNode)(`a hosted registry on a real node, with images made here${missing}`, () => {
  let api: Api;
  let registry: HostedRegistry;
  let objects: KubernetesObject[];
  let server: KubernetesObject[];
  let nodeFiles: string;
  let folder: string;
  let authority: string;
  const namespaces: string[] = [];
  const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, ...args);
  const host = (): string => `${testNode().address}:${PORT}`;

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    folder = await mkdtemp(join(tmpdir(), 'keelson-hosted-'));
    const [certificate] = await certificates([testNode().address]);
    if (certificate === undefined) throw new Error('no certificate');
    authority = certificate['ca.crt'];
    registry = HostedRegistry.at(host(), {
      pushCredential: SecretSource.existing('registry-push', '.dockerconfigjson'),
      pullCredentials: [SecretSource.existing('registry-pull', '.dockerconfigjson')],
      certificateAuthority: authority,
    });
    await ensureImages(testNode().registry, [
      { reference: AGENT, recipe: agent },
      { reference: BUILDER, recipe: onDebian(await builderFiles(folder), {}) },
      { reference: SKOPEO, recipe: 'buildah' },
      { reference: 'docker.io/library/registry:2.8.3', recipe: 'registry' },
    ]);
    server = registryServer(certificate, await passwords());
    for (const object of server) await api.apply(object);
    const made = await manifests(folder, registry);
    ({ objects, nodeFiles } = made);
    for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
    for (const [name, account] of [
      ['registry-push', PUSH],
      ['registry-pull', PULL],
    ] as const) {
      await api.apply(dockerSecret(NAMESPACE, name, account));
    }
    await waitFor(async () => (await ask(authority, '/v2/')).status === 401, {
      timeout: 90_000,
      describe: () => run('-n', REGISTRY_NAMESPACE, 'describe', 'pods').catch(String),
    });
  });
  afterAll(async () => {
    for (const name of await readdir(testNode().certificates)) {
      if (name !== '_default') await rm(join(testNode().certificates, name), { recursive: true });
    }
    for (const namespace of namespaces) await api.delete(`/api/v1/namespaces/${namespace}`);
    await removeObjects(api, [...server, ...objects]);
    await rm(folder, { recursive: true });
  });

  /** Asks the registry, by its own certificate, with an account or without. */
  const ask = (ca: string, path: string, account?: Account): Promise<{ status: number; digest: unknown }> =>
    new Promise((resolve, reject) => {
      const headers = { accept: 'application/vnd.docker.distribution.manifest.v2+json' };
      const auth = account && { auth: `${account.user}:${account.password}` };
      const asked = request(`https://${host()}${path}`, { ca, headers, ...auth }, (response) => {
        response.resume();
        const { statusCode = 0, headers: answered } = response;
        resolve({ status: statusCode, digest: answered['docker-content-digest'] });
      });
      asked.on('error', (error: NodeJS.ErrnoException) =>
        error.code === 'ECONNREFUSED' ? resolve({ status: 0, digest: undefined }) : reject(error),
      );
      asked.end();
    });

  /** Builds a commit as the controller will, with an account that pushes, and waits for the end of the Job. */
  const build = async (
    commit: string,
    account: Account,
    change = (object: KubernetesObject): KubernetesObject => object,
  ): Promise<{ succeeded: boolean; log: string; namespace: string }> => {
    const namespace = `gw-hosted-${commit.slice(0, 4)}`;
    namespaces.push(namespace);
    const [image] = configurationIn(objects).images;
    const [accounts] = image?.registryAccounts ?? [];
    if (image === undefined || accounts === undefined) throw new Error('no accounts are asked for');
    const { value } = registryAccountsValue(accounts, [dockerConfig(PULL)]);
    const copies = [
      ...image.copySecrets.map(({ secretName }) => dockerSecret(namespace, secretName, account)),
      secret(namespace, accounts.secretName, { [accounts.key]: value }),
    ];
    const result = await imageBuild(api, image, { namespace, commit }, copies, change);
    return { ...result, namespace };
  };

  /** Why a container does not run; undefined where it does. */
  const waitsFor = async (pod: string): Promise<string | undefined> => {
    const { items } = await api.get<{ items: Pod[] }>(
      `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=${encodeURIComponent(pod)}`,
    );
    const [status] = items[0]?.status.containerStatuses ?? [];
    return status?.state.running === undefined
      ? (status?.state.waiting?.message ?? 'nothing is known')
      : undefined;
  };
  const BUILD = 'keelson.dev/stage=build';

  test('the registry refuses who has no account, and its certificate is not publicly trusted', async () => {
    expect((await ask(authority, '/v2/')).status).toBe(401);
    expect((await ask(authority, '/v2/', PULL)).status).toBe(200);
    expect((await ask(authority, '/v2/', { ...PULL, password: 'other' })).status).toBe(401);
    await expect(
      new Promise((resolve, reject) => {
        request(`https://${host()}/v2/`, resolve).on('error', reject).end();
      }),
    ).rejects.toThrow(/certificate/);
  });

  test('skopeo pushes what a build left with the account that pushes; the build itself can read only the other', async () => {
    const { succeeded, log, namespace } = await build('a'.repeat(40), PUSH);
    expect(succeeded, log).toBe(true);
    expect(log).toMatch(/^0$/m);
    // The search finds what is there, so that what it does not find is not.
    expect(log).toContain('found the pull account');
    expect(log).not.toContain('found the push account');
    const { items } = await api.get<{ items: Pod[] }>(`/api/v1/namespaces/${namespace}/pods`);
    const spec = items[0]?.spec;
    const volume = spec?.volumes.find(({ secret }) => secret?.secretName === 'registry-push')?.name ?? 'none';
    const mounting = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].filter((container) =>
      JSON.stringify([container.volumeMounts, container.env]).match(`"${volume}"|registry-push`),
    );
    expect(mounting.map(({ name }) => name)).toEqual(['push']);
  });

  test('both names of the image have one digest', async () => {
    const [main, commit] = await Promise.all(
      ['main', `main-${'a'.repeat(40)}`].map((tag) =>
        ask(authority, `/v2/${REPOSITORY}/manifests/${tag}`, PULL),
      ),
    );
    expect(main).toEqual({ status: 200, digest: expect.stringMatching(/^sha256:/) });
    expect(commit).toEqual(main);
  });

  describe('a copy of the tested image', () => {
    const RELEASE = `${NAMESPACE}-release`;
    const copy = async (id: string): Promise<{ succeeded: boolean; log: string }> => {
      const [job] = configurationIn(objects).releases[0]?.jobs ?? [];
      const { digest } = await ask(authority, `/v2/${REPOSITORY}/manifests/main`, PULL);
      const values = commitOn('main', { digest: String(digest), id });
      for (const object of fillTemplate(job?.jobTemplate ?? [], values))
        await api.apply(object as KubernetesObject);
      return jobEnd(api, RELEASE, `copy-${id}`);
    };

    test('is skipped where its accounts are missing, without another try', async () => {
      const { succeeded, log } = await copy('without');
      expect(succeeded).toBe(false);
      expect(log).toContain('no account: /keelson/pull/config.json is missing');
      expect((await run('-n', RELEASE, 'get', 'pods', '-o', 'name')).trim().split('\n')).toHaveLength(1);
    });

    test('has the digest that was tested, under the name of the version', async () => {
      await api.apply(dockerSecret(RELEASE, 'registry-pull', PULL));
      await api.apply(dockerSecret(RELEASE, 'registry-push', PUSH));
      const { succeeded, log } = await copy('with');
      expect(succeeded, log).toBe(true);
      const tested = await ask(authority, `/v2/${REPOSITORY}/manifests/main`, PULL);
      expect(await ask(authority, '/v2/team/released/manifests/0.1.0', PULL)).toEqual(tested);
    });
  });

  test('a push with a wrong password is refused', async () => {
    const { succeeded, log } = await build('b'.repeat(40), { ...PUSH, password: 'other' });
    expect(succeeded).toBe(false);
    expect(log).toContain('built');
    expect(log).toMatch(/unauthorized|authentication required/);
    expect((await ask(authority, `/v2/${REPOSITORY}/manifests/main-${'b'.repeat(40)}`, PULL)).status).toBe(
      404,
    );
  });

  test('a push to a registry that another authority vouches for is refused', async () => {
    const [other] = await certificates(['other.example.com']);
    const { succeeded, log } = await build('c'.repeat(40), PUSH, (object) =>
      object.metadata.name === 'registry-ca' ? { ...object, data: { 'ca.crt': other?.['ca.crt'] } } : object,
    );
    expect(succeeded).toBe(false);
    expect(log).toMatch(/x509: certificate signed by unknown authority/);
  });

  test('a node without the files for nodes can not pull the image', async () => {
    await waitFor(async () => (await waitsFor(BUILD))?.includes('pull'), {
      describe: () => run('-n', NAMESPACE, 'describe', 'pods').catch(String),
    });
  });

  test('with them the kubelet pulls it with the accounts of the registry, and it runs', async () => {
    const written = await readdir(nodeFiles);
    for (const one of written) {
      await cp(join(nodeFiles, one, 'certs.d'), testNode().certificates, { recursive: true });
    }
    await run('-n', NAMESPACE, 'delete', 'pods', '-l', BUILD, '--wait=false');
    await waitFor(async () => (await waitsFor(BUILD)) === undefined, {
      timeout: 100_000,
      describe: () => run('-n', NAMESPACE, 'describe', 'pods').catch(String),
    });
    const { digest } = await ask(authority, `/v2/${REPOSITORY}/manifests/main`, PULL);
    const pods = await run('-n', NAMESPACE, 'get', 'pods', '-l', BUILD, '-o', 'json');
    expect(pods).toContain(`${host()}/${REPOSITORY}@${digest}`);
  });

  test('without an account, or with a wrong one, the kubelet does not pull it', async () => {
    await api.apply(dockerSecret(NAMESPACE, 'wrong', { ...PULL, password: 'other' }));
    for (const [name, imagePullSecrets] of [
      ['without', []],
      ['wrong', [{ name: 'wrong' }]],
    ] as const) {
      await api.apply({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: NAMESPACE, labels: { trial: name } },
        spec: {
          imagePullSecrets,
          automountServiceAccountToken: false,
          containers: [
            {
              name: 'x',
              image: `${host()}/${REPOSITORY}:main`,
              imagePullPolicy: 'Always',
              command: ['sleep', '60'],
            },
          ],
        },
      });
      await waitFor(
        async () => /40[13]|authoriz|credentials/i.test((await waitsFor(`trial=${name}`)) ?? ''),
        {
          describe: () => run('-n', NAMESPACE, 'describe', 'pod', name).catch(String),
        },
      );
    }
  });
});

interface Pod {
  readonly spec: {
    readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
    readonly initContainers?: readonly PodContainer[];
    readonly containers: readonly PodContainer[];
  };
  readonly status: {
    readonly containerStatuses?: readonly {
      readonly state: { readonly running?: object; readonly waiting?: { readonly message?: string } };
    }[];
  };
}

interface PodContainer {
  readonly name: string;
  readonly env?: unknown;
  readonly volumeMounts?: unknown;
}

/** The agent's program is not part of this: `source` fetches nothing, and the gate is only there. */
const agent = onDebian(
  {
    'agent.sh': {
      text: '#!/bin/sh\n[ "$1" = source ] && exit 0\ntrap "exit 0" TERM\nsleep 2147483647 &\nwait\n',
      mode: 0o755,
    },
  },
  { Entrypoint: ['/agent.sh'] },
);

/** A builder of somebody's own, whose container does what it likes as root: here it looks for accounts. */
class SearchingBuilder extends ImageBuilder {
  constructor(scope: Construct, id: string, props: ImageBuilderProps) {
    super(scope, id, props, {
      title: 'Searching',
      defaultImage: BUILDER,
      podSecurity: PodSecurity.baseline('it runs as root'),
      pushes: 'never',
      steps: ({ image, output, mounts, accounts }) => {
        const archive = 'archive' in output ? output.archive : '';
        const secretName = accounts?.secretName ?? '';
        return {
          container: {
            name: 'build',
            image: image.toString(),
            command: ['/build.sh', archive],
            resources: {
              requests: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
              limits: { cpu: '1', memory: '256Mi', 'ephemeral-storage': '1Gi' },
            },
            volumeMounts: [...mounts, { name: 'accounts', mountPath: '/accounts', readOnly: true }],
          },
          volumes: [{ name: 'accounts', secret: { secretName, defaultMode: 0o400 } }],
        };
      },
    });
  }
}

async function manifests(
  folder: string,
  registry: HostedRegistry,
): Promise<{ objects: KubernetesObject[]; nodeFiles: string }> {
  const app = new KeelsonApp({ outdir: join(folder, 'manifests'), nodeSetupOutdir: join(folder, 'nodes') });
  const platform = Platform.existing({
    name: 'shared',
    registry: MicroK8sRegistry.existing({ nodeAddress: testNode().address }),
    keel: Keel.existing({ namespace: 'keel', serviceAccountName: 'keel' }),
    agentImage: ImageName.parse(AGENT),
  });
  const source = GitSource.remote('https://git.example.com/team/app.git', { branch: 'main' });
  const pipeline = new Pipeline(app, NAMESPACE, { platform, source });
  const image = new SearchingBuilder(pipeline, 'image', {
    target: registry.image(REPOSITORY),
    pullCredentials: registry.pullCredentials,
    pushImage: ImageName.parse(SKOPEO),
  });
  const build = new KeelWatchedBuild(pipeline, 'build', {
    image,
    command: ['true'],
    volume: false,
    resources: {
      cpu: { request: Cpu.millis(50), limit: Cpu.millis(500) },
      memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
    },
    podSecurity: PodSecurity.baseline('the image runs as root'),
  });
  const release = new Release(pipeline, 'release', { after: build });
  new ImageCopy(release, 'copy', {
    to: registry.image('team/released', { tag: Tag.version() }),
    image: ImageName.parse(SKOPEO),
  });
  const { nodeSetupOutdir = '' } = app.synth();
  return { objects: await readKustomization(join(folder, 'manifests')), nodeFiles: nodeSetupOutdir };
}

/** The build's program, what it looks for, and an archive such as Makisu leaves: docker's format, compressed. */
async function builderFiles(folder: string): Promise<Parameters<typeof onDebian>[0]> {
  const [layer] = await recipes.busybox.layers();
  if (layer === undefined) throw new Error('no layer');
  const files = join(folder, 'archive');
  await command('mkdir', [files]);
  await cp(layer.path, join(files, 'layer.tar'));
  const config = {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [`${REPOSITORY}:main`], Layers: ['layer.tar'] }];
  await writeFile(join(files, 'config.json'), JSON.stringify(config));
  await writeFile(join(files, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(folder, 'image.tar.gz');
  await command('tar', ['--create', '--gzip', '--file', archive, '--directory', files, '.']);
  const needles = ({ user, password }: Account): { text: string; mode: number } => ({
    text: `${password}\n${Buffer.from(`${user}:${password}`).toString('base64')}\n`,
    mode: 0o644,
  });
  return {
    'build.sh': { text: buildScript, mode: 0o755 },
    'image.tar.gz': { copy: archive, mode: 0o644 },
    'needles/push': needles(PUSH),
    'needles/pull': needles(PULL),
  };
}

/** The registry's file of accounts; it takes bcrypt and nothing else, which the C library of Debian makes. */
async function passwords(): Promise<string> {
  const script = 'print crypt($ARGV[0], q($2y$05$abcdefghijklmnopqrstuu))';
  const lines: string[] = [];
  for (const { user, password } of [PUSH, PULL]) {
    lines.push(`${user}:${await command('perl', ['-e', script, password])}\n`);
  }
  return lines.join('');
}

function secret(
  namespace: string,
  name: string,
  stringData: Record<string, string>,
  type = 'Opaque',
): KubernetesObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type, stringData };
}

function dockerConfig({ user, password }: Account): string {
  const auth = Buffer.from(`${user}:${password}`).toString('base64');
  return JSON.stringify({ auths: { [`${testNode().address}:${PORT}`]: { auth } } });
}

/** What `kubectl create secret docker-registry` makes. */
function dockerSecret(namespace: string, name: string, account: Account): KubernetesObject {
  const data = { '.dockerconfigjson': dockerConfig(account) };
  return secret(namespace, name, data, 'kubernetes.io/dockerconfigjson');
}

/** The registry: its certificate, its accounts, its pod and its port on the node. */
function registryServer(certificate: Record<string, string>, htpasswd: string): KubernetesObject[] {
  const metadata = { name: 'registry', namespace: REGISTRY_NAMESPACE };
  const labels = { app: 'hosted-registry' };
  const env = {
    REGISTRY_HTTP_ADDR: ':5000',
    REGISTRY_HTTP_TLS_CERTIFICATE: '/files/tls.crt',
    REGISTRY_HTTP_TLS_KEY: '/files/tls.key',
    REGISTRY_AUTH: 'htpasswd',
    REGISTRY_AUTH_HTPASSWD_REALM: 'test',
    REGISTRY_AUTH_HTPASSWD_PATH: '/files/htpasswd',
  };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: REGISTRY_NAMESPACE } },
    secret(REGISTRY_NAMESPACE, 'registry', { ...certificate, htpasswd }),
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, labels },
      spec: {
        automountServiceAccountToken: false,
        containers: [
          {
            name: 'registry',
            image: 'docker.io/library/registry:2.8.3',
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
            volumeMounts: [
              { name: 'files', mountPath: '/files' },
              { name: 'data', mountPath: '/var/lib/registry' },
            ],
          },
        ],
        volumes: [
          { name: 'files', secret: { secretName: 'registry' } },
          { name: 'data', emptyDir: {} },
        ],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { type: 'NodePort', selector: labels, ports: [{ port: 5000, nodePort: PORT, protocol: 'TCP' }] },
    },
  ];
}
