import fc from 'fast-check';
import {
  AdmissionPolicy,
  Controller,
  ControllerAdmission,
  ControllerWebhooks,
  ImageName,
  Keel,
  KeelAdmission,
  MicroK8sRegistry,
  Platform,
  RedisLayerCache,
  RegistryCollection,
  RegistryWorkload,
} from 'keelson';
import { registry } from '../../support/programs.ts';
import { call, fields, list, one, only, plain, type Values } from '../value.ts';
import { recipes as imageRecipes, factories as images } from './image.ts';
import { recipes as keelRecipes, factories as keels } from './keel.ts';
import {
  as,
  cidrs,
  dnsLabel,
  egress,
  type Factories,
  flag,
  freshName,
  image,
  labels,
  type Recipes,
  resources,
  seconds,
  storage,
  storageClassName,
} from './recipe.ts';

const address = one('10.0.0.7', 'node-1.example.com', '172.31.39.52');
const garbageCollection = {
  every: seconds(3600, 365 * 86_400),
  keepPerBranch: plain(fc.integer({ min: 1, max: 1000 })),
  timeout: seconds(60, 86_400),
};
const existingRegistry: Values = call(
  'MicroK8sRegistry.existing',
  (nodeAddress: string, nodePort: number, namespace: string, collection: object) =>
    MicroK8sRegistry.existing({ nodeAddress, nodePort, namespace, garbageCollection: collection }),
  address,
  plain(fc.integer({ min: 1, max: 65_535 })),
  // Two platforms don't share a registry whose garbage both collect.
  plain(dnsLabel.map((name) => `${name}-existing`)),
  fields(garbageCollection),
);
/** The names of a registry whose garbage is collected. */
const collected = {
  namespace: freshName,
  deployment: plain(dnsLabel),
  selector: one<unknown>({ app: 'registry' }),
  claim: plain(dnsLabel),
  uid: one(0, 10_001),
};
const platform: Values = call(
  'Platform.existing',
  (name: string) =>
    Platform.existing({
      name,
      registry: registry(),
      cache: RedisLayerCache.existing(),
      keel: Keel.installed(),
      apiServer: ['10.0.0.1/32'],
    }),
  plain(dnsLabel),
);

export const factories: Factories = {
  'MicroK8sRegistry.existing': existingRegistry,
  'Platform.existing': platform,
};

const retention = fields({
  succeeded: seconds(60, 365 * 86_400),
  failed: seconds(60, 365 * 86_400),
  maxPerPipeline: plain(fc.integer({ min: 1, max: 1000 })),
});
const endpoint = fields(
  {
    host: one('ci.example.com', 'a.b'),
    ingressController: one<unknown>(
      { namespace: 'ingress' },
      { namespace: 'ingress', labels: { a: 'b' } },
      { cidrs: ['10.0.0.1/32'] },
    ),
    ingressClassName: one('public', 'nginx'),
    tlsSecretName: one('ci-tls'),
    annotations: one<unknown>({}, { 'cert-manager.io/cluster-issuer': 'letsencrypt' }),
  },
  ['host', 'ingressController'],
);
const controller: Readonly<Record<string, Values>> = {
  replicas: plain(fc.integer({ min: 1, max: 5 })),
  maxConcurrentBuilds: plain(fc.integer({ min: 1, max: 1000 })),
  retention,
  registries: list(existingRegistry),
  webhooks: endpoint,
  resources,
};

export const recipes: Recipes = {
  Platform: {
    props: {
      registry: existingRegistry,
      namespace: plain(dnsLabel.map((name) => `${name}-system`)),
      cache: fc.oneof(
        one<unknown>(false),
        images['RedisLayerCache.existing'] as Values,
        fields({ ...imageRecipes['RedisLayerCache']?.props, namespace: one('platform-cache') }, [
          'namespace',
        ]),
      ),
      keel: fc.oneof(
        one<unknown>(false),
        keels['Keel.existing'] as Values,
        fields({ ...keelRecipes['Keel']?.props, namespace: one('platform-keel') }, ['namespace']),
      ),
      controller: fields(controller),
      buildkit: fc.oneof(
        one<unknown>(false),
        images['BuildKitDaemon.existing'] as Values,
        fields({ ...imageRecipes['BuildKitDaemon']?.props, namespace: one('platform-buildkit') }, [
          'namespace',
          'persistent',
        ]),
      ),
      egress,
      handOver: flag,
      agentImage: image,
      apiServer: cidrs,
      admissionPolicies: flag,
      labels,
    },
    required: ['registry', 'cache', 'keel'],
    once: true,
    make: (world, id, props) => new Platform(world.app, id, as(props)),
  },
  Controller: {
    props: {
      ...controller,
      platformName: freshName,
      namespace: freshName,
      agentImage: only('ImageName', () => ImageName.parse('ghcr.io/a/agent:1')),
      registry: existingRegistry,
      apiServer: cidrs,
      egress,
      handOver: flag,
      garbageCollection: fields(
        {
          host: one('registry.a.svc.cluster.local:5000'),
          namespace: plain(dnsLabel),
          deployment: plain(dnsLabel),
          collector: plain(dnsLabel),
          everySeconds: plain(fc.integer({ min: 3600, max: 86_400 })),
          keepPerBranch: plain(fc.integer({ min: 1, max: 1000 })),
          timeoutSeconds: plain(fc.integer({ min: 60, max: 86_400 })),
        },
        ['host', 'namespace', 'deployment', 'collector', 'everySeconds', 'keepPerBranch', 'timeoutSeconds'],
      ),
    },
    required: ['platformName', 'namespace', 'agentImage', 'registry'],
    make: (world, id, props) => new Controller(world.chart, id, as(props)),
  },
  ControllerWebhooks: {
    props: { name: freshName, namespace: freshName, pods: labels, endpoint },
    required: ['name', 'namespace', 'pods', 'endpoint'],
    make: (world, id, props) => new ControllerWebhooks(world.chart, id, as(props)),
  },
  AdmissionPolicy: {
    props: {
      name: freshName,
      who: one('true', "request.userInfo.username == 'a'"),
      rule: one<unknown>({
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE'],
        resources: ['pods'],
      }),
      variables: one<unknown>([], [{ name: 'a', expression: 'true' }]),
      validations: one<unknown>([{ expression: 'true', message: 'x' }]),
    },
    required: ['name', 'who', 'rule', 'variables', 'validations'],
    make: (world, id, props) => new AdmissionPolicy(world.chart, id, as(props)),
  },
  ControllerAdmission: {
    props: {
      platformName: freshName,
      controller: one<unknown>({ namespace: 'a', serviceAccountName: 'b' }),
      commitNamespaceRole: plain(dnsLabel),
      handOver: flag,
    },
    required: ['platformName', 'controller', 'commitNamespaceRole'],
    make: (world, id, props) => new ControllerAdmission(world.chart, id, as(props)),
  },
  KeelAdmission: {
    props: { platformName: freshName, keel: keels['Keel.existing'] as Values, handOver: flag },
    required: ['platformName', 'keel'],
    make: (world, id, props) => new KeelAdmission(world.chart, id, as(props)),
  },
  RegistryCollection: {
    props: {
      registry: fields({ ...collected, ...garbageCollection, image }, Object.keys(collected)),
      controller: one<unknown>({ namespace: 'a', serviceAccountName: 'b' }),
      agentImage: only('ImageName', () => ImageName.parse('ghcr.io/a/agent:1')),
    },
    required: ['registry', 'controller', 'agentImage'],
    make: (world, id, props) => new RegistryCollection(world.chart, id, as(props)),
  },
  MicroK8sRegistry: {
    props: {
      nodeAddress: address,
      nodePort: plain(fc.integer({ min: 30_000, max: 32_767 })),
      namespace: plain(dnsLabel.map((name) => `${name}-registry`)),
      storage,
      storageClassName,
      image,
      resources,
      clients: cidrs,
      garbageCollection: fields(garbageCollection),
    },
    required: ['nodeAddress', 'storage'],
    once: true,
    make: (world, id, props) => new MicroK8sRegistry(world.chart, id, as(props)),
  },
  RegistryWorkload: {
    props: {
      namespace: plain(dnsLabel.map((name) => `${name}-workload`)),
      nodePort: plain(fc.integer({ min: 30_000, max: 32_767 })),
      storage,
      storageClassName,
      image,
      resources,
      clients: cidrs,
      garbageCollection: fields(garbageCollection),
    },
    required: ['namespace', 'nodePort', 'storage'],
    once: true,
    make: (world, id, props) => new RegistryWorkload(world.chart, id, as(props)),
  },
};
