import { ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import {
  activeNames,
  type BuildConfiguration,
  fillListener,
  type GateConfiguration,
  type HandOverConfiguration,
  ImageName,
  inactiveNames,
  KeelPolicy,
  KeelTrigger,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  listenerPlaceholder,
  MinioRabbitTestStack,
  MinioService,
  Pipeline,
  Platform,
  SecretSource,
  type TestService,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { listenerOf } from '../support/listeners.ts';
import { image, pipelineConfiguration, registry } from '../support/programs.ts';
import {
  type Build,
  type Manifest,
  pathOf,
  problemsOf,
  type Synthesized,
  synthesized,
} from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

const platform = (): ReturnType<typeof Platform.existing> =>
  Platform.existing({ name: 'shared', registry: registry(), handOver: true });
const program =
  (props: Partial<KeelWatchedBuildProps> = {}, withServices = false): Build =>
  (app) => {
    const ci = new Pipeline(app, 'ci', { platform: platform() });
    const services = withServices ? new MinioRabbitTestStack(ci, 'services') : [];
    new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], services, handOver: true, ...props });
  };
const built = (props: Partial<KeelWatchedBuildProps> = {}, withServices = false): Synthesized =>
  synthesized(program(props, withServices));
const configuration = (output: Synthesized): BuildConfiguration & { handOver: HandOverConfiguration } => {
  const [build] = pipelineConfiguration(output).builds;
  if (build?.handOver === undefined) throw new Error('the build does not hand over');
  return { ...build, handOver: build.handOver };
};
const listener = (output: Synthesized): Manifest[] =>
  fillListener(configuration(output).handOver.listener, listenerOf('ci')).map((object) => ({ ...object }));
const one = (objects: readonly Manifest[], kind: string, name: string): Manifest => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
};

describe('names that Keel knows', () => {
  test('are inactive in the manifests, and the controller makes them real', () => {
    const { metadata, spec } = built().find<Deployment>('Deployment', 'build');
    expect(JSON.stringify(metadata)).not.toContain('keel.sh/');
    expect(metadata?.annotations).toMatchObject({
      'listen.keelson.dev/policy': 'force',
      'listen.keelson.dev/matchTag': 'true',
      'listen.keelson.dev/trigger': 'poll',
    });
    expect(activeNames(metadata?.annotations ?? {})).toEqual({
      'keel.sh/policy': 'force',
      'keel.sh/matchTag': 'true',
      'keel.sh/trigger': 'poll',
    });
    // The build reads them in /etc/podinfo.
    expect(metadata?.annotations).toMatchObject(spec?.template.metadata?.annotations ?? {});
    expect(Object.keys(spec?.template.metadata?.annotations ?? {})).toHaveLength(3);
  });

  test.each<[string, KeelPolicy, Record<string, string>]>([
    ['a regular expression', KeelPolicy.regexp('^1\\.'), { 'keel.sh/policy': 'regexp:^1\\.' }],
    ['a pattern', KeelPolicy.glob('v1-*'), { 'keel.sh/policy': 'glob:v1-*' }],
    [
      'a version',
      KeelPolicy.semver('minor'),
      { 'keel.sh/policy': 'minor', 'keel.sh/matchPreRelease': 'true' },
    ],
  ])('may say %s, and when to poll', (_name, policy, expected) => {
    const output = built({
      policy,
      image: ImageName.parse('quay.io/a/b:1.0.0'),
      trigger: KeelTrigger.poll(Duration.minutes(2)),
    });
    const { annotations = {} } = output.find<Manifest>('Deployment', 'build').metadata;
    expect(activeNames(annotations)).toEqual({
      ...expected,
      'keel.sh/trigger': 'poll',
      'keel.sh/pollSchedule': '@every 120s',
    });
  });

  test('are renamed and back, and nothing else is', () => {
    const names = { 'keel.sh/policy': 'all', 'other.io/policy': 'x' };
    expect(activeNames(inactiveNames(names))).toEqual({ 'keel.sh/policy': 'all' });
    expect(activeNames(names)).toEqual({});
  });
});

describe('the Keel of a build that hands over', () => {
  test('is beside it, knows its namespace from its own pod, and may roll that build alone', () => {
    const output = built();
    const container = output.find<Deployment>('Deployment', 'build-keel', 'ci').spec?.template.spec
      ?.containers[0];
    expect(container?.env).toContainEqual({
      name: 'RESTRICTED_NAMESPACE',
      valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } },
    });
    expect(at(output.find('RoleBinding', 'build-keel'), 'subjects')).toEqual([
      { kind: 'ServiceAccount', name: 'build-keel', namespace: 'ci' },
    ]);
    expect(output.names('ClusterRoleBinding')).toEqual([]);
  });

  test('reads nodes where a tag may change, by a role that the platform has for it', () => {
    const output = built({ policy: KeelPolicy.semver('minor'), image: ImageName.parse('quay.io/a/b:1.0.0') });
    expect(at(output.find('ClusterRoleBinding', 'ci-build-keel-nodes'), 'roleRef.name')).toBe(
      'keelson-shared-listener-nodes',
    );
    const moved = one(listener(output), 'ClusterRoleBinding', 'listener-ci-x7k2p9qd-build-keel-nodes');
    expect(at(moved, 'subjects.0.namespace')).toBe('listener-ci-x7k2p9qd');
  });

  test('may have options, or be left to one that watches every namespace', () => {
    const given = built({
      handOver: { keel: { image: ImageName.parse('quay.io/me/keel:1'), pollInterval: Duration.minutes(3) } },
    });
    const container = given.find<Deployment>('Deployment', 'build-keel').spec?.template.spec?.containers[0];
    expect(container?.image).toBe('quay.io/me/keel:1');
    expect(container?.env).toContainEqual({ name: 'POLL_DEFAULTSCHEDULE', value: '@every 180s' });
    const none = built({ handOver: { keel: false } });
    expect(JSON.stringify(none.objects)).not.toContain('build-keel');
  });
});

describe('the template of a listener', () => {
  test('has every object of the build, its services and its fences, in another namespace', () => {
    const output = built({}, true);
    const home = output.objects.filter(
      ({ metadata }) => metadata.namespace === 'ci' && !/^keelson-/.test(metadata.name),
    );
    const there = listener(output).filter(({ kind }) => kind !== 'Namespace');
    const names = (objects: readonly Manifest[]): string[] =>
      objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();
    expect(names(there)).toEqual(names(home));
    expect(new Set(there.map(({ metadata }) => metadata.namespace))).toEqual(
      new Set(['listener-ci-x7k2p9qd']),
    );
  });

  test('differs from home in names, rest and what was built, and in nothing else', () => {
    const output = built({}, true);
    const text = (object: Manifest): string =>
      JSON.stringify(object).replaceAll('listener-ci-x7k2p9qd', 'ci');
    const different = listener(output)
      .filter(({ kind }) => kind !== 'Namespace')
      .filter((object) => {
        const home = output.find<Manifest>(object.kind, object.metadata.name, 'ci');
        return text(object) !== JSON.stringify(home);
      });
    expect(
      different.map((object) => `${object.kind} ${pathOf(object)}`.replace(/listener-\S+\//, '')),
    ).toEqual(['Deployment minio', 'Deployment rabbitmq', 'Deployment build']);
  });

  test('has what the transform of the app made of each object, and lacks what it left out', () => {
    const output = synthesized(program({}, true), {
      transform: (object) => {
        if (object.kind === 'LimitRange') return undefined;
        const annotations = { ...object.metadata.annotations, 'example.com/a': 'b' };
        return { ...object, metadata: { ...object.metadata, annotations } };
      },
    });
    const there = listener(output);
    expect(there.map(({ kind }) => kind)).not.toContain('LimitRange');
    for (const { metadata } of there) expect(metadata.annotations).toMatchObject({ 'example.com/a': 'b' });
  });

  test('starts with a namespace that the controller owns, with the fences of home', () => {
    const output = built();
    const [namespace] = listener(output);
    expect(namespace?.metadata).toEqual({
      name: 'listener-ci-x7k2p9qd',
      labels: {
        'app.kubernetes.io/managed-by': 'keelson',
        'app.kubernetes.io/part-of': 'ci',
        'keelson.dev/pipeline': 'ci',
        'keelson.dev/owner': 'shared',
        'keelson.dev/listener': 'build',
        'pod-security.kubernetes.io/enforce': 'restricted',
        'pod-security.kubernetes.io/audit': 'restricted',
        'pod-security.kubernetes.io/warn': 'restricted',
      },
      annotations: {
        'keelson.dev/claim': listenerOf('ci').claim,
        'keelson.dev/listener-version': configuration(output).handOver.version,
      },
    });
    // With that label it would be taken for a pipeline.
    expect(namespace?.metadata.labels).not.toHaveProperty('keelson.dev/platform');
  });

  test('has services at rest, and a build that starts with what was built last and knows it', () => {
    const objects = listener(built({}, true));
    expect(at(one(objects, 'Deployment', 'minio'), 'spec.replicas')).toBe(0);
    expect(at(one(objects, 'Deployment', 'rabbitmq'), 'spec.replicas')).toBe(0);
    expect(at(one(objects, 'Deployment', 'build-keel'), 'spec.replicas')).toBe(1);
    const build = one(objects, 'Deployment', 'build') as Deployment & Manifest;
    expect(build.spec).not.toHaveProperty('replicas');
    const { commit, digest, image: last } = listenerOf('ci');
    expect(build.spec?.template.spec?.containers[0]?.image).toBe(last);
    expect(build.spec?.template.metadata?.annotations).toMatchObject({
      'keelson.dev/built-commit': commit,
      'keelson.dev/built-digest': digest,
      'listen.keelson.dev/policy': 'force',
    });
  });

  test('has the build last, after all that it needs', () => {
    const kinds = configuration(built({}, true)).handOver.listener.map(({ kind }) => kind);
    expect(kinds[0]).toBe('Namespace');
    expect(kinds.lastIndexOf('Role')).toBeLessThan(kinds.indexOf('RoleBinding'));
    expect(kinds.indexOf('Deployment')).toBe(kinds.length - 4);
  });

  test('is known by its hash: the same for the same, another for another', () => {
    const { version } = configuration(built()).handOver;
    expect(configuration(built()).handOver.version).toBe(version);
    expect(configuration(built({ command: ['y'] })).handOver.version).not.toBe(version);
  });

  test('names what is copied: Secrets with the keys that are needed, ConfigMaps, and no value', () => {
    const output = (variants.get('builds that hand over') as () => Synthesized)();
    const data = output.find<{ data: Record<string, string> }>('ConfigMap', 'keelson-pipeline', 'one').data;
    const { builds } = JSON.parse(data['pipeline.json'] ?? '') as { builds: BuildConfiguration[] };
    expect(builds[0]?.handOver).toMatchObject({
      copySecrets: [
        { secretName: 'build-env-plain', keys: ['value'] },
        { secretName: 'more' },
        { secretName: 'account' },
        { secretName: 'keys', keys: ['a'] },
        { secretName: 'two', keys: ['b'] },
      ],
      copyConfigMaps: ['settings'],
    });
    const secrets = builds[0]?.handOver?.listener.filter(({ kind }) => kind === 'Secret') ?? [];
    expect(secrets.map(({ metadata }) => metadata.name)).toEqual([
      'minio-credentials',
      'rabbitmq-credentials',
      'build-env-own',
    ]);
    for (const secret of secrets)
      expect([secret['data'], secret['stringData']]).toEqual([undefined, undefined]);
  });

  test('leaves Secrets that are kept elsewhere to those who make them at home, and names the copies', () => {
    const E = SecretSource.externalSecret({
      store: { name: 'vault', kind: 'SecretStore' },
      remoteKey: 'ci/all',
      name: 'kept-elsewhere',
      key: 'e',
    });
    const { handOver } = configuration(built({ env: { E } }));
    expect(handOver.listener.map(({ kind }) => kind)).not.toContain('ExternalSecret');
    expect(handOver.copySecrets).toEqual([{ secretName: 'kept-elsewhere', keys: ['e'] }]);
  });

  test('keeps a placeholder in a value as it is', () => {
    const hostile = listenerOf('ci', { commit: '((keelson.claim))', image: 'quay.io/a/b:$(HOME)' });
    const filled = fillListener(
      [{ a: listenerPlaceholder('commit'), args: [listenerPlaceholder('image')] }],
      hostile,
    );
    expect(filled).toEqual([{ a: '((keelson.claim))', args: ['quay.io/a/b:$$(HOME)'] }]);
    expect(fillListener({ a: '((keelson.branch))' }, hostile)).toEqual({ a: '((keelson.branch))' });
  });
});

describe('what is told', () => {
  test('to the gate: that it hands over, and how long it waits', () => {
    const gate = (props: Partial<KeelWatchedBuildProps>): GateConfiguration =>
      JSON.parse(
        built(props).find<{ data: Record<string, string> }>('ConfigMap', 'build-gate').data['gate.json'] ??
          '',
      );
    expect(gate({})).toMatchObject({ deployment: 'build', handOver: { timeoutSeconds: 300 } });
    expect(gate({ handOver: { timeout: Duration.minutes(1) } })).toMatchObject({
      handOver: { timeoutSeconds: 60 },
    });
    expect(
      gate({
        handOver: false,
        keel: { namespace: 'k', watch: () => ({ namespace: 'k', serviceAccountName: 'k' }) },
      }),
    ).not.toHaveProperty('handOver');
  });

  test('to the controller: what becomes of a namespace, and how many there may be', () => {
    expect(configuration(built()).handOver).toMatchObject({ afterwards: 'scaleDown', maxNamespaces: 5 });
    const given = { afterwards: 'selfDestruct', maxNamespaces: 2 } as const;
    expect(configuration(built({ handOver: given })).handOver).toMatchObject(given);
  });

  test('the controller may read what it copies, at home and by name', () => {
    const env = { KEY: SecretSource.existing('account', 'key') };
    const { rules } = built({ env, envFrom: [{ configMap: 'settings' }] }).find<{
      rules: { resources: string[]; resourceNames?: string[]; verbs: string[] }[];
    }>('Role', 'keelson-controller');
    expect(rules).toContainEqual(
      expect.objectContaining({ resources: ['secrets'], resourceNames: ['account'], verbs: ['get'] }),
    );
    expect(rules).toContainEqual(
      expect.objectContaining({ resources: ['configmaps'], resourceNames: ['settings'], verbs: ['get'] }),
    );
  });
});

test('a release reaches the gate of whichever namespace has built', () => {
  const peers: unknown[] = [];
  synthesized((app) => {
    for (const [id, handOver] of [
      ['one', true],
      ['two', false],
    ] as const) {
      const ci = new Pipeline(app, id, { platform: platform() });
      const build = new KeelWatchedBuild(ci, 'build', { image: image(id), command: ['x'], handOver });
      peers.push(
        build.shareOutputs([], [{ podSelector: {} }], Duration.hours(1)).peers[0]?.namespaceSelector,
      );
    }
  });
  expect(peers).toEqual([
    { matchLabels: { 'keelson.dev/pipeline': 'one' } },
    { matchLabels: { 'kubernetes.io/metadata.name': 'two' } },
  ]);
});

test('a service of a kind that the controller may not make is refused', () => {
  class Odd extends Construct implements TestService {
    readonly namespace = 'ci';
    readonly configuration;
    readonly environment = [];
    readonly destination = { peers: [], ports: [] };
    constructor(scope: Construct, id: string) {
      super(scope, id);
      this.configuration = new MinioService(this, 'minio').configuration;
      new ApiObject(this, 'set', { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'odd' } });
    }
  }
  const problems = problemsOf((app) => {
    const ci = new Pipeline(app, 'ci', { platform: platform() });
    new KeelWatchedBuild(ci, 'build', {
      image: image(),
      command: ['x'],
      services: [new Odd(ci, 'odd')],
      handOver: true,
    });
  });
  expect(problems).toEqual([
    expect.stringMatching(
      /^ci\/build: handOver: is part of the build .* \(got "StatefulSet odd"\); use only /,
    ),
  ]);
});
