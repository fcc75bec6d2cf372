import fc from 'fast-check';
import {
  BaseImage,
  BuildahBuilder,
  BuildKitBuilder,
  BuildKitDaemon,
  branchTag,
  HostedRegistry,
  type ImageBuilder,
  ImageName,
  ImageTarget,
  KanikoBuilder,
  MakisuBuilder,
  RedisLayerCache,
  SecretSource,
  Tag,
} from 'keelson';
import { hostileBranches } from '../../support/commits.ts';
import { registry } from '../../support/programs.ts';
import { byName, call, fields, list, one, only, plain, type Values } from '../value.ts';
import {
  as,
  cidrs,
  dnsLabel,
  dockerConfig,
  egress,
  existingSecret,
  type Factories,
  flag,
  freshName,
  image,
  mebibytes,
  type Recipe,
  type Recipes,
  resources,
  seconds,
  secret,
  storage,
  storageClassName,
} from './recipe.ts';

const text = (...texts: string[]): Values<string> => one(...texts);
const tag: Values<Tag> = fc.oneof(
  only('Tag.branch()', () => Tag.branch()),
  call('Tag.named', (name: string) => Tag.named(name), text('latest', '1.2.3', '_x')),
);

const accounts: Readonly<Record<string, Values>> = {
  // What pushes may not pull for RUN steps.
  pushCredential: only('push', () => SecretSource.existing('push-only', '.dockerconfigjson')),
  pullCredentials: list(dockerConfig),
};
const hosted = (name: 'quay' | 'dockerHub' | 'gitHub'): Values =>
  call(
    `HostedRegistry.${name}`,
    (given: never) => HostedRegistry[name](given),
    fields(accounts, ['pushCredential']),
  );
const hostedAt: Values = call(
  'HostedRegistry.at',
  (host: string, given: never) => HostedRegistry.at(host, given),
  text('registry.example.com', '10.1.2.3:5000', 'gcr.io:443'),
  fields({ ...accounts, insecure: flag, addresses: cidrs }),
);
// Each in a repository of its own, for two stages of a pipeline may not push one image.
const hostedTarget: Values = call(
  'ImageTarget',
  (of: HostedRegistry, name: string, tag: Tag) => new ImageTarget(of, `team/${name}`, tag),
  fc.oneof(hosted('quay'), hosted('dockerHub'), hosted('gitHub'), hostedAt),
  freshName,
  tag,
);

export const factories: Factories = {
  'HostedRegistry.quay': hosted('quay'),
  'HostedRegistry.dockerHub': hosted('dockerHub'),
  'HostedRegistry.gitHub': hosted('gitHub'),
  'HostedRegistry.at': hostedAt,
  'BuildKitDaemon.existing': call(
    'BuildKitDaemon.existing',
    (namespace: string, clientSecret: string) => BuildKitDaemon.existing({ namespace, clientSecret }),
    plain(dnsLabel),
    plain(dnsLabel),
  ),
  ImageName: call(
    'ImageName',
    (parts: never) => new ImageName(parts),
    fields({ registry: one('quay.io'), repository: one('a/b'), tag: one('x') }, [
      'registry',
      'repository',
      'tag',
    ]),
  ),
  'ImageName.parse': image,
  ImageTarget: call(
    'ImageTarget',
    (repository: string, name: string, of: Tag) => new ImageTarget(registry(), `${repository}${name}`, of),
    text('a/b', 'team/project-x', 'a__b/c.d'),
    freshName,
    tag,
  ),
  branchTag: call('branchTag', (branch: string) => branchTag(branch), one(...hostileBranches)),
  'Tag.branch': only('Tag.branch()', () => Tag.branch()),
  'Tag.commit': only('Tag.commit()', () => Tag.commit()),
  'Tag.version': only('Tag.version()', () => Tag.version()),
  'Tag.named': tag,
  'RedisLayerCache.existing': call(
    'RedisLayerCache.existing',
    (namespace: string) => RedisLayerCache.existing({ namespace }),
    plain(dnsLabel),
  ),
};

/** What every stage of a pipeline may be told about it. */
export const stageProps: Readonly<Record<string, Values>> = {
  namespace: only('pipeline.namespaceName', (world) => world.pipeline.namespaceName),
  platform: only('pipeline.platform', (world) => world.pipeline.platform),
  source: only('pipeline.source', (world) => world.pipeline.source),
};

/** What every image builder is told. */
export const builderProps: Readonly<Record<string, Values>> = {
  ...stageProps,
  target: fc.oneof(factories['ImageTarget'] as Values, hostedTarget),
  dockerfile: text('Dockerfile', 'a/b/Dockerfile.x', '$(KEELSON_GIT_URL)/Dockerfile'),
  context: text('.', 'src', 'a b/ c'),
  targetStage: text('test', 'build-stage'),
  buildArgs: byName(
    fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}[A-Z0-9]X$/),
    text('1', 'a b', '$(HOME)', '名前', '-x'),
  ),
  baseImages: byName(
    fc.constantFrom('BASE_IMAGE', 'OTHER'),
    fc.oneof(
      image,
      only(
        'MakisuBuilder',
        (world) =>
          new MakisuBuilder(world.pipeline, world.next('base'), {
            target: registry().image(`team/${world.next('base')}`, { tag: Tag.named('1') }),
          }),
      ),
    ),
  ),
  onlyIfAbsent: flag,
  labels: byName(fc.constantFrom('team', 'org.example.x', 'a-b'), text('1', 'a b', '$(HOME)', '名前')),
  pullCredentials: list(dockerConfig),
  pushImage: image,
  image,
  resources,
  timeout: seconds(1, 7 * 86_400),
  concurrency: text('queue', 'supersede'),
  maxAttempts: plain(fc.integer({ min: 1, max: 10 })),
};

const { target: _target, onlyIfAbsent: _onlyIfAbsent, ...baseImageProps } = builderProps;

/** An image builder of a pipeline. */
export function builder(
  make: (...args: ConstructorParameters<typeof MakisuBuilder>) => ImageBuilder,
  props: Readonly<Record<string, Values>>,
): Recipe {
  return {
    props: { ...builderProps, ...props },
    required: ['target'],
    make: (world, id, given) => make(world.pipeline, id, as(given)),
  };
}

export const recipes: Recipes = {
  BuildKitBuilder: builder((...args) => new BuildKitBuilder(...args), {
    buildkit: factories['BuildKitDaemon.existing'] as Values,
    registryCache: flag,
    provenance: one<unknown>('min', 'max', false),
    sbom: fc.oneof(flag, image),
    platforms: one<unknown>(['linux/amd64'], ['linux/amd64', 'linux/arm64']),
    frontend: fc.oneof(text('syntax-line', 'builtin'), image),
  }),
  BuildahBuilder: builder((...args) => new BuildahBuilder(...args), {
    storageDriver: text('overlay', 'vfs'),
  }),
  KanikoBuilder: builder((...args) => new KanikoBuilder(...args), { registryCache: flag }),
  BuildKitDaemon: {
    props: {
      namespace: plain(dnsLabel.map((name) => `${name}-buildkit`)),
      storage: mebibytes(1 << 18, 1 << 20),
      // Less than the default storage, too.
      cacheLimit: mebibytes(1, 40 << 10),
      persistent: one(true),
      storageClassName,
      image,
      resources,
      registries: list(
        fc.oneof(
          hostedAt,
          only('MicroK8sRegistry', () => registry()),
        ),
      ),
      mirrors: byName(
        fc.constantFrom('docker.io', 'quay.io'),
        one<unknown>([], ['mirror.example.com:5000/docker']),
      ),
      plainHttp: one<unknown>([], ['mirror.example.com:5000']),
      egress,
      destinations: one<unknown>([], [{ peers: [{ podSelector: {} }], ports: [5000] }]),
      maxParallelism: plain(fc.integer({ min: 1, max: 100 })),
      tls: fields({ serverSecret: plain(dnsLabel), clientSecret: plain(dnsLabel) }, [
        'serverSecret',
        'clientSecret',
      ]),
      confinement: one<unknown>(
        'node-default',
        'unconfined',
        { appArmor: 'buildkit' },
        { seccomp: 'a/b.json' },
      ),
    },
    required: ['persistent'],
    once: true,
    make: (world, id, props) => new BuildKitDaemon(world.chart, id, as(props)),
  },
  BaseImage: {
    props: {
      ...baseImageProps,
      repository: text('team/base', 'a/b-c'),
      version: text('0.0.5', 'v1'),
      registry: hostedAt,
      builder: one<unknown>(BuildKitBuilder, KanikoBuilder, BuildahBuilder),
    },
    required: ['repository', 'version', 'builder'],
    make: (world, id, props) => new BaseImage(world.pipeline, id, as(props)),
  },
  MakisuBuilder: builder(
    // One of the two, which are one configuration.
    (scope, id, given) =>
      new MakisuBuilder(
        scope,
        id,
        given?.registryConfig === undefined ? given : { ...given, pullCredentials: undefined as never },
      ),
    {
      cache: factories['RedisLayerCache.existing'] as Values,
      registryConfig: fc.oneof(existingSecret, secret),
      // Makisu has no option for them.
      labels: one<unknown>({}),
    },
  ),
  RedisLayerCache: {
    props: {
      namespace: plain(dnsLabel),
      storage,
      storageClassName,
      image,
      maxMemory: mebibytes(1, 8192),
      resources,
    },
    once: true,
    make: (world, id, props) => new RedisLayerCache(world.chart, id, as(props)),
  },
};
