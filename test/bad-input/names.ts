import { ApiObject, Chart } from 'cdk8s';
import {
  GeneratedSecret,
  Keel,
  KeelWatchedBuild,
  MinioService,
  Pipeline,
  Platform,
  PodSecurity,
  RedisLayerCache,
} from 'keelson';
import { existingPlatform, image, pipeline, platform, registry } from '../support/programs.ts';
import type { Build } from '../support/synthesized.ts';
import { aBuildNamed, minio, type Row } from './row.ts';

const named =
  (id: string): Build =>
  (app) =>
    new Pipeline(app, id, { platform: existingPlatform(), namespace: 'ci' });
const inNamespace =
  (namespace: string): Build =>
  (app) =>
    pipeline(app, { namespace });
const plain =
  (metadata: Record<string, unknown>, rest: Record<string, unknown> = {}): Build =>
  (app) => {
    const all: unknown = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'x', ...metadata },
      ...rest,
    };
    new ApiObject(new Chart(app, 'chart'), 'x', all as ConstructorParameters<typeof ApiObject>[2]);
  };

const tooStrict: Build = (app) => {
  const ci = pipeline(app, { podSecurity: PodSecurity.restricted() });
  const podSecurity = PodSecurity.baseline('it runs as root');
  new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], podSecurity });
};
const twice: Build = (app) => {
  const ci = pipeline(app);
  for (const id of ['a', 'b']) new MinioService(ci, id);
};

const LETTERS =
  '; use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit';
const invalidId = (id: string): string =>
  `${id}: id: is not a valid name of a pipeline (got ${JSON.stringify(id)})${LETTERS}`;
const invalidNamespace = (name: string): string =>
  `ci/namespace: namespace: is not a valid name of a namespace (got ${JSON.stringify(name)})${LETTERS}`;
const reserved = (name: string): string =>
  `ci/namespace: namespace: is a namespace of Kubernetes itself (got "${name}"); use a namespace of its own for each pipeline`;

export const names: readonly Row[] = [
  ['a pipeline in upper case', named('CI'), invalidId('CI')],
  ['a pipeline with an underscore', named('feature_x'), invalidId('feature_x')],
  ['a pipeline with a dot', named('a.b'), invalidId('a.b')],
  ['a pipeline of 64 characters', named('x'.repeat(64)), invalidId('x'.repeat(64))],
  ['a pipeline in another script', named('名前'), invalidId('名前')],
  ['a pipeline that ends in a dash', named('ci-'), invalidId('ci-')],
  ['a pipeline whose name is an emoji', named('🚀'), invalidId('🚀')],
  ['a namespace in upper case', inNamespace('CI'), invalidNamespace('CI')],
  ['a namespace of 64 characters', inNamespace('x'.repeat(64)), invalidNamespace('x'.repeat(64))],
  ['an empty namespace', inNamespace(''), invalidNamespace('')],
  ['a namespace with a line break', inNamespace('a\nb'), invalidNamespace('a\nb')],
  ['a namespace that leaves its folder', inNamespace('../..'), invalidNamespace('../..')],
  ['the namespace kube-system', inNamespace('kube-system'), reserved('kube-system')],
  ['the namespace default', inNamespace('default'), reserved('default')],
  [
    'a build in upper case',
    aBuildNamed('Build'),
    'ci/Build: id: is not a valid name of a build (got "Build"); use at most 50 lower-case letters, digits and "-"',
  ],
  [
    'a build of 51 characters',
    aBuildNamed('x'.repeat(51)),
    `ci/${'x'.repeat(51)}: id: is not a valid name of a build (got "${'x'.repeat(51)}"); …`,
  ],
  [
    'a platform of 41 characters',
    (app) => new Platform(app, 'x'.repeat(41), { registry: registry() }),
    `${'x'.repeat(41)}: id: is not a valid name of a platform (got "${'x'.repeat(41)}"); use at most 40 lower-case …`,
  ],
  [
    'a service in upper case',
    minio({ serviceName: 'MinIO' }),
    'ci/minio: serviceName: is not a valid name of a Service (got "MinIO"); use at most 63 lower-case letters, digits and "-", starting with a letter',
  ],
  [
    'a service that starts with a digit',
    minio({ serviceName: '9minio' }),
    'ci/minio: serviceName: is not a valid name of a Service (got "9minio"); …',
  ],
  [
    'a storage class that is none',
    minio({ storageClassName: 'Fast Disks' }),
    'ci/minio: storage.storageClassName: is not a valid name of a StorageClass (got "Fast Disks"); name a class that `kubectl get storageclass` lists',
  ],
  [
    'a cache in no valid namespace',
    (app) => new RedisLayerCache(new Chart(app, 'c'), 'cache', { namespace: 'A' }),
    'c/cache/namespace: namespace: is not a valid name of a namespace (got "A"); …',
  ],
  [
    'a namespace for Keel that is none',
    (app) => new Keel(new Chart(app, 'c'), 'keel', { namespaces: ['BAD NS'] }),
    'c/keel: namespaces…(got "BAD NS"); …',
  ],
  [
    'a namespace that Keel takes for all of them',
    (app) => new Keel(new Chart(app, 'c'), 'keel', { namespace: 'k', namespaces: ['keel'] }),
    'c/keel: namespaces…(got "keel"); …',
  ],
  [
    'an address of the API server that is none',
    (app) => platform(app, { apiServer: ['10.0.0.1'] }),
    'platform…apiServer…(got "10.0.0.1"); …',
  ],
  [
    'a level below that of a stage',
    tooStrict,
    'ci: podSecurity: is stricter than its stages can live with: it runs as root (got "restricted"); raise it to baseline, or change the stage',
  ],
  [
    'an amount in the quota that is none',
    (app) => pipeline(app, { quota: { 'limits.cpu': 'lots' } }),
    'ci/namespace: quota.limits.cpu: is not a quantity (got "lots"); give a number with a unit, such as 32Gi',
  ],
  [
    'a limit in the quota of nothing that Kubernetes counts',
    (app) => pipeline(app, { quota: { 'limits.gpu': '1' } }),
    'ci/namespace: quota: is not a resource that a quota can limit (got "limits.gpu"); give one …',
  ],
  [
    'a limit in the quota without a name',
    (app) => pipeline(app, { quota: { '\ta b\n': '1' } }),
    'ci/namespace: quota: is not a resource that a quota can limit (got "\\ta b\\n"); give one …',
  ],
  [
    'half a pod in the quota',
    (app) => pipeline(app, { quota: { 'count/pods': '500m' } }),
    'ci/namespace: quota.count/pods: is not a whole number (got "500m"); give how many there may be',
  ],
  [
    'no controller',
    (app) => platform(app, { controller: { replicas: 0 } }),
    'platform/controller: controller.replicas: is out of range (got 0); give a whole number from 1 to 5',
  ],
  [
    'a public key of no key',
    (app) =>
      new GeneratedSecret(pipeline(app), 'keys', {
        keys: { pub: { publicKey: { of: 'priv', format: 'pem' } } },
      }),
    'ci/keys: keys.pub: is not a key of this Secret (got "priv"); name one of pub',
  ],
  [
    'a public key of a property of every object',
    (app) =>
      new GeneratedSecret(pipeline(app), 'keys', {
        keys: { pub: { publicKey: { of: 'toString', format: 'pem' } } },
      }),
    'ci/keys: keys.pub: is not a key of this Secret (got "toString"); name one of pub',
  ],
  [
    'a password of no characters',
    (app) => new GeneratedSecret(pipeline(app), 'keys', { keys: { a: { password: { length: 0 } } } }),
    'ci/keys: keys.a…(got 0); …',
  ],
  [
    'a way of making a value, and a value beside it',
    (app) =>
      new GeneratedSecret(pipeline(app), 'keys', {
        keys: { a: { password: { length: 9, value: 'CANARY' } as never } },
      }),
    'ci/keys: keys.a: has more than one way of making a value takes (got a hidden value); give no more than { password: { length } }',
  ],
  [
    'no set of keys',
    (app) => new GeneratedSecret(pipeline(app), 'keys', { keys: 'CANARY' as never }),
    'ci/keys: keys: is no set of keys (got a hidden value); …',
  ],
  [
    'a key of a Secret that Kubernetes refuses',
    (app) => new GeneratedSecret(pipeline(app), 'keys', { keys: { 'a b': { password: { length: 9 } } } }),
    'ci/keys: keys…"a b"…',
  ],
  [
    'a label of 64 characters',
    plain({ labels: { a: 'x'.repeat(64) } }),
    `chart/x: metadata.labels.a: is not a valid label value (got "${'x'.repeat(64)}"); use at most 63 letters, digits, "-", "_" and ".", or an annotation`,
  ],
  [
    'a name that is no name',
    plain({ name: 'BAD NAME!' }),
    'chart/x: metadata.name: is not a valid name for a ConfigMap (got "BAD NAME!"); …',
  ],
  [
    'a number that is none',
    plain({}, { spec: { a: [Number.NaN] } }),
    'chart/x: spec.a[0]: cannot write NaN as YAML; give a finite number',
  ],
  [
    'a ConfigMap of more than 1 MiB',
    plain({}, { data: { a: 'x'.repeat(2 ** 20) } }),
    'chart/x: data: is more than the 1 MiB that Kubernetes stores (got "1048577 bytes"); divide it',
  ],
  [
    'a number as a label of a pipeline',
    (app) => pipeline(app, { labels: { a: 1 as never } }),
    'ci: labels.a: is of another type (got 1); give a text',
  ],
  [
    'two services of one name',
    twice,
    'ci/b/…: metadata.name: is the name of the … that ci/a/… makes too (got …); give one of them another name or namespace',
  ],
  [
    'no namespace',
    (app) => new MinioService(new Chart(app, 'c'), 'minio'),
    'c/minio: namespace: is missing (got nothing); give it, give the chart a namespace, or put the construct into a Pipeline',
  ],
];
