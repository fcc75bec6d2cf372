// What pods may connect to outside of a platform's own parts, in a network without internet, as the policies say it.
import {
  type Destination,
  type Egress,
  KeelWatchedBuild,
  MakisuBuilder,
  MinioService,
  Pipeline,
  Platform,
  Release,
  SecretSource,
  Tag,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { egressProblems } from '../../lib/kubernetes/cidr.ts';
import { toInternet } from '../../lib/kubernetes/network.ts';
import { commitOn, filled } from '../support/commits.ts';
import { podsOf } from '../support/pods.ts';
import { existingKeel, pipelineConfiguration, registry, source } from '../support/programs.ts';
import { problemsOf, synthesized } from '../support/synthesized.ts';
import { type Connection, connections, type PodRef } from './network-policy.ts';

const GIT: Destination = {
  peers: [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'git' } },
      podSelector: { matchLabels: { app: 'git' } },
    },
  ],
  ports: [3000],
};

const FROM = ['build', 'image build', 'release', 'keel', 'controller'] as const;

/** A platform with a pipeline, and what its pods may connect to. */
function network(egress: readonly Egress[] | undefined, elsewhere = false) {
  const given = egress === undefined ? {} : { egress };
  const output = synthesized((app) => {
    const platform = elsewhere
      ? Platform.existing({ name: 'platform', registry: registry(), keel: existingKeel(), ...given })
      : new Platform(app, 'platform', { registry: registry(), apiServer: ['10.0.0.1/32'], ...given });
    const ci = new Pipeline(app, 'ci', { platform, source: source() });
    const image = new MakisuBuilder(ci, 'image', {
      target: platform.registry.image('team/app', { tag: Tag.branch() }),
    });
    const services = [new MinioService(ci, 'minio')];
    const build = new KeelWatchedBuild(ci, 'build', { image, services, command: ['x'] });
    const token = SecretSource.existing('github', 'token');
    new Release(ci, 'release', { after: build, github: { repository: 'a/b', token } });
  });
  const jobs = pipelineConfiguration(output).images.flatMap(({ jobTemplate }) =>
    filled(jobTemplate, commitOn('main')),
  );
  const objects = [...output.objects, ...jobs];
  const pod = (path: string): PodRef => {
    const found = podsOf(objects).find(({ of }) => of.endsWith(path));
    return { namespace: found?.namespace ?? 'missing', labels: found?.labels ?? {} };
  };
  const pods: Record<string, PodRef> = {
    build: pod(' ci/build'),
    'image build': pod('/imagebuilder'),
    release: { namespace: 'ci-release', labels: { 'keelson.dev/stage': 'release' } },
    keel: pod(' keel/keel-ci'),
    controller: pod('/keelson-controller'),
  };
  const { allows } = connections(objects);
  return {
    objects,
    allows: (from: string, to: Connection['to'], port: number): boolean =>
      allows({ from: pods[from] as PodRef, to, port }),
  };
}

const external = (ip: string): Connection['to'] => ({ external: ip });
const gitPod: PodRef = { namespace: 'git', labels: { app: 'git' } };

describe('without egress', () => {
  const { allows } = network(undefined);
  test.each(FROM)('%s reaches the internet, and no private address', (from) => {
    expect(allows(from, external('140.82.121.3'), 443)).toBe(true);
    expect(allows(from, external('10.9.1.1'), 8080)).toBe(false);
  });
});

describe.each<[string, readonly Egress[]]>([
  ['no egress', []],
  ['egress to a range', ['10.9.0.0/16']],
  ['egress to pods', [GIT]],
  ['egress to ranges and pods', ['10.9.0.0/16', '2001:db8::/32', GIT]],
])('with %s', (_name, egress) => {
  const { allows, objects } = network(egress);
  const ranges = egress.includes('10.9.0.0/16');

  test.each(FROM)('%s reaches that, and no internet', (from) => {
    expect(allows(from, external('140.82.121.3'), 443)).toBe(false);
    expect(allows(from, external('8.8.8.8'), 53)).toBe(false);
    expect(allows(from, external('169.254.169.254'), 80)).toBe(false);
    expect(allows(from, external('10.9.1.1'), 8080)).toBe(ranges);
    expect(allows(from, external('10.10.1.1'), 8080)).toBe(false);
    expect(allows(from, external('2001:db8::1'), 443)).toBe(egress.length > 2);
    expect(allows(from, gitPod, 3000)).toBe(egress.includes(GIT));
    expect(allows(from, gitPod, 22)).toBe(false);
    expect(allows(from, { namespace: 'git', labels: { app: 'other' } }, 3000)).toBe(false);
  });

  test('the parts still reach each other, DNS and the API server', () => {
    const minio: PodRef = podsOf(objects)
      .filter(({ of }) => of === 'Deployment ci/minio')
      .map(({ namespace = '', labels }) => ({ namespace, labels }))[0] as PodRef;
    expect(allows('build', minio, 9000)).toBe(true);
    expect(allows('image build', external('172.31.39.52'), 32000)).toBe(true);
    expect(allows('keel', external('172.31.39.52'), 32000)).toBe(true);
    for (const from of ['build', 'keel', 'controller']) {
      expect(allows(from, external('10.0.0.1'), 6443), from).toBe(true);
    }
    expect(allows('image build', { namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } }, 53)).toBe(
      true,
    );
  });

  test('no rule in any policy is without peers, which would allow everything', () => {
    for (const object of objects.filter(({ kind }) => kind === 'NetworkPolicy')) {
      const { egress: rules = [] } = object['spec'] as { egress?: { to?: unknown[] }[] };
      for (const rule of rules) expect(rule.to?.length, object.metadata.name).toBeGreaterThan(0);
    }
  });
});

test('a platform of another program carries its egress to the pipeline', () => {
  const { allows } = network(['10.9.0.0/16'], true);
  for (const from of ['build', 'image build']) {
    expect(allows(from, external('140.82.121.3'), 80), from).toBe(false);
    expect(allows(from, external('10.9.1.1'), 8080), from).toBe(true);
  }
});

test('what is no list opens nothing that is not open without it', () => {
  expect(toInternet('0.0.0.0/0' as never)).toEqual(toInternet(undefined));
  expect(toInternet([{ peers: [], ports: [1] }, null as never, { peers: [{}] } as never])).toEqual([]);
});

test('ranges without metadata and loopback are taken, as are those that except them', () => {
  const block = { cidr: '0.0.0.0/0', except: ['169.254.0.0/16', '127.0.0.0/8'] };
  const good = ['10.0.0.0/8', '169.254.20.10/32', '2000::/3', 'fd00::/8', '8.8.8.8/32'];
  expect(egressProblems('egress', [...good, { peers: [{ ipBlock: block }], ports: [443] }])).toEqual([]);
});

test('what is wrong with egress is said once, however many parts have it', () => {
  const problems = problemsOf((app) => {
    new Platform(app, 'platform', { registry: registry(), buildkit: {}, egress: ['::/0'] });
  });
  expect(problems).toEqual([expect.stringContaining('platform: egress: ')]);
});
