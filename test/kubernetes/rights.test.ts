// What every ServiceAccount may do: no more than it needs, by name wherever Kubernetes can tell names apart.
import type { PolicyRule, RoleBinding } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { listeners } from '../support/listeners.ts';
import { reference } from '../support/programs.ts';
import { type Manifest, pathOf } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

interface Granted {
  readonly role: string;
  readonly rule: PolicyRule;
}

function granted(objects: readonly Manifest[]): Granted[] {
  return objects
    .filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole')
    .flatMap((object) =>
      (object['rules'] as PolicyRule[]).map((rule) => ({ role: `${object.kind} ${pathOf(object)}`, rule })),
    );
}

const text = ({ apiGroups = [], resources = [], verbs }: PolicyRule): string =>
  resources
    .map((resource) => `${apiGroups.map((group) => group || 'core').join()}/${resource}: ${verbs.join(' ')}`)
    .join('; ');

/** Rules that name no objects, by role, with the reason. */
const UNNAMED: readonly (readonly [role: RegExp, rule: string, reason: string])[] = [
  [
    /^Role .*\/(build-gate|check-gate|keelson-controller|registry-garbage-collection)$/,
    'core/events: create patch',
    'an Event gets a new name each time',
  ],
  [/^Role .*\/(build|check)-gate$/, 'core/pods: get list', 'the name of a pod is random'],
  [/^Role .*\/registry-garbage-collection$/, 'core/pods: list', 'the name of a pod is random'],
  [/^Role .*\/keelson-controller$/, 'core/pods: get list watch', 'the name of a pod is random'],
  [/^Role .*\/(build|check)-keel$/, 'core/pods: list', 'the name of a pod is random'],
  [/^Role .*\/(build|check)-keel$/, 'apps/deployments: list watch', 'list and watch know no names'],
  [
    /-controller$/,
    'core/namespaces: create get list watch patch delete',
    'commit namespaces have names of their own; an admission policy fences them',
  ],
  [
    /-controller$/,
    'rbac.authorization.k8s.io/rolebindings: create get patch',
    'in commit namespaces; an admission policy fences them',
  ],
  [/-commit-namespace$/, 'batch/jobs: create get list watch patch delete', 'bound in commit namespaces only'],
  [/-commit-namespace$/, 'core/pods: get list watch delete', 'bound in commit namespaces only'],
  [/-commit-namespace$/, 'core/pods/log: get', 'bound in commit namespaces only'],
  [
    /-commit-namespace$/,
    'core/configmaps: create get patch; core/services: create get patch; core/serviceaccounts: create get patch; core/resourcequotas: create get patch; core/limitranges: create get patch',
    'bound in commit namespaces only',
  ],
  [/-commit-namespace$/, 'core/secrets: create patch', 'copies for one build, never read back'],
  [
    /-commit-namespace$/,
    'networking.k8s.io/networkpolicies: create get patch',
    'bound in commit namespaces only',
  ],
  [/-commit-namespace$/, 'core/events: create patch list', 'bound in commit namespaces only'],
  ...[
    'apps/deployments: create get list watch update patch',
    'apps/deployments/scale: get patch',
    'coordination.k8s.io/leases: create get update patch',
    'core/pods: get list watch delete',
    'core/configmaps: create get patch; core/services: create get patch; core/serviceaccounts: create get patch; core/persistentvolumeclaims: create get patch; core/resourcequotas: create get patch; core/limitranges: create get patch',
    'core/secrets: create get patch',
    'networking.k8s.io/networkpolicies: create get patch',
    'rbac.authorization.k8s.io/roles: create get patch',
    'core/events: create patch list',
  ].map((rule) => [/-listener-namespace$/, rule, "bound in listeners' namespaces only"] as const),
  [/-listener-nodes$/, 'core/nodes: get list watch', 'Keel reads nodes for policies that change a tag'],
  [
    /-controller$/,
    'rbac.authorization.k8s.io/clusterrolebindings: create get patch',
    'for the Keel of a listener to read nodes; an admission policy fences them',
  ],
  [
    /-release\/keelson-controller$/,
    'batch/jobs: create get list watch patch delete',
    "the release's namespace holds nothing but its Jobs, each named after a commit",
  ],
  [/-release\/keelson-controller$/, 'core/pods/log: get', 'the name of a pod is random'],
  [
    /^ClusterRole keel-.*-nodes$/,
    'core/nodes: get list watch',
    'Keel reads nodes for policies that change a tag',
  ],
];

describe.each([...variants])('in %s', (_name, synthesize) => {
  const written = synthesize().objects;
  const objects = [...written, ...listeners(written)];
  const all = granted(objects);

  test('there are rules', () => {
    expect(all.length).toBeGreaterThan(15);
  });

  test('no rule has a wildcard, and none gives every right', () => {
    for (const { role, rule } of all) {
      const words = [
        ...(rule.apiGroups ?? []),
        ...(rule.resources ?? []),
        ...rule.verbs,
        ...(rule.resourceNames ?? []),
      ];
      expect(
        words.filter((word) => word.includes('*')),
        role,
      ).toEqual([]);
      expect(rule.nonResourceURLs, role).toBeUndefined();
    }
    expect(JSON.stringify(objects)).not.toContain('cluster-admin');
  });

  test('nobody may list or watch Secrets, and nobody may read one that is not named', () => {
    const rules = all.filter(({ rule }) =>
      rule.resources?.some((resource) => resource.startsWith('secrets')),
    );
    for (const { role, rule } of rules) {
      expect(rule.verbs, role).not.toContain('list');
      expect(rule.verbs, role).not.toContain('watch');
      // Every Secret of a listener's namespace is one that the controller has copied or made itself.
      if (rule.verbs.includes('get') && !role.endsWith('-listener-namespace'))
        expect(rule.resourceNames?.length, role).toBeGreaterThan(0);
    }
  });

  test('nobody may run commands in pods, impersonate, or make and bind roles but one that is named', () => {
    for (const { role, rule } of all) {
      expect(rule.resources, role).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/pods\/(exec|attach|portforward)|token/)]),
      );
      expect(rule.verbs, role).not.toEqual(
        expect.arrayContaining([expect.stringMatching(/impersonate|escalate/)]),
      );
      if (rule.verbs.includes('bind')) expect(rule.resourceNames, role).toHaveLength(1);
    }
  });

  test('every rule names its objects, or is one of the exceptions', () => {
    const unnamed = all.filter(({ rule }) => rule.resourceNames === undefined);
    const unexpected = unnamed.filter(
      ({ role, rule }) => !UNNAMED.some(([pattern, allowed]) => pattern.test(role) && allowed === text(rule)),
    );
    expect(unexpected.map(({ role, rule }) => `${role}: ${text(rule)}`)).toEqual([]);
  });

  test('no rule with names has verbs for which names count for nothing', () => {
    for (const { role, rule } of all.filter((one) => one.rule.resourceNames !== undefined)) {
      expect(rule.resourceNames, role).not.toEqual([]);
      // Server-side apply names what it creates; test/cluster/rights.test.ts tries it.
      if (rule.resources?.join() === 'leases' && rule.verbs.includes('patch')) continue;
      expect(
        rule.verbs.filter((verb) => ['create', 'list', 'deletecollection'].includes(verb)),
        role,
      ).toEqual([]);
    }
  });

  test('every binding gives a role of this output to accounts that are not the default ones', () => {
    const roles = new Set(objects.map((object) => `${object.kind} ${pathOf(object)}`));
    for (const object of objects.filter(
      ({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding',
    )) {
      const { roleRef, subjects = [] } = object as unknown as RoleBinding;
      const { namespace } = object.metadata;
      expect([...roles]).toContain(
        `${roleRef.kind} ${roleRef.kind === 'Role' ? `${namespace}/` : ''}${roleRef.name}`,
      );
      expect(subjects).toHaveLength(1);
      for (const { kind, name, namespace: of } of subjects) {
        expect(kind).toBe('ServiceAccount');
        expect(name).not.toBe('default');
        expect([...roles], `${of}/${name}`).toContain(`ServiceAccount ${of}/${name}`);
      }
    }
  });
});

test('every exception is needed by some program', { timeout: 30_000 }, () => {
  const all = [...variants.values()].flatMap((synthesize) => granted(synthesize().objects));
  for (const [pattern, allowed, reason] of UNNAMED) {
    expect(reason).not.toBe('');
    expect(
      all.some(({ role, rule }) => pattern.test(role) && text(rule) === allowed),
      allowed,
    ).toBe(true);
  }
});

test("the rights of a build's account are those of its gate, and Keel's end at the namespace", () => {
  const { objects } = reference();
  const bindings = objects.filter(({ kind }) => /RoleBinding$/.test(kind)) as unknown as (RoleBinding &
    Manifest)[];
  const of = (name: string): string[] =>
    bindings
      .filter(({ subjects }) => subjects?.[0]?.name === name)
      .map((binding) => `${binding.kind} ${pathOf(binding)}`);
  expect(of('build')).toEqual(['RoleBinding ci-go-runner/build-gate']);
  expect(of('keel-ci-go-runner')).toEqual(['RoleBinding ci-go-runner/build-keel']);
  expect(of('minio')).toEqual([]);
  expect(of('rabbitmq')).toEqual([]);
  expect(of('redis')).toEqual([]);
});
