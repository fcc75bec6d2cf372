// Which connections the synthesized NetworkPolicies allow: all that a pipeline needs, and none that it must not have.

import { Chart, Size } from 'cdk8s';
import {
  HostedRegistry,
  ImageCopy,
  ImageName,
  type KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioService,
  Platform,
  Release,
  SecretSource,
  Tag,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { commitOn, filled } from '../support/commits.ts';
import { templated } from '../support/image-build.ts';

import { listeners } from '../support/listeners.ts';

import { podsOf } from '../support/pods.ts';
import { pipeline, pipelineConfiguration, platform, reference } from '../support/programs.ts';
import { type Build, type Manifest, synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';
import { connections, type ExternalRef, type PodRef } from './network-policy.ts';

const output = reference();
const COMMIT_NAMESPACE = commitOn('main').namespace;
const jobs = templated(output.objects, commitOn('main')).flat();
/** A second pipeline beside the first, and somebody else's namespace. */
const others = synthesized((app) => {
  const two = pipeline(app, { namespace: 'two' });
  const services = [new MinioService(two, 'minio')];
  new KeelWatchedBuild(two, 'build', { image: ImageName.parse('quay.io/a/b:c'), command: ['x'], services });
}).objects;
const stranger: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'stranger' } };
const all = [...output.objects, ...jobs, ...others, stranger];
const { allows } = connections(all);

function pod(name: string, namespace: string): PodRef {
  const found = podsOf(all).find((one) => one.of.endsWith(` ${namespace}/${name}`));
  if (found === undefined) throw new Error(`no pod ${namespace}/${name}`);
  return { namespace, labels: found.labels };
}

const CI = 'ci-go-runner';
const ends: Readonly<Record<string, PodRef | ExternalRef>> = {
  build: pod('build', CI),
  minio: pod('minio', CI),
  rabbitmq: pod('rabbitmq', CI),
  'image build': pod('imagebuilder', COMMIT_NAMESPACE),
  redis: pod('redis', 'makisu-cache'),
  keel: pod('keel-ci-go-runner', 'keel'),
  controller: pod('keelson-controller', 'keelson-system'),
  registry: { namespace: 'container-registry', labels: { app: 'registry' } },
  dns: { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  'API server': { external: '10.152.183.1' },
  'API server of MicroK8s': { external: '172.31.39.52' },
  internet: { external: '140.82.121.3' },
  metadata: { external: '169.254.169.254' },
  'a neighbour in the LAN': { external: '192.168.1.20' },
  "the node's registry port": { external: '172.31.39.52' },
  "another pipeline's build": pod('build', 'two'),
  "another pipeline's minio": pod('minio', 'two'),
  stranger: { namespace: 'stranger', labels: { app: 'anything' } },
  'a stranger dressed as a build': { namespace: 'stranger', labels: pod('build', CI).labels },
  'a stranger dressed as an image build': {
    namespace: 'stranger',
    labels: pod('imagebuilder', COMMIT_NAMESPACE).labels,
  },
};

function end(name: string): PodRef | ExternalRef {
  const found = ends[name];
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
}

type Row = [from: string, to: string, port: number, protocol?: 'TCP' | 'UDP'];

describe('what is needed is allowed', () => {
  test.each<Row>([
    ['build', 'minio', 9000],
    ['build', 'rabbitmq', 5672],
    ['build', 'rabbitmq', 15672],
    ['build', 'dns', 53, 'UDP'],
    ['build', 'dns', 53, 'TCP'],
    ['build', 'internet', 443],
    ['build', 'API server', 443],
    ['build', 'API server of MicroK8s', 16443],
    ['image build', 'redis', 6379],
    ['image build', 'registry', 5000],
    ['image build', "the node's registry port", 32000],
    ['image build', 'dns', 53, 'UDP'],
    ['image build', 'internet', 443],
    ['keel', 'registry', 5000],
    ['keel', "the node's registry port", 32000],
    ['keel', 'dns', 53, 'UDP'],
    ['keel', 'internet', 443],
    ['keel', 'API server', 443],
    ['controller', 'API server', 443],
    ['controller', 'API server of MicroK8s', 16443],
    ['controller', 'registry', 5000],
    ['controller', 'dns', 53, 'UDP'],
    ['controller', 'internet', 443],
    ["another pipeline's build", "another pipeline's minio", 9000],
  ])('%s → %s, port %i', (from, to, port, protocol = 'TCP') => {
    expect(allows({ from: end(from), to: end(to), port, protocol })).toBe(true);
  });
});

describe('what is not needed is not allowed', () => {
  test.each<Row>([
    ...Object.keys(ends)
      .filter((name) => name !== 'keel')
      .map((name): Row => [name, 'keel', 9300]),
    ['minio', 'internet', 443],
    ['minio', 'dns', 53, 'UDP'],
    ['rabbitmq', 'internet', 443],
    ['redis', 'internet', 443],
    ['minio', 'rabbitmq', 5672],
    ['rabbitmq', 'build', 80],
    ['build', 'redis', 6379],
    ['build', "another pipeline's minio", 9000],
    ["another pipeline's build", 'minio', 9000],
    ["another pipeline's build", 'build', 80],
    ['build', 'image build', 80],
    ['build', 'controller', 8080],
    ['build', 'registry', 5000],
    ['build', 'metadata', 80],
    ['build', 'metadata', 443],
    ['build', 'a neighbour in the LAN', 22],
    ['build', 'minio', 9001],
    ['image build', 'minio', 9000],
    ['image build', 'rabbitmq', 5672],
    ['image build', 'build', 80],
    ['image build', 'controller', 8080],
    ['image build', 'API server', 443],
    ['image build', 'API server of MicroK8s', 16443],
    ['image build', 'metadata', 80],
    ['image build', 'a neighbour in the LAN', 443],
    ['image build', 'redis', 22],
    ['keel', 'minio', 9000],
    ['keel', 'build', 80],
    ['keel', 'metadata', 80],
    ['controller', 'minio', 9000],
    ['controller', 'metadata', 80],
    ['internet', 'build', 80],
    ['internet', 'controller', 8080],
    ['stranger', 'controller', 8080],
    ...['stranger', 'a stranger dressed as a build', 'a stranger dressed as an image build'].flatMap(
      (name): Row[] => [
        [name, 'redis', 6379],
        [name, 'minio', 9000],
        [name, 'rabbitmq', 5672],
        [name, 'build', 80],
      ],
    ),
  ])('%s ↛ %s, port %i', (from, to, port, protocol = 'TCP') => {
    expect(allows({ from: end(from), to: end(to), port, protocol })).toBe(false);
  });
});

describe.each([...variants])('in %s', (_name, synthesize) => {
  const { objects, names } = synthesize();

  test('every namespace denies what no other policy allows', () => {
    const denied = objects
      .filter(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'default-deny')
      .map(({ metadata }) => metadata.namespace);
    expect([...denied].sort()).toEqual(names('Namespace').sort());
  });

  test('every pod that asks for names may ask the DNS of the cluster, and none the metadata of the node', () => {
    const { allows: may } = connections(objects);
    for (const { of, namespace = '', labels } of podsOf(objects)) {
      const from: PodRef = { namespace, labels };
      expect(may({ from, to: end('metadata'), port: 80 }), of).toBe(false);
    }
  });
});

describe('in the namespace of a listener', () => {
  const { objects } = (variants.get('builds that hand over') ?? reference)();
  const next = listeners(objects, { namespace: 'listener-next' });
  const { allows: may } = connections([...objects, ...next, stranger]);
  const at = (where: string, name: string): PodRef => ({
    namespace: where,
    labels:
      podsOf([...objects, ...next]).find(({ of }) => of === `Deployment ${where}/${name}`)?.labels ?? {},
  });
  const here = (name: string): PodRef => at('listener-next', name);

  test('build, services and Keel reach what they reach at home', () => {
    expect(may({ from: here('build'), to: here('minio'), port: 9000 })).toBe(true);
    expect(may({ from: here('build'), to: here('rabbitmq'), port: 5672 })).toBe(true);
    expect(may({ from: here('build'), to: end('internet'), port: 443 })).toBe(true);
    expect(may({ from: here('build'), to: end('API server'), port: 443 })).toBe(true);
    expect(may({ from: here('build-keel'), to: end('API server'), port: 443 })).toBe(true);
    expect(may({ from: here('build-keel'), to: { external: '10.0.0.7' }, port: 32000 })).toBe(true);
    expect(may({ from: here('build-keel'), to: end('registry'), port: 5000 })).toBe(true);
  });

  test('nobody of another namespace reaches them, the build at home neither, and they reach nobody there', () => {
    for (const from of [at('one', 'build'), at('two', 'check'), end('stranger')]) {
      expect(may({ from, to: here('minio'), port: 9000 })).toBe(false);
      expect(may({ from, to: here('build'), port: 80 })).toBe(false);
      expect(may({ from, to: here('build-keel'), port: 9300 })).toBe(false);
    }
    expect(may({ from: here('build'), to: at('one', 'minio'), port: 9000 })).toBe(false);
    expect(may({ from: here('build'), to: here('build-keel'), port: 9300 })).toBe(false);
    expect(may({ from: here('build'), to: end('metadata'), port: 80 })).toBe(false);
  });
});

test('services without a build are reached by the clients that they are told of, and by nobody else', () => {
  const { objects } = (variants.get('a build that runs once, and services alone') ?? reference)();
  const dev: Manifest = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'dev', labels: { team: 'dev' } },
  };
  const { allows: may } = connections([...objects, stranger, dev]);
  const service = (name: string, namespace: string): PodRef => ({
    namespace,
    labels: podsOf(objects).find(({ of }) => of === `Deployment ${namespace}/${name}`)?.labels ?? {},
  });
  const job = podsOf(objects).find(({ of }) => of.startsWith('Job once/'));
  const once: PodRef = { namespace: 'once', labels: job?.labels ?? {} };
  const developer: PodRef = { namespace: 'dev', labels: {} };
  expect(may({ from: developer, to: service('minio', 'alone'), port: 9000 })).toBe(true);
  expect(may({ from: developer, to: service('minio', 'alone'), port: 9001 })).toBe(false);
  expect(may({ from: developer, to: service('rabbitmq', 'alone'), port: 5672 })).toBe(false);
  expect(may({ from: developer, to: service('minio', 'once'), port: 9000 })).toBe(false);
  expect(may({ from: end('stranger'), to: service('minio', 'alone'), port: 9000 })).toBe(false);
  expect(may({ from: once, to: service('minio', 'once'), port: 9000 })).toBe(true);
  expect(may({ from: once, to: service('minio', 'alone'), port: 9000 })).toBe(false);
  expect(may({ from: once, to: end('internet'), port: 443 })).toBe(true);
});

test('with the addresses of the API server given, no other address of the cluster is reached on its ports', () => {
  const { objects } = (variants.get('a program that uses everything') ?? reference)();
  const build = podsOf(objects).find(({ of }) => of === 'Deployment one/build');
  const { allows: may } = connections(objects);
  const from: PodRef = { namespace: 'one', labels: build?.labels ?? {} };
  expect(may({ from, to: { external: '10.0.0.1' }, port: 6443 })).toBe(true);
  expect(may({ from, to: { external: '10.0.0.2' }, port: 6443 })).toBe(false);
});

test("BuildKit's daemon is reached by image builds of commits, and reaches registries and the internet", () => {
  const { objects } = (variants.get('a program with every image builder') ?? reference)();
  const configuration = objects.find(({ metadata }) => metadata.name === 'keelson-pipeline');
  const { images } = pipelineConfiguration({ find: <T>() => configuration as T });
  const commit = filled(
    images.find(({ name }) => name === 'buildkit')?.jobTemplate ?? [],
    commitOn('main', { namespace: 'gw-one' }),
  );
  const { allows: may } = connections([...objects, ...commit, stranger]);
  const labelled = (of: string, namespace: string): PodRef => {
    const found = podsOf([...objects, ...commit]).find((pod) => pod.of === of);
    return { namespace, labels: found?.labels ?? {} };
  };
  const daemon = labelled('Deployment buildkit/buildkit', 'buildkit');
  const client = labelled('Job gw-one/imagebuilder', 'gw-one');
  expect(may({ from: client, to: daemon, port: 1234 })).toBe(true);
  for (const from of [
    { ...client, namespace: 'stranger' },
    { namespace: 'stranger', labels: {} },
    labelled('Deployment images/build', 'images'),
    { external: '140.82.121.3' },
    { external: '10.0.0.9' },
  ]) {
    expect(may({ from, to: daemon, port: 1234 })).toBe(false);
  }
  const registry: PodRef = { namespace: 'container-registry', labels: { app: 'registry' } };
  expect(may({ from: daemon, to: registry, port: 5000 })).toBe(true);
  expect(may({ from: daemon, to: end('internet'), port: 443 })).toBe(true);
  expect(may({ from: daemon, to: end('dns'), port: 53, protocol: 'UDP' })).toBe(true);
  for (const name of ['metadata', 'API server', 'a neighbour in the LAN'])
    expect(may({ from: daemon, to: end(name), port: 443 }), name).toBe(false);
});

test('a registry that a program deploys is reached by builds, Keel, controller and private addresses alone', () => {
  const { objects } = (variants.get('a program that uses everything') ?? reference)();
  const { allows: may } = connections([...objects, stranger]);
  const registry: PodRef = {
    namespace: 'container-registry',
    labels: podsOf(objects).find(({ of }) => of.endsWith('/registry'))?.labels ?? {},
  };
  const reaches = (from: PodRef | ExternalRef): boolean => may({ from, to: registry, port: 5000 });
  expect(reaches({ namespace: 'stranger', labels: {} })).toBe(false);
  expect(reaches({ external: '140.82.121.3' })).toBe(false);
  expect(reaches({ external: '10.0.0.7' })).toBe(true);
  for (const name of ['keel-one/keel', 'keelson-controller/keelson-system']) {
    const [pod = '', namespace = ''] = name.split('/');
    const labels = podsOf(objects).find(({ of }) => of === `Deployment ${namespace}/${pod}`)?.labels ?? {};
    expect(reaches({ namespace, labels }), name).toBe(true);
  }
});

describe('a Keel that is told by a webhook', () => {
  const { objects } = (variants.get('builds that are told by webhooks') ?? reference)();
  const { allows: may } = connections([...objects, stranger]);
  const keelOf = (namespace: string): PodRef => ({
    namespace: 'keel',
    labels: podsOf(objects).find(({ of }) => of === `Deployment keel/keel-${namespace}`)?.labels ?? {},
  });
  const ingressPods = { name: 'nginx-ingress-microk8s' };
  const build = podsOf(objects).find(({ of }) => of === 'Deployment told/build')?.labels ?? {};

  test.each<[string, PodRef | ExternalRef, string, number, boolean]>([
    ['the ingress controller', { namespace: 'ingress', labels: ingressPods }, 'told', 9300, true],
    ['the ingress controller', { namespace: 'ingress', labels: ingressPods }, 'told', 8080, false],
    ['another pod beside it', { namespace: 'ingress', labels: {} }, 'told', 9300, false],
    ['a stranger with its labels', { namespace: 'stranger', labels: ingressPods }, 'told', 9300, false],
    ['the build', { namespace: 'told', labels: build }, 'told', 9300, false],
    ['the internet', { external: '140.82.121.3' }, 'told', 9300, false],
    ['the address of an ingress controller', { external: '192.168.1.10' }, 'elsewhere', 9300, true],
    ['the address beside it', { external: '192.168.1.11' }, 'elsewhere', 9300, false],
    [
      "the other's ingress controller",
      { namespace: 'ingress', labels: ingressPods },
      'elsewhere',
      9300,
      false,
    ],
    ['the ingress controller', { namespace: 'ingress', labels: ingressPods }, 'listed', 9300, false],
    ['another Keel', keelOf('told'), 'elsewhere', 9300, false],
  ])('%s (%j) → the Keel of %s, port %i: %s', (_who, from, namespace, port, allowed) => {
    expect(may({ from, to: keelOf(namespace), port })).toBe(allowed);
  });
});

describe('an image in a registry of a private network', () => {
  const made = (variants.get('images in a registry with a private authority') ?? reference)();
  const jobs = templated(made.objects, commitOn('main')).flat();
  const { allows: may } = connections([...made.objects, ...jobs]);
  const podIn = (of: string): PodRef => {
    const found = podsOf([...made.objects, ...jobs]).find((one) => one.of.endsWith(of));
    if (found === undefined) throw new Error(`no pod ${of}`);
    return { namespace: of.split('/')[0]?.trim() ?? '', labels: found.labels };
  };

  test.each<[string, string, string, number, boolean]>([
    ['the image build', `${COMMIT_NAMESPACE}/imagebuilder`, '10.1.0.7', 5000, true],
    ['the image build', `${COMMIT_NAMESPACE}/imagebuilder`, '10.1.0.7', 22, false],
    ['the image build', `${COMMIT_NAMESPACE}/imagebuilder`, '10.1.1.7', 5000, false],
    ['Keel', 'keel/keel-hosted', '10.1.0.7', 5000, true],
    ['Keel', 'keel/keel-hosted', '10.1.1.7', 5000, false],
    ['the controller', 'keelson-system/keelson-controller', '10.1.0.7', 5000, true],
    ['the build', 'hosted/build', '10.1.0.7', 5000, false],
  ])('%s (%s) → %s, port %i: %s', (_who, from, external, port, allowed) => {
    expect(may({ from: podIn(from), to: { external }, port })).toBe(allowed);
  });
});

describe('a private registry that is not that of the platform', () => {
  const corp = HostedRegistry.at('registry.corp:5000', { addresses: ['10.9.9.9/32'] });
  const controllerOf = (make: Build) => {
    const { objects } = synthesized(make);
    const controller = podsOf(objects).find(({ of }) => of.endsWith('/keelson-controller'));
    const from: PodRef = { namespace: 'keelson-system', labels: controller?.labels ?? {} };
    const { allows: may } = connections(objects);
    return (external: string, port: number): boolean => may({ from, to: { external }, port });
  };

  test.each<[string, (app: KeelsonApp) => void]>([
    [
      'an image build of its program pushes there',
      (app) => {
        const ci = pipeline(app, { platform: platform(app) });
        new MakisuBuilder(ci, 'image', { target: corp.image('team/app') });
      },
    ],
    [
      'it is named, for a pipeline of another program',
      (app) => platform(app, { controller: { registries: [corp] } }),
    ],
  ])('the controller reaches it where %s', (_why, make) => {
    const reaches = controllerOf(make);
    expect(reaches('10.9.9.9', 5000)).toBe(true);
    expect(reaches('10.9.9.9', 22)).toBe(false);
    expect(reaches('10.9.9.8', 5000)).toBe(false);
    expect(reaches('172.31.39.52', 32000)).toBe(true);
  });

  test('the controller does not reach it where nothing is said of it', () => {
    expect(controllerOf((app) => pipeline(app, { platform: platform(app) }))('10.9.9.9', 5000)).toBe(false);
  });
});

describe('a registry twin', () => {
  const { objects } = synthesized((app) => {
    const twin = new MicroK8sRegistry(new Chart(app, 'images'), 'registry', {
      nodeAddress: '172.31.39.52',
      storage: Size.gibibytes(10),
      clients: ['172.31.39.52/32'],
    });
    const shared = new Platform(app, 'platform', { registry: twin, buildkit: {} });
    const ci = pipeline(app, { platform: shared });
    const image = new MakisuBuilder(ci, 'image', { target: twin.image('team/app') });
    const build = new KeelWatchedBuild(ci, 'build', { image, command: ['x'] });
    const to = HostedRegistry.quay({
      pushCredential: SecretSource.existing('push', '.dockerconfigjson'),
    }).image('team/app', { tag: Tag.version() });
    new ImageCopy(new Release(ci, 'release', { after: build }), 'quay', { to });
  });
  const made = templated(objects, commitOn('main')).flat();
  const everything = [...objects, ...made, stranger];
  const { allows: may } = connections(everything);
  const twin: PodRef = { namespace: 'container-registry', labels: { app: 'registry' } };
  const labelled = (stage: string): PodRef => {
    const found = podsOf(everything).find(({ labels }) => labels['keelson.dev/stage'] === stage);
    if (found === undefined) throw new Error(`no pod of ${stage}`);
    return { namespace: found.namespace ?? 'missing', labels: found.labels };
  };
  const client = ['image-build', 'image-daemon', 'keel', 'controller', 'release'];

  test.each(client)('is reached by %s, and by no pod elsewhere that says it is that', (stage) => {
    const from = labelled(stage);
    expect(may({ from, to: twin, port: 5000 })).toBe(true);
    expect(may({ from: { ...from, namespace: 'stranger' }, to: twin, port: 5000 })).toBe(false);
  });

  test('is not reached by the build, nor as an image build by a pod of the namespace of a pipeline', () => {
    expect(may({ from: labelled('build'), to: twin, port: 5000 })).toBe(false);
    expect(may({ from: { ...labelled('image-build'), namespace: 'ci' }, to: twin, port: 5000 })).toBe(false);
  });

  test('is reached by the addresses in clients alone', () => {
    expect(may({ from: { external: '172.31.39.52' }, to: twin, port: 5000 })).toBe(true);
    expect(may({ from: { external: '172.31.39.53' }, to: twin, port: 5000 })).toBe(false);
  });
});
