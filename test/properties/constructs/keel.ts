import fc from 'fast-check';
import {
  BuildJob,
  GpuBuildNode,
  Gpus,
  ImageName,
  Keel,
  KeelPolicy,
  KeelTrigger,
  KeelWatchedBuild,
  KeelWebhook,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioService,
  SecretSource,
  Tag,
} from 'keelson';
import { registry } from '../../support/programs.ts';
import { byName, call, fields, list, one, only, plain, type Values } from '../value.ts';
import { stageProps } from './image.ts';
import { environmentValue, podSecurity } from './kubernetes.ts';
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
  labels,
  type Recipes,
  resources,
  seconds,
  secret,
  storage,
  storageClassName,
} from './recipe.ts';

const policy: Values = fc.oneof(
  only('KeelPolicy.sameTag()', () => KeelPolicy.sameTag()),
  call(
    'KeelPolicy.semver',
    (scope: 'major', preRelease: boolean) => KeelPolicy.semver(scope, { preRelease }),
    one('major', 'minor', 'patch', 'all'),
    flag,
  ),
);

export const factories: Factories = {
  'Keel.existing': call(
    'Keel.existing',
    (name: string, account: string) => Keel.existing({ namespace: name, serviceAccountName: account }),
    plain(dnsLabel),
    plain(dnsLabel),
  ),
  'Keel.installed': call(
    'Keel.installed',
    (name: string) => Keel.installed({ namespace: name }),
    plain(dnsLabel),
  ),
  'KeelPolicy.sameTag': policy,
  'KeelPolicy.semver': policy,
  'KeelPolicy.glob': call('KeelPolicy.glob', (pattern: string) => KeelPolicy.glob(pattern), one('release-*')),
  'KeelPolicy.regexp': call(
    'KeelPolicy.regexp',
    (pattern: string) => KeelPolicy.regexp(pattern),
    one('^v.*$'),
  ),
  'KeelTrigger.poll': call('KeelTrigger.poll', (every: never) => KeelTrigger.poll(every), seconds(2, 86_400)),
  'KeelTrigger.webhook': only('KeelTrigger.webhook', () =>
    KeelTrigger.webhook({
      from: 'native',
      host: 'keel.example.com',
      ingressController: { namespace: 'ingress' },
      credentials: {
        user: SecretSource.existing('hook', 'user'),
        password: SecretSource.existing('hook', 'pass'),
      },
    }),
  ),
  'KeelTrigger.existingWebhook': only('KeelTrigger.existingWebhook()', () => KeelTrigger.existingWebhook()),
};

const trigger: Values = fc.oneof(
  factories['KeelTrigger.poll'] as Values,
  factories['KeelTrigger.existingWebhook'] as Values,
);

/** An image that nothing else of the program watches. */
const watched: Values = fc.oneof(
  only('ImageName', (world) => ImageName.parse(`quay.io/team/${world.next('image')}:1.2.3`)),
  only(
    'MakisuBuilder',
    (world) =>
      new MakisuBuilder(world.pipeline, world.next('builder'), {
        target: registry().image(`team/${world.next('image')}`, { tag: Tag.named('1.2.3') }),
      }),
  ),
);

/** What every build is told. */
const buildProps: Readonly<Record<string, Values>> = {
  ...stageProps,
  image: watched,
  command: plain(
    fc.array(
      fc.constantFrom('./build.sh', '-x', '$(HOME)', '$$', '', 'a b\nc', '名前', '((keelson.branch))'),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  ),
  services: list(
    only('MinioService', (world) => {
      const name = world.next('minio');
      return new MinioService(world.pipeline, name, { name });
    }),
    { maxLength: 2 },
  ),
  timeout: seconds(1, 7 * 86_400),
  node: call(
    'GpuBuildNode',
    (make: () => GpuBuildNode) => make(),
    only(
      'node',
      (world) => () =>
        new GpuBuildNode(world.pipeline, world.next('gpu'), { gpus: Gpus.whole(1), devicePlugin: null }),
    ),
  ),
  podSecurity,
  env: byName(
    fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}X$/).filter((name) => !name.startsWith('KEELSON_')),
    environmentValue,
  ),
  envFrom: list(one<unknown>({ configMap: 'a' }, { secret: 'b.c' })),
  secretFiles: byName(fc.constantFrom('/certs/a', '/certs/b', '/x/y/z', '/名前/b c'), secret),
  resources,
  volume: fc.oneof(
    one<unknown>(false),
    fields({
      mountPath: one('/build', '/data/x'),
      size: storage,
      storageClassName,
      accessMode: one('ReadWriteOnce', 'ReadWriteOncePod'),
    }),
  ),
  hostUsers: one(true),
  imagePullSecrets: list(dockerConfig),
  agentImage: image,
};

export const recipes: Recipes = {
  Keel: {
    props: {
      namespace: one('keel', 'keel-system'),
      image,
      namespaces: fc
        .uniqueArray(
          dnsLabel.filter((name) => name !== 'keel'),
          { maxLength: 3 },
        )
        .chain((names) => plain(fc.constant<unknown>(names))),
      registry: fields(
        {
          insecure: flag,
          destinations: one<unknown>([], MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1' }).destinations),
        },
        ['insecure', 'destinations'],
      ),
      pollInterval: seconds(2, 86_400),
      apiServer: cidrs,
      egress,
      resources,
    },
    once: true,
    make: (world, id, props) => new Keel(world.chart, id, as(props)),
  },
  KeelWebhook: {
    props: {
      name: freshName,
      namespace: plain(dnsLabel),
      labels,
      pods: labels,
      endpoint: fields(
        {
          from: one('native', 'quay'),
          host: one('keel.example.com'),
          ingressController: one<unknown>({ namespace: 'ingress' }, { cidrs: ['10.0.0.0/8'] }),
          credentials: fields({ user: existingSecret, password: existingSecret }, ['user', 'password']),
          allowUnauthenticated: one('it is a test'),
          ingressClassName: one('nginx'),
          tlsSecretName: plain(dnsLabel),
          annotations: labels,
        },
        ['from', 'host', 'ingressController'],
      ),
    },
    required: ['name', 'namespace', 'labels', 'pods', 'endpoint'],
    make: (world, id, props) => new KeelWebhook(world.chart, id, as(props)),
  },
  KeelWatchedBuild: {
    props: {
      ...buildProps,
      keepFor: seconds(1, 30 * 86_400),
      policy,
      trigger,
      keel: fc.oneof(factories['Keel.existing'] as Values, factories['Keel.installed'] as Values),
      handOver: fc.oneof(
        flag,
        fields({
          afterwards: one('keep', 'scaleDown', 'selfDestruct'),
          maxNamespaces: plain(fc.integer({ min: 1, max: 100 })),
          timeout: seconds(1, 86_400),
          keel: fc.oneof(one<unknown>(false), fields({ image, pollInterval: seconds(2, 86_400), resources })),
        }),
      ),
    },
    required: ['image', 'command'],
    // What hands over has a Keel of its own, which polls.
    make: (world, id, props) => {
      const { keel: _keel, trigger: _trigger, ...others } = props;
      return new KeelWatchedBuild(world.pipeline, id, as(props['handOver'] ? others : props));
    },
  },
  BuildJob: {
    props: {
      ...buildProps,
      jobName: freshName,
      retries: plain(fc.integer({ min: 0, max: 100 })),
      ttlAfterFinished: seconds(0, 365 * 86_400),
    },
    required: ['image', 'command'],
    make: (world, id, props) => new BuildJob(world.pipeline, id, as(props)),
  },
};
