// The programs whose whole output tests look at: the reference pipeline in its variants, and what it does not use.
import { Chart, Duration, Size } from 'cdk8s';
import {
  BaseImage,
  BuildahBuilder,
  BuildJob,
  BuildKitBuilder,
  CommitStatuses,
  type Destination,
  GeneratedSecret,
  GitCredential,
  GitSource,
  GpuBuildNode,
  GpuSharing,
  Gpus,
  HostedRegistry,
  ImageCopy,
  ImageName,
  KanikoBuilder,
  KeelPolicy,
  type KeelsonAppProps,
  KeelTrigger,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  MinioService,
  NvidiaDevicePlugin,
  Pipeline,
  Platform,
  PodSecurity,
  RabbitService,
  Release,
  type SealedSecretScope,
  SecretSource,
  Tag,
} from 'keelson';
import { CERTIFICATE } from './certificate.ts';
import { gitops } from './gitops.ts';
import { privateRegistry } from './private-registry.ts';
import { referenceProgram } from './programs.ts';
import { likeSealed } from './sealing.ts';
import { type Build, type Synthesized, synthesized } from './synthesized.ts';

/** A private repository, its own registry, credentials, a GPU to share, two pipelines, several branches, GitOps. */
const everything: Build = (app) => {
  const registry = new MicroK8sRegistry(new Chart(app, 'images'), 'registry', {
    nodeAddress: '10.0.0.7',
    storage: Size.gibibytes(40),
    garbageCollection: {},
  });
  const platform = new Platform(app, 'platform', {
    registry,
    apiServer: ['10.0.0.1/32'],
    controller: { replicas: 2 },
  });
  const credential = GitCredential.token(SecretSource.existing('git', 'token'));
  const source = GitSource.remote('https://git.example.com/team/private.git', {
    branches: ['main', 'dev'],
    credential,
  });
  const one = new Pipeline(app, 'one', { platform, source });
  const image = new MakisuBuilder(one, 'image', {
    target: registry.image('team/one', { tag: Tag.branch() }),
    registryConfig: SecretSource.existing('registry-account', 'registry.yaml'),
    buildArgs: { VERSION: '1' },
    targetStage: 'test',
    context: 'src',
  });
  new KeelWatchedBuild(one, 'build', {
    image,
    command: ['make', 'test'],
    services: new MinioRabbitTestStack(one, 'services'),
    node: new GpuBuildNode(one, 'gpu', { gpus: Gpus.shared(), runtimeHandler: 'nvidia' }),
    podSecurity: PodSecurity.baseline('it runs as root'),
    env: {
      LEVEL: 'debug',
      KEY: SecretSource.generated(),
      URL: SecretSource.existing('urls', 'a', { optional: true }),
    },
    envFrom: [{ configMap: 'settings' }, { secret: 'more' }],
    secretFiles: {
      '/keys/a': SecretSource.existing('keys', 'a'),
      '/keys/b': SecretSource.existing('keys', 'b'),
    },
    volume: { mountPath: '/data', storageClassName: 'nfs-client', accessMode: 'ReadWriteMany' },
  });
  const two = new Pipeline(app, 'two', { platform });
  new KeelWatchedBuild(two, 'build', {
    image: ImageName.parse('quay.io/team/two:1.2.3'),
    command: ['./run'],
    policy: KeelPolicy.semver('minor'),
    volume: false,
  });
  gitops(app);
};

/** A checkout on a disk in the place of a repository. */
const directory =
  (onNode: boolean): Build =>
  (app) => {
    const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' });
    const platform = new Platform(app, 'platform', { registry });
    const source = GitSource.local('/home/me/project', onNode ? { nodeName: 'laptop' } : {});
    const pipeline = new Pipeline(app, 'local', { platform, source });
    const image = new MakisuBuilder(pipeline, 'image', { target: registry.image('me/project') });
    new KeelWatchedBuild(pipeline, 'build', { image, command: ['make'] });
  };

/** Two kinds of GPU nodes, divided by time and into partitions, with a build for each and one that needs none. */
const dividedGpus: Build = (app) => {
  const platform = new Platform(app, 'platform', {
    registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' }),
  });
  const slices = new NvidiaDevicePlugin(platform, 'slices', {
    nodeSelector: { 'gpu-pool': 'slices' },
    sharing: GpuSharing.timeSlicing({ replicas: 4 }),
    runtimeHandler: 'nvidia',
  });
  const partitions = new NvidiaDevicePlugin(platform, 'partitions', {
    namespace: 'nvidia-device-plugin-mig',
    nodeSelector: { 'gpu-pool': 'partitions' },
    mig: 'mixed',
    sharing: GpuSharing.timeSlicing({ migReplicas: { '1g.5gb+me': 2 } }),
    deviceListStrategy: 'volume-mounts',
  });
  const builds: [string, Gpus, NvidiaDevicePlugin][] = [
    ['share', Gpus.shared(), slices],
    ['partition', Gpus.mig('1g.5gb'), partitions],
    ['part-share', Gpus.sharedMig('1g.5gb+me'), partitions],
  ];
  for (const [id, gpus, devicePlugin] of builds) {
    const pipeline = new Pipeline(app, id, { platform });
    new KeelWatchedBuild(pipeline, 'build', {
      image: ImageName.parse(`quay.io/team/${id}:main`),
      command: ['./run'],
      node: new GpuBuildNode(pipeline, 'gpu', { gpus, devicePlugin }),
      volume: false,
    });
  }
  const source = GitSource.remote('https://git.example.com/team/cpu.git', { branch: 'main' });
  const cpu = new Pipeline(app, 'cpu', { platform, source });
  new KeelWatchedBuild(cpu, 'build', {
    image: new MakisuBuilder(cpu, 'image', {
      target: platform.registry.image('team/cpu', { tag: Tag.branch() }),
    }),
    command: ['./run'],
    node: new GpuBuildNode(cpu, 'gpu', { gpus: Gpus.none() }),
  });
};

/** A build that runs once, services that other pods use, and services for a developer alone. */
const otherKinds: Build = (app) => {
  const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' });
  const platform = new Platform(app, 'platform', { registry, keel: false });
  const source = GitSource.remote('https://git.example.com/team/project.git', { branch: 'main' });
  const once = new Pipeline(app, 'once', { platform, source });
  new BuildJob(once, 'build', {
    image: new MakisuBuilder(once, 'image', { target: registry.image('team/once', { tag: Tag.branch() }) }),
    command: ['make', 'test'],
    services: new MinioRabbitTestStack(once, 'services'),
    retries: 4,
    ttlAfterFinished: Duration.days(1),
    env: { KEY: SecretSource.generated() },
    podSecurity: PodSecurity.baseline('it runs as root'),
  });
  const alone = new Pipeline(app, 'alone', { platform });
  new MinioRabbitTestStack(alone, 'services', {
    minio: { clients: [{ namespaceSelector: { matchLabels: { team: 'dev' } } }] },
  });
};

/** Registries that tell Keel of a push, a git server that tells the controller, accounts that images are pulled with, a pipeline of another program. */
const webhooks: Build = (app) => {
  const credentials = {
    user: SecretSource.existing('webhook', 'user'),
    password: SecretSource.existing('webhook', 'password'),
  };
  const ingressController = { namespace: 'ingress', labels: { name: 'nginx-ingress-microk8s' } };
  const elsewhere = KeelTrigger.webhook({
    from: 'harbor',
    host: 'keel-elsewhere.example.com',
    ingressController: { cidrs: ['192.168.1.10/32'] },
    credentials,
    poll: Duration.hours(1),
  });
  const certificateAuthority = CERTIFICATE;
  const platform = new Platform(app, 'platform', {
    registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' }),
    controller: {
      webhooks: {
        host: 'ci.example.com',
        tlsSecretName: 'ci-tls',
        ingressClassName: 'public',
        annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt' },
        ingressController,
      },
    },
    keel: {
      namespaces: [
        'listed',
        {
          namespace: 'elsewhere',
          trigger: elsewhere,
          registry: { insecure: false, destinations: [], certificateAuthority },
        },
      ],
    },
  });
  const source = GitSource.remote('https://git.example.com/team/polled.git', {
    branch: 'main',
    webhook: { secret: SecretSource.generated() },
    statuses: CommitStatuses.gitlab({ token: SecretSource.existing('statuses', 'token') }),
  });
  const polled = new Pipeline(app, 'polled', { platform, source });
  const image = new MakisuBuilder(polled, 'image', { target: platform.registry.image('team/polled') });
  new KeelWatchedBuild(polled, 'build', { image, command: ['./run'] });
  const told = new Pipeline(app, 'told', { platform });
  new KeelWatchedBuild(told, 'build', {
    image: ImageName.parse('quay.io/team/told:main'),
    command: ['./run'],
    trigger: KeelTrigger.webhook({
      from: 'quay',
      host: 'keel-told.example.com',
      tlsSecretName: 'keel-told-tls',
      ingressClassName: 'public',
      annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt' },
      ingressController,
      credentials,
    }),
    imagePullSecrets: [SecretSource.existing('quay-account', '.dockerconfigjson')],
  });
};

/** Builds that hand over: with all that a listener has to be given, and with a tag that changes. */
const handOver: Build = (app) => {
  const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' });
  const platform = new Platform(app, 'platform', { registry, keel: false, handOver: true });
  const source = GitSource.remote('https://git.example.com/team/project.git', { branch: 'main' });
  const one = new Pipeline(app, 'one', { platform, source });
  const keys = new GeneratedSecret(one, 'keys', { keys: { a: { privateKey: { type: 'ed25519' } } } });
  new KeelWatchedBuild(one, 'build', {
    image: new MakisuBuilder(one, 'image', {
      target: registry.image('team/one', { tag: Tag.branch() }),
      registryConfig: SecretSource.literal('{}', { allowPlaintext: 'for the image build alone' }),
    }),
    command: ['make', 'test'],
    services: new MinioRabbitTestStack(one, 'services'),
    node: new GpuBuildNode(one, 'gpu', { gpus: Gpus.whole(1), runtimeHandler: 'nvidia' }),
    podSecurity: PodSecurity.baseline('it runs as root'),
    env: {
      OWN: SecretSource.generated(),
      PLAIN: SecretSource.literal(LISTENER_LITERAL, { allowPlaintext: 'test only' }),
    },
    envFrom: [{ configMap: 'settings' }, { secret: 'more' }],
    secretFiles: { '/keys/a': keys.source('a'), '/keys/b': SecretSource.existing('two', 'b') },
    imagePullSecrets: [SecretSource.existing('account', '.dockerconfigjson')],
    handOver: true,
  });
  const two = new Pipeline(app, 'two', { platform });
  new KeelWatchedBuild(two, 'check', {
    image: ImageName.parse('quay.io/team/two:1.0.0'),
    command: ['./run'],
    policy: KeelPolicy.regexp('^1\\.'),
    trigger: KeelTrigger.poll(Duration.seconds(30)),
    volume: false,
    handOver: {
      afterwards: 'selfDestruct',
      maxNamespaces: 2,
      timeout: Duration.minutes(1),
      keel: { pollInterval: Duration.minutes(3) },
    },
  });
};

/** Every way in which a value comes into a cluster, and a platform that reaches nothing but what it names. */
const secretsWithoutInternet: Build = (app) => {
  const platform = new Platform(app, 'platform', {
    registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' }),
    apiServer: ['10.0.0.1/32'],
    egress: ['10.9.0.0/16', 'fd00:9::/64', gitServer],
  });
  const external = (key: string, name?: string): SecretSource =>
    SecretSource.externalSecret({
      store: { name: 'vault', kind: 'ClusterSecretStore' },
      remoteKey: 'ci/all',
      property: key,
      version: '2',
      refreshInterval: Duration.minutes(10),
      ...(name !== undefined && { name, key }),
    });
  const sealed = (key: string, scope?: SealedSecretScope): SecretSource =>
    SecretSource.sealed({
      name: scope ?? 'sealed',
      key,
      encryptedValue: likeSealed(key.length),
      ...(scope !== undefined && { scope }),
    });
  const ci = new Pipeline(app, 'ci', {
    platform,
    source: GitSource.remote('https://git.example.com/team/private.git', {
      branch: 'main',
      credential: GitCredential.token(external('token')),
    }),
  });
  const image = new MakisuBuilder(ci, 'image', {
    target: platform.registry.image('team/app', { tag: Tag.branch() }),
    registryConfig: sealed('registry.yaml'),
  });
  new KeelWatchedBuild(ci, 'build', {
    image,
    command: ['make'],
    services: [
      new RabbitService(ci, 'rabbitmq'),
      new MinioService(ci, 'minio', { credentials: { user: sealed('user'), password: sealed('pass') } }),
    ],
    env: {
      A: external('a', 'shared'),
      B: external('bb', 'shared'),
      C: sealed('c', 'namespace-wide'),
      D: sealed('d', 'cluster-wide'),
      E: SecretSource.generated({ privateKey: { type: 'ed25519' } }),
      F: SecretSource.literal('guest', { allowPlaintext: 'the well-known user of a test' }),
    },
    envFrom: [{ secret: 'more' }],
    secretFiles: {
      '/keys/a': external('file'),
      '/keys/b': SecretSource.existing('keys', 'b', { optional: true }),
    },
  });
};

/** A git server that runs in the cluster. */
const gitServer: Destination = {
  peers: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'git' } },
      podSelector: { matchLabels: { app: 'git' } },
    },
  ],
  ports: [3000],
};

const account = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');

/** A pipeline whose image, and whose private base image, are in a registry with accounts. */
const hostedIn =
  (registry: HostedRegistry): Build =>
  (app) => {
    const platform = new Platform(app, 'platform', { registry });
    const source = GitSource.remote('https://git.example.com/team/hosted.git', { branch: 'main' });
    const pipeline = new Pipeline(app, 'hosted', { platform, source });
    const image = new MakisuBuilder(pipeline, 'image', {
      target: registry.image('team/build'),
      pullCredentials: registry.pullCredentials,
    });
    const services = new MinioRabbitTestStack(pipeline, 'services');
    new KeelWatchedBuild(pipeline, 'build', { image, services, command: ['./run'] });
  };

const ownRegistry = HostedRegistry.at('registry.example.com:5000', {
  pushCredential: account('push'),
  pullCredentials: [account('pull'), account('mirror')],
  certificateAuthority: CERTIFICATE,
  addresses: ['10.1.0.0/24'],
});
const dockerHub = HostedRegistry.dockerHub({
  pushCredential: account('push'),
  pullCredentials: [account('pull')],
});

/** BuildKit with certificates and a volume, and each other builder with and without an account. */
const imageBuilders: Build = (app) => {
  const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7', garbageCollection: {} });
  const hosted = privateRegistry();
  const platform = new Platform(app, 'platform', {
    registry,
    buildkit: {
      registries: [hosted],
      mirrors: { 'docker.io': ['mirror.example.com'] },
      tls: { serverSecret: 'buildkit-server', clientSecret: 'buildkit-client' },
      persistent: true,
      confinement: { appArmor: 'buildkit' },
    },
  });
  const source = GitSource.remote('https://git.example.com/team/app.git', { branch: 'main' });
  const ci = new Pipeline(app, 'images', { platform, source });
  const pullCredentials = [account('readers')];
  const first = new BuildKitBuilder(ci, 'buildkit', {
    target: registry.image('team/a'),
    platforms: ['linux/amd64', 'linux/arm64'],
    sbom: true,
    provenance: 'max',
    frontend: 'builtin',
    labels: { 'com.example.team': 'ci' },
  });
  new BuildKitBuilder(ci, 'buildkit-hosted', { target: hosted.image('team/a'), pullCredentials });
  new KanikoBuilder(ci, 'kaniko', { target: registry.image('team/b'), targetStage: 'test' });
  new KanikoBuilder(ci, 'kaniko-hosted', { target: hosted.image('team/b'), pullCredentials });
  new BuildahBuilder(ci, 'buildah', { target: registry.image('team/c'), storageDriver: 'vfs' });
  new BuildahBuilder(ci, 'buildah-hosted', { target: hosted.image('team/c'), pullCredentials });
  new KeelWatchedBuild(ci, 'build', {
    image: first,
    command: ['make', 'test'],
    services: new MinioRabbitTestStack(ci, 'services'),
  });
};

/** Base images by two builders, and a release with everything: GitHub, an image, copies to two registries. */
const released: Build = (app) => {
  const registry = MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' });
  const platform = new Platform(app, 'platform', { registry, buildkit: {} });
  const source = GitSource.remote('https://git.example.com/team/released.git', { branch: 'main' });
  const ci = new Pipeline(app, 'released', { platform, source });
  const tools = new BaseImage(ci, 'tools', { repository: 'team/tools', version: '3' });
  const base = new BaseImage(ci, 'base', {
    repository: 'team/base',
    version: '1.0.0',
    builder: BuildKitBuilder,
    baseImages: { TOOLS: tools },
  });
  const image = new BuildKitBuilder(ci, 'image', {
    target: registry.image('team/app'),
    baseImages: { BASE: base, OTHER: ImageName.parse('quay.io/team/other:1') },
  });
  const build = new KeelWatchedBuild(ci, 'build', { image, command: ['make', 'test'] });
  const release = new Release(ci, 'release', {
    after: build,
    assets: ['bin/*'],
    github: { repository: 'team/released', token: SecretSource.existing('github', 'token') },
  });
  const tag = Tag.version();
  new KanikoBuilder(release, 'stock', { target: dockerHub.image('team/stock', { tag }) });
  new ImageCopy(release, 'hub', { to: dockerHub.image('team/app', { tag }) });
  new ImageCopy(release, 'own', { to: ownRegistry.image('team/app', { tag }) });
  const untested = new Release(ci, 'untested', { after: image, namespace: 'untested-release' });
  new ImageCopy(untested, 'nightly', { to: dockerHub.image('team/nightly', { tag }) });
};

/** A value that may stand in its own Secret, and in no template. */
export const LISTENER_LITERAL = 'plain-value-of-a-listener';

/** A program, and the props of its app. */
export interface Variant {
  readonly build: Build;
  readonly props?: KeelsonAppProps;
}

/** Each variant by what is different in it. */
export const programs: ReadonlyMap<string, Variant> = new Map<string, Variant>([
  ['the reference pipeline', { build: referenceProgram() }],
  ['the reference pipeline with a GPU', { build: referenceProgram({ NVIDIA_VISIBLE_DEVICES: 'all' }) }],
  [
    'the reference pipeline with an account for its registry',
    { build: referenceProgram({ Registry: 'anything' }) },
  ],
  ['a program that uses everything', { build: everything }],
  ['a directory on a node', { build: directory(true) }],
  ['a directory that is streamed', { build: directory(false) }],
  ['GPUs that are divided', { build: dividedGpus }],
  ['a build that runs once, and services alone', { build: otherKinds }],
  ['builds that hand over', { build: handOver }],
  ['builds that are told by webhooks', { build: webhooks }],
  ['every kind of secret, without internet', { build: secretsWithoutInternet }],
  [
    'the reference pipeline with its images from a mirror',
    { build: referenceProgram(), props: { imageRegistry: 'mirror.example.com:5000/ci' } },
  ],
  ['a program with every image builder', { build: imageBuilders }],
  ['images in a registry with a private authority', { build: hostedIn(ownRegistry) }],
  ['base images, and a release with copies', { build: released }],
  ['images on Docker Hub', { build: hostedIn(dockerHub) }],
]);

/** The same, synthesized. */
export const variants: ReadonlyMap<string, () => Synthesized> = new Map(
  [...programs].map(([name, { build, props }]) => [name, () => synthesized(build, props)]),
);
