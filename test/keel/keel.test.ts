import { Chart, Duration, Size } from 'cdk8s';
import {
  ImageName,
  Keel,
  KeelPolicy,
  type KeelProps,
  KeelTrigger,
  KeelWatchedBuild,
  type KeelWatchedBuildProps,
  Pipeline,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { keelAnnotations } from '../support/keel.ts';
import { existingPlatform, image, platform, registry } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

/** Keel alone in a chart of somebody else. */
const alone = (props?: KeelProps): Synthesized =>
  synthesized((app) => new Keel(new Chart(app, 'foreign', { namespace: 'other' }), 'keel', props));

/** A platform's Keel with a build in the namespace `ci`. */
const watching = (props: Partial<KeelWatchedBuildProps> = {}, keel: KeelProps = {}): Synthesized =>
  synthesized((app) => {
    const ci = new Pipeline(app, 'ci', { platform: platform(app, { keel, cache: false }) });
    new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], ...props });
  });

const env = (output: Synthesized, name = 'keel-ci'): Record<string, string | undefined> => {
  const [container] = output.find<Deployment>('Deployment', name).spec?.template.spec?.containers ?? [];
  return Object.fromEntries((container?.env ?? []).map((variable) => [variable.name, variable.value]));
};

test('without a build to watch there is a fenced namespace and nothing in it that runs', () => {
  expect(
    alone().objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
  ).toEqual([
    'Namespace /keel',
    'LimitRange keel/defaults',
    'NetworkPolicy keel/default-deny',
    'NetworkPolicy keel/keel',
    'ResourceQuota keel/quota',
  ]);
});

describe('for a namespace with a watched build', () => {
  const output = watching();

  test('one Keel runs, and may see no other namespace', () => {
    expect(output.names('Deployment')).toContain('keel/keel-ci');
    expect(env(output)).toMatchObject({
      RESTRICTED_NAMESPACE: 'ci',
      POLL: 'true',
      POLL_DEFAULTSCHEDULE: '@every 60s',
    });
  });

  test('it may change the one Deployment, in that namespace alone', () => {
    expect(output.find('Role', 'build-keel', 'ci')['rules']).toEqual([
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list', 'watch'] },
      { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['build'], verbs: ['get', 'update'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ]);
    expect(output.find('RoleBinding', 'build-keel', 'ci')['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'keel-ci', namespace: 'keel' },
    ]);
    expect(output.names('ClusterRole').filter((name) => name.includes('nodes'))).toEqual([]);
  });

  test('its webhooks are reachable by nobody', () => {
    expect(at(output.find('NetworkPolicy', 'keel', 'keel'), 'spec.policyTypes')).toEqual(['Egress']);
    expect(output.names('Service').filter((name) => name.startsWith('keel/'))).toEqual([]);
  });

  test('a registry that speaks plain http is allowed to', () => {
    expect(env(output)['INSECURE_REGISTRY']).toBe('true');
  });

  test('a policy by which the tag may change lets it read nodes', () => {
    const semver = watching({ policy: KeelPolicy.semver('minor'), image: image('1.2.3') });
    const [name = ''] = semver.names('ClusterRole').filter((role) => role.includes('nodes'));
    expect(semver.find('ClusterRole', name)['rules']).toEqual([
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
    ]);
  });
});

test('two builds of one namespace share a Keel, builds of two namespaces have one each', () => {
  const { names } = synthesized((app) => {
    const on = platform(app);
    for (const [namespace, ids] of Object.entries({ one: ['a', 'b'], two: ['a'] })) {
      const ci = new Pipeline(app, namespace, { platform: on });
      for (const id of ids)
        new KeelWatchedBuild(ci, id, {
          image: image(`1.0.0-${id}`),
          command: ['x'],
          policy: KeelPolicy.semver('all'),
        });
    }
  });
  expect(names('Deployment').filter((name) => name.startsWith('keel/'))).toEqual([
    'keel/keel-one',
    'keel/keel-two',
  ]);
});

test('each option changes what it says', () => {
  const output = alone({
    namespace: 'watcher',
    image: ImageName.parse('quay.io/team/keel:1'),
    namespaces: ['elsewhere'],
    pollInterval: Duration.minutes(5),
    apiServer: ['10.0.0.1/32'],
    resources: { memory: { limit: Size.mebibytes(512) } },
  });
  expect(env(output, 'keel-elsewhere')).toMatchObject({
    RESTRICTED_NAMESPACE: 'elsewhere',
    POLL_DEFAULTSCHEDULE: '@every 300s',
  });
  const [container] =
    output.find<Deployment>('Deployment', 'keel-elsewhere', 'watcher').spec?.template.spec?.containers ?? [];
  expect(container).toMatchObject({
    image: 'quay.io/team/keel:1',
    resources: { limits: { memory: '512Mi' } },
  });
  expect(JSON.stringify(output.find('NetworkPolicy', 'keel', 'watcher')['spec'])).toContain('10.0.0.1/32');
});

test('a namespace that is listed and has a build is watched once', () => {
  expect(
    watching({}, { namespaces: ['ci'] })
      .names('Deployment')
      .filter((name) => name.startsWith('keel/')),
  ).toEqual(['keel/keel-ci']);
});

test.each(['namespace', 'network-policy', 'constructor', 'namespace-service-account'])(
  'a namespace named %s can be watched',
  (namespace) => {
    expect(alone({ namespaces: [namespace] }).names('Deployment')).toEqual([`keel/keel-${namespace}`]);
  },
);

describe('a Keel that is installed already', () => {
  test('gets the same rights, and nothing is installed', () => {
    const { names, find } = synthesized((app) => {
      const ci = new Pipeline(app, 'ci', { platform: existingPlatform() });
      const keel = Keel.existing({ namespace: 'tools', serviceAccountName: 'keel-bot' });
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], keel });
    });
    expect(names('Deployment')).toEqual(['ci/build']);
    expect(find('RoleBinding', 'build-keel')['subjects']).toEqual([
      { kind: 'ServiceAccount', name: 'keel-bot', namespace: 'tools' },
    ]);
  });

  test('is kept off held-back builds by the admission policy of the platform', () => {
    const { find } = synthesized((app) =>
      platform(app, { keel: Keel.existing({ namespace: 'tools', serviceAccountName: 'x' }) }),
    );
    expect(
      at(find('ValidatingAdmissionPolicy', 'keelson-platform-keel'), 'spec.matchConditions.0.expression'),
    ).toBe("request.userInfo.username == 'system:serviceaccount:tools:x'");
  });
});

describe('policies', () => {
  test.each<[string, KeelPolicy, object, object, boolean]>([
    [
      'the same tag',
      KeelPolicy.sameTag(),
      { 'keel.sh/policy': 'force', 'keel.sh/matchTag': 'true' },
      {},
      true,
    ],
    [
      'a minor version',
      KeelPolicy.semver('minor'),
      { 'keel.sh/policy': 'minor', 'keel.sh/matchPreRelease': 'true' },
      {},
      true,
    ],
    [
      'a pre-release',
      KeelPolicy.semver('patch', { preRelease: true }),
      { 'keel.sh/policy': 'patch', 'keel.sh/matchPreRelease': 'false' },
      {},
      true,
    ],
    ['every version', KeelPolicy.semver('all'), { 'keel.sh/policy': 'all' }, {}, true],
    ['a pattern', KeelPolicy.glob('v*'), {}, { 'keel.sh/policy': 'glob:v*' }, false],
    ['an expression', KeelPolicy.regexp('^v'), {}, { 'keel.sh/policy': 'regexp:^v' }, false],
  ])(
    '%s stands where Keel reads it, and can be held back or not',
    (_name, policy, labels, annotations, canBeHeldBack) => {
      expect(policy).toMatchObject({ labels, annotations, canBeHeldBack });
      expect(Object.keys(policy.labels).length * Object.keys(policy.annotations).length).toBe(0);
    },
  );

  test('policy and trigger of a build stand in the labels of its Deployment, and no policy in its annotations', () => {
    const build = watching({ trigger: KeelTrigger.poll(Duration.seconds(30)) }).find('Deployment', 'build');
    expect(build.metadata.labels).toMatchObject({
      'keel.sh/policy': 'force',
      'keel.sh/matchTag': 'true',
      'keel.sh/trigger': 'poll',
    });
    expect(keelAnnotations(build)).toEqual({ 'keel.sh/pollSchedule': '@every 30s' });
  });

  test('only those that may change a tag read nodes', () => {
    expect(
      [KeelPolicy.sameTag(), KeelPolicy.semver('patch'), KeelPolicy.glob('a')].map(
        ({ readsNodes }) => readsNodes,
      ),
    ).toEqual([false, true, true]);
  });
});

test('where the registry is known by its address, Keel may reach it', () => {
  const { peers } = registry().destinations[1] ?? {};
  const output = watching();
  expect(JSON.stringify(output.find('NetworkPolicy', 'keel', 'keel')['spec'])).toContain(
    JSON.stringify(peers?.[0]),
  );
});
