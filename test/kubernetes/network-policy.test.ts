import { describe, expect, test } from 'vitest';
import { connections, type PodRef } from './network-policy.ts';

const namespace = (name: string, labels: Record<string, string> = {}): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});
const policy = (spec: object, inNamespace = 'ci'): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'x', namespace: inNamespace },
  spec,
});
const pod = (app: string, inNamespace = 'ci'): PodRef => ({ namespace: inNamespace, labels: { app } });
const app = (name: string): object => ({ matchLabels: { app: name } });
const [build, minio, rabbit] = [pod('build'), pod('minio'), pod('rabbit')];
const internet = { external: '203.0.113.7' };
const denyAll = policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });

describe('without rules', () => {
  test('everything is allowed where no policy selects a pod', () => {
    const { allows } = connections([
      policy({ podSelector: app('other') }),
      policy({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }, 'elsewhere'),
    ]);
    expect(allows({ from: build, to: minio, port: 9000 })).toBe(true);
    expect(allows({ from: internet, to: minio, port: 9000 })).toBe(true);
    expect(allows({ from: build, to: internet, port: 443 })).toBe(true);
  });

  test('a default deny ends all, both ways, in its namespace', () => {
    const { allows } = connections([denyAll]);
    expect(allows({ from: build, to: minio, port: 9000 })).toBe(false);
    expect(allows({ from: build, to: pod('web', 'other'), port: 80 })).toBe(false);
    expect(allows({ from: pod('web', 'other'), to: build, port: 80 })).toBe(false);
    expect(allows({ from: internet, to: build, port: 80 })).toBe(false);
    expect(allows({ from: build, to: internet, port: 443 })).toBe(false);
    expect(allows({ from: pod('a', 'other'), to: pod('b', 'other'), port: 80 })).toBe(true);
  });

  test.each<[string, object, boolean, boolean]>([
    ['none is Ingress', {}, false, true],
    ['an empty egress is no egress rule', { egress: [] }, false, true],
    ['an egress rule adds Egress', { egress: [{ ports: [{ port: 1 }] }] }, false, false],
    ['Egress alone leaves ingress open', { policyTypes: ['Egress'] }, true, false],
    ['Egress alone ignores ingress rules', { policyTypes: ['Egress'], ingress: [] }, true, false],
    ['Ingress alone ignores egress rules', { policyTypes: ['Ingress'], egress: [{}] }, false, true],
    [
      'an empty rule allows all',
      { policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] },
      true,
      true,
    ],
    [
      'empty lists in a rule allow all',
      { ingress: [{ from: [], ports: [] }], egress: [{ to: [], ports: [] }] },
      true,
      true,
    ],
  ])('policyTypes: %s', (_, spec, ingress, egress) => {
    for (const podSelector of [{}, { podSelector: {} }]) {
      const { allows } = connections([policy({ ...podSelector, ...spec })]);
      expect(allows({ from: internet, to: build, port: 80 }), 'ingress').toBe(ingress);
      expect(allows({ from: build, to: internet, port: 80 }), 'egress').toBe(egress);
    }
  });

  test('a policy without a namespace is in default', () => {
    const object = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', spec: { podSelector: {} } };
    const { allows } = connections([object]);
    expect(allows({ from: internet, to: pod('web', 'default'), port: 80 })).toBe(false);
  });
});

test('a connection needs egress at its source and ingress at its destination', () => {
  const egress = policy({
    podSelector: app('build'),
    policyTypes: ['Egress'],
    egress: [{ to: [{ podSelector: app('minio') }] }],
  });
  const ingress = policy({ podSelector: app('minio'), ingress: [{ from: [{ podSelector: app('build') }] }] });
  const connection = { from: build, to: minio, port: 9000 };
  expect(connections([denyAll, egress]).allows(connection)).toBe(false);
  expect(connections([denyAll, ingress]).allows(connection)).toBe(false);
  const { allows } = connections([denyAll, egress, ingress]);
  expect(allows(connection)).toBe(true);
  expect(allows({ from: minio, to: build, port: 9000 })).toBe(false);
  expect(allows({ from: rabbit, to: minio, port: 9000 })).toBe(false);
  expect(allows({ from: pod('build', 'other'), to: minio, port: 9000 })).toBe(false);
});

test('policies add up, and so do the rules of one', () => {
  const { allows } = connections([
    policy({
      podSelector: app('minio'),
      ingress: [{ from: [{ podSelector: app('a') }] }, { from: [{ podSelector: app('b') }] }],
    }),
    policy({ podSelector: {}, ingress: [{ from: [{ podSelector: app('c') }] }] }),
  ]);
  expect(['a', 'b', 'c', 'd'].map((name) => allows({ from: pod(name), to: minio, port: 1 }))).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('a rule needs one of its peers and one of its ports', () => {
  const { allows } = connections([
    policy({
      podSelector: app('minio'),
      ingress: [
        { from: [{ podSelector: app('a') }], ports: [{ port: 1 }] },
        { from: [{ podSelector: app('b') }], ports: [{ port: 2 }] },
      ],
    }),
  ]);
  expect(allows({ from: pod('a'), to: minio, port: 1 })).toBe(true);
  expect(allows({ from: pod('b'), to: minio, port: 2 })).toBe(true);
  expect(allows({ from: pod('a'), to: minio, port: 2 })).toBe(false);
});

describe('peers', () => {
  const from = (...peers: object[]): ReturnType<typeof connections> =>
    connections([
      namespace('ci', { tier: 'build' }),
      namespace('gw-1', { owner: 'keelson', 'kubernetes.io/metadata.name': 'a lie' }),
      policy({ podSelector: {}, ingress: [{ from: peers }] }),
    ]);
  const reaches = (peer: object, source: PodRef | typeof internet): boolean =>
    from(peer).allows({ from: source, to: minio, port: 80 });

  test('a podSelector is about the own namespace', () => {
    expect(reaches({ podSelector: {} }, pod('any'))).toBe(true);
    expect(reaches({ podSelector: {} }, pod('any', 'gw-1'))).toBe(false);
    expect(reaches({ podSelector: {} }, internet)).toBe(false);
  });

  test('a namespaceSelector takes all pods of its namespaces', () => {
    expect(reaches({ namespaceSelector: {} }, pod('any', 'unknown'))).toBe(true);
    expect(reaches({ namespaceSelector: {} }, internet)).toBe(false);
    expect(reaches({ namespaceSelector: { matchLabels: { owner: 'keelson' } } }, pod('any', 'gw-1'))).toBe(
      true,
    );
    expect(reaches({ namespaceSelector: { matchLabels: { owner: 'keelson' } } }, build)).toBe(false);
  });

  test('both in one peer narrow, in two peers widen', () => {
    const namespaceSelector = { matchLabels: { owner: 'keelson' } };
    const podSelector = app('build');
    expect(reaches({ namespaceSelector, podSelector }, pod('build', 'gw-1'))).toBe(true);
    expect(reaches({ namespaceSelector, podSelector }, pod('other', 'gw-1'))).toBe(false);
    expect(reaches({ namespaceSelector, podSelector }, build)).toBe(false);
    const { allows } = from({ namespaceSelector }, { podSelector });
    expect(allows({ from: pod('other', 'gw-1'), to: minio, port: 80 })).toBe(true);
    expect(allows({ from: build, to: minio, port: 80 })).toBe(true);
    expect(allows({ from: pod('other'), to: minio, port: 80 })).toBe(false);
  });

  test('a namespace always has the label of its name', () => {
    const named = (name: string): object => ({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    });
    expect(reaches(named('gw-1'), pod('any', 'gw-1'))).toBe(true);
    expect(reaches(named('kube-system'), pod('any', 'kube-system'))).toBe(true);
    expect(reaches(named('a lie'), pod('any', 'gw-1'))).toBe(false);
  });

  test.each<[string, string[] | undefined, boolean, boolean, boolean]>([
    // operator, values; then a pod with tier=a, with tier=b, with no tier
    ['In', ['a', 'c'], true, false, false],
    ['NotIn', ['a', 'c'], false, true, true],
    ['Exists', undefined, true, true, false],
    ['DoesNotExist', undefined, false, false, true],
  ])('the expression %s %j', (operator, values, a, b, none) => {
    const peer = {
      podSelector: { matchExpressions: [{ key: 'tier', operator, ...(values && { values }) }] },
    };
    const tier = (labels: Record<string, string>): boolean => reaches(peer, { namespace: 'ci', labels });
    expect([tier({ tier: 'a' }), tier({ tier: 'b' }), tier({ app: 'a' })]).toEqual([a, b, none]);
  });

  test('labels and expressions all count, and unknown operators are errors', () => {
    const selector = { matchLabels: { app: 'x' }, matchExpressions: [{ key: 'tier', operator: 'Exists' }] };
    expect(reaches({ podSelector: selector }, { namespace: 'ci', labels: { app: 'x', tier: 'a' } })).toBe(
      true,
    );
    expect(reaches({ podSelector: selector }, { namespace: 'ci', labels: { app: 'x' } })).toBe(false);
    expect(reaches({ podSelector: app('constructor') }, { namespace: 'ci', labels: {} })).toBe(false);
    const wrong = { matchExpressions: [{ key: 'tier', operator: 'Gt', values: ['1'] }] };
    expect(() => reaches({ podSelector: wrong }, build)).toThrow('unknown operator Gt');
  });

  test.each([
    ['203.0.113.0/24', [], true],
    ['203.0.113.9/24', [], true],
    ['203.0.113.7/32', [], true],
    ['203.0.113.8/32', [], false],
    ['0.0.0.0/0', ['203.0.113.0/28'], false],
    ['0.0.0.0/0', ['10.0.0.0/8', '192.168.0.0/16'], true],
    ['::/0', [], false],
  ])('the block %s except %j', (cidr, except, inside) => {
    expect(reaches({ ipBlock: { cidr, except } }, internet)).toBe(inside);
    const { allows } = connections([
      policy({ podSelector: {}, egress: [{ to: [{ ipBlock: { cidr, except } }] }] }),
    ]);
    expect(allows({ from: build, to: internet, port: 443 })).toBe(inside);
  });

  test('blocks of IPv6', () => {
    const peer = { ipBlock: { cidr: '2001:db8::/32', except: ['2001:db8:1::/48'] } };
    expect(reaches(peer, { external: '2001:db8:2::1' })).toBe(true);
    expect(reaches(peer, { external: '2001:db8:1::1' })).toBe(false);
    expect(reaches(peer, internet)).toBe(false);
  });

  test('a block is about a pod only where the pod has an address', () => {
    expect(reaches({ ipBlock: { cidr: '0.0.0.0/0' } }, build)).toBe(false);
    expect(reaches({ ipBlock: { cidr: '0.0.0.0/0' } }, { ...build, ip: '10.1.0.5' })).toBe(true);
    expect(
      reaches({ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }, { ...build, ip: '10.1.0.5' }),
    ).toBe(false);
  });
});

describe('ports', () => {
  const workload = (kind: string, spec: object, metadata: object = {}): object => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { namespace: 'ci', ...metadata },
    spec,
  });
  const template = (name: string, port: number, protocol?: string): object => ({
    metadata: { labels: { app: name } },
    spec: { containers: [{ ports: [{ name: 'api', containerPort: port, ...(protocol && { protocol }) }] }] },
  });
  const reaches = (
    ports: object[],
    to: PodRef,
    port: number,
    protocol?: 'UDP' | 'SCTP',
    objects: object[] = [],
  ): boolean =>
    connections([policy({ podSelector: {}, ingress: [{ ports }] }), ...objects]).allows({
      ...{ from: internet, to, port },
      ...(protocol && { protocol }),
    });

  test('a number, TCP where nothing is said', () => {
    expect(reaches([{ port: 80 }], minio, 80)).toBe(true);
    expect(reaches([{ port: 80 }], minio, 81)).toBe(false);
    expect(reaches([{ port: 80 }], minio, 80, 'UDP')).toBe(false);
    expect(reaches([{ port: 80, protocol: 'UDP' }], minio, 80)).toBe(false);
    expect(reaches([{ port: 80 }, { port: 53, protocol: 'UDP' }], minio, 53, 'UDP')).toBe(true);
  });

  test('no number is every port of the protocol', () => {
    expect(reaches([{ protocol: 'SCTP' }], minio, 7, 'SCTP')).toBe(true);
    expect(reaches([{ protocol: 'SCTP' }], minio, 7)).toBe(false);
    expect(reaches([{}], minio, 7)).toBe(true);
    expect(reaches([{}], minio, 7, 'UDP')).toBe(false);
  });

  test('a range includes both ends', () => {
    const range = [{ port: 32000, endPort: 32010 }];
    expect([31999, 32000, 32005, 32010, 32011].map((port) => reaches(range, minio, port))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  test.each([
    ['a Deployment', workload('Deployment', { template: template('minio', 9000) })],
    ['a CronJob', workload('CronJob', { jobTemplate: { spec: { template: template('minio', 9000) } } })],
    [
      'a Pod',
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { namespace: 'ci', labels: { app: 'minio' } },
        spec: { containers: [{ ports: [{ name: 'api', containerPort: 9000 }] }] },
      },
    ],
    [
      'a sidecar',
      workload('Deployment', {
        template: {
          metadata: { labels: { app: 'minio' } },
          spec: {
            containers: [],
            initContainers: [{ restartPolicy: 'Always', ports: [{ name: 'api', containerPort: 9000 }] }],
          },
        },
      }),
    ],
  ])('a name is the number it has in %s', (_, object) => {
    expect(reaches([{ port: 'api' }], minio, 9000, undefined, [object])).toBe(true);
    expect(reaches([{ port: 'api' }], minio, 80, undefined, [object])).toBe(false);
    expect(reaches([{ port: 'other' }], minio, 9000, undefined, [object])).toBe(false);
    expect(reaches([{ port: 'api', protocol: 'UDP' }], minio, 9000, 'UDP', [object])).toBe(false);
  });

  test('a name is looked up at each destination, by the pod with most of its labels', () => {
    const objects = [
      workload('Deployment', { template: template('minio', 9000) }),
      workload('Deployment', { template: template('rabbit', 5672) }),
      workload('Deployment', {
        template: { spec: { containers: [{ ports: [{ name: 'api', containerPort: 1 }] }] } },
      }),
      workload('Deployment', { template: template('minio', 2) }, { namespace: 'other' }),
    ];
    const api = [{ port: 'api' }];
    expect([9000, 5672, 1, 2].map((port) => reaches(api, minio, port, undefined, objects))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(reaches(api, rabbit, 5672, undefined, objects)).toBe(true);
    const replica = { namespace: 'ci', labels: { app: 'minio', 'pod-template-hash': 'abc' } };
    expect(reaches(api, replica, 9000, undefined, objects)).toBe(true);
  });

  test('a name counts for egress at the destination, never outside', () => {
    const { allows } = connections([
      policy({ podSelector: app('build'), policyTypes: ['Egress'], egress: [{ ports: [{ port: 'api' }] }] }),
      workload('Deployment', { template: template('build', 1) }),
      workload('Deployment', { template: template('minio', 9000) }),
    ]);
    expect(allows({ from: build, to: minio, port: 9000 })).toBe(true);
    expect(allows({ from: build, to: minio, port: 1 })).toBe(false);
    expect(allows({ from: build, to: internet, port: 9000 })).toBe(false);
  });

  test('a name at a pod that no object makes is an error, not a refusal', () => {
    expect(() => reaches([{ port: 'api' }], minio, 9000)).toThrow(
      'port api is looked up at a pod that no object makes',
    );
  });
});
