// What every pod has in common: it fits its namespace, takes a bounded part of the node, and holds no token by chance.
import { describe, expect, test } from 'vitest';
import { withTemplates } from '../support/image-build.ts';
import { listeners } from '../support/listeners.ts';
import { podSecurityProblems } from '../support/pod-security.ts';
import { containersOf, podsOf } from '../support/pods.ts';
import { build, reference } from '../support/programs.ts';
import type { Manifest } from '../support/synthesized.ts';
import { synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

const AMOUNT = /^\d+(\.\d+)?(m|[KMG]i)?$/;
const LEVEL = 'pod-security.kubernetes.io/enforce';

describe.each([...variants])('in %s', (_name, synthesize) => {
  const written = synthesize().objects;
  const objects = [...withTemplates(written), ...listeners(written)];
  const pods = podsOf(objects);
  const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount');

  test('there are pods', () => {
    expect(pods.length).toBeGreaterThanOrEqual(1);
  });

  test('every pod is admitted by the Pod Security level of its namespace', () => {
    const enforced = new Map(
      objects
        .filter(({ kind }) => kind === 'Namespace')
        .map(({ metadata }) => [metadata.name, metadata.labels?.[LEVEL]]),
    );
    for (const { of, namespace, spec } of pods) {
      // The addon's own namespace is nobody's, and enforces nothing.
      const level =
        namespace === 'container-registry'
          ? (enforced.get(namespace) ?? 'baseline')
          : enforced.get(namespace ?? '');
      // Only what makes devices of the node known to its kubelet needs a directory of the host.
      const levels = of.endsWith('/nvidia-device-plugin') ? /^privileged$/ : /^(restricted|baseline)$/;
      expect(level, of).toMatch(levels);
      expect(podSecurityProblems(level ?? '', spec), of).toEqual([]);
    }
  });

  test('every container requests cpu, memory and ephemeral storage, and is limited in them', () => {
    for (const { of, spec } of pods) {
      for (const { name, resources } of containersOf(spec)) {
        for (const amounts of [resources?.requests, resources?.limits]) {
          for (const resource of ['cpu', 'memory', 'ephemeral-storage']) {
            expect(String(amounts?.[resource]), `${of} ${name} ${resource}`).toMatch(AMOUNT);
          }
        }
      }
    }
  });

  test('every pod runs as an account that was made for it, and gets no token unless it mounts one', () => {
    for (const { of, namespace, spec } of pods) {
      const own = accounts.filter(
        ({ metadata }) => metadata.name === spec.serviceAccountName && metadata.namespace === namespace,
      );
      expect(own, of).toHaveLength(1);
      expect(spec.automountServiceAccountToken, of).toBe(false);
      expect(spec.enableServiceLinks, of).toBe(false);
    }
    for (const account of accounts)
      expect(account['automountServiceAccountToken'], account.metadata.name).toBe(false);
  });

  test('no pod of a workload is without a selector that finds it', () => {
    for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
      const [pod] = podsOf([object]);
      const { selector } = object['spec'] as { selector: { matchLabels: Record<string, string> } };
      expect(Object.keys(selector.matchLabels).length).toBeGreaterThan(0);
      expect(pod?.labels).toMatchObject(selector.matchLabels);
    }
  });

  test('every volume that is mounted exists, and every one that exists is mounted', () => {
    for (const { of, spec } of pods) {
      const mounted = containersOf(spec).flatMap(({ volumeMounts = [] }) =>
        volumeMounts.map(({ name }) => name),
      );
      expect([...new Set(mounted)].sort(), of).toEqual((spec.volumes ?? []).map(({ name }) => name).sort());
    }
  });
});

describe("the build's container", () => {
  const [pod] = podsOf([reference({ Registry: 'anything' }).find<Manifest>('Deployment', 'build')]);
  const [container] = pod?.spec.containers ?? [];
  const volumes = new Map(pod?.spec.volumes?.map((volume) => [volume.name, volume]));

  test('mounts no token of the API', () => {
    const tokens = [...volumes.values()].filter((volume) =>
      JSON.stringify(volume).includes('serviceAccountToken'),
    );
    const mounts = container?.volumeMounts?.map(({ name }) => name) ?? [];
    expect(tokens.map(({ name }) => name)).toEqual(['api-token']);
    expect(mounts.length).toBeGreaterThan(3);
    expect(mounts).not.toContain('api-token');
    expect(
      container?.volumeMounts?.filter(({ mountPath }) => mountPath.startsWith('/var/run/secrets')),
    ).toEqual([]);
  });

  test('sees no Secret but those of the services and those that the program names', () => {
    const text = JSON.stringify([
      container,
      (container?.volumeMounts ?? []).map(({ name }) => volumes.get(name)),
    ]);
    const names = [
      ...text.matchAll(
        /"(?:secretKeyRef|secret)":\{"(?:key":"[^"]*","name|name|items":[^\]]*\],"name|secretName)":"([^"]+)"/g,
      ),
    ];
    expect([...new Set(names.map(([, name]) => name))].sort()).toEqual([
      'minio-credentials',
      'rabbitmq-credentials',
      'studioml-runner-aws-sqs',
      'studioml-runner-keys',
    ]);
  });
});

test('a build at the level restricted is admitted there', () => {
  const { objects } = synthesized((app) => build(app));
  expect(podsOf(objects).map(({ spec }) => podSecurityProblems('restricted', spec))).toEqual([[]]);
});

test.each<[string, object, string]>([
  [
    'a privileged container',
    { containers: [{ name: 'a', securityContext: { privileged: true } }] },
    'is privileged',
  ],
  [
    'a path of the host',
    { containers: [], volumes: [{ name: 'a', hostPath: { path: '/' } }] },
    'is a hostPath',
  ],
  [
    'a powerful capability',
    { containers: [{ name: 'a', securityContext: { capabilities: { add: ['SYS_ADMIN'] } } }] },
    'adds SYS_ADMIN',
  ],
  ['the network of the host', { hostNetwork: true, containers: [] }, 'shares a namespace of the host'],
])('the check of these tests finds %s', (_name, pod, problem) => {
  const spec = pod as Parameters<typeof podSecurityProblems>[1];
  expect(podSecurityProblems('baseline', spec).join()).toContain(problem);
  expect(podSecurityProblems('privileged', spec)).toEqual([]);
});

test('the check of these tests tells restricted from baseline', () => {
  const spec = { containers: [{ name: 'a' }] };
  expect(podSecurityProblems('baseline', spec)).toEqual([]);
  expect(podSecurityProblems('restricted', spec)).toEqual([
    'a may raise its privileges',
    'a may run as root',
    'a keeps capabilities',
    'a has no seccomp profile',
  ]);
});
