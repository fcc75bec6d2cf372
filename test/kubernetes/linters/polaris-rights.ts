// Polaris' checks of Roles and their bindings, all of them dangers.
import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { at } from '../../support/at.ts';
import type { Manifest } from '../../support/synthesized.ts';
import { type Check, ofKind, type Subject } from './check.ts';

const EXEC: PolicyRule = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
const ADMIN: PolicyRule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
const ALL_VERBS = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

export const polarisRights: readonly Check[] = [
  ofKind(
    'ClusterRole',
    'polaris/clusterrolePodExecAttach',
    ({ object }) => rulesOf(object).some(allowsExec),
    ({ clusterRule }) => {
      Object.assign(clusterRule, EXEC);
    },
  ),
  ofKind(
    'Role',
    'polaris/rolePodExecAttach',
    ({ object }) => rulesOf(object).some(allowsExec),
    ({ rule }) => {
      Object.assign(rule, EXEC);
    },
  ),
  ofKind(
    'ClusterRoleBinding',
    'polaris/clusterrolebindingPodExecAttach',
    (subject) => allows(subject, allowsExec),
    ({ clusterRule }) => {
      Object.assign(clusterRule, EXEC);
    },
  ),
  ofKind(
    'RoleBinding',
    'polaris/rolebindingClusterRolePodExecAttach',
    (subject) => isOf(subject, 'ClusterRole') && allows(subject, allowsExec),
    ({ clusterRule }) => {
      Object.assign(clusterRule, EXEC);
    },
  ),
  ofKind(
    'RoleBinding',
    'polaris/rolebindingRolePodExecAttach',
    (subject) => isOf(subject, 'Role') && allows(subject, allowsExec),
    ({ rule }) => {
      Object.assign(rule, EXEC);
    },
  ),
  ofKind(
    'ClusterRoleBinding',
    'polaris/clusterrolebindingClusterAdmin',
    (subject) => allows(subject, allowsAll),
    ({ clusterRoleBinding }) => {
      clusterRoleBinding.roleRef = { ...clusterRoleBinding.roleRef, name: 'cluster-admin' };
    },
  ),
  ofKind(
    'RoleBinding',
    'polaris/rolebindingClusterAdminClusterRole',
    (subject) => isOf(subject, 'ClusterRole') && allows(subject, allowsAll),
    ({ clusterRule }) => {
      Object.assign(clusterRule, ADMIN);
    },
  ),
  ofKind(
    'RoleBinding',
    'polaris/rolebindingClusterAdminRole',
    (subject) => isOf(subject, 'Role') && allows(subject, allowsAll),
    ({ rule }) => {
      Object.assign(rule, { ...ADMIN, verbs: ALL_VERBS });
    },
  ),
];

function rulesOf(role: Manifest): PolicyRule[] {
  return (role['rules'] ?? []) as PolicyRule[];
}

function isOf({ object }: Subject, kind: string): boolean {
  return at(object, 'roleRef.kind') === kind;
}

/** Whether the bound role allows something; Polaris takes one that it does not see for one that does. */
function allows({ object, beside, all }: Subject, something: (rule: PolicyRule) => boolean): boolean {
  const kind = at(object, 'roleRef.kind');
  const name = at(object, 'roleRef.name');
  const role = (kind === 'Role' ? beside : all).find(
    (one) => one.kind === kind && one.metadata.name === name,
  );
  return role === undefined || rulesOf(role).some(something);
}

function allowsExec(rule: PolicyRule): boolean {
  return (
    hasAny(rule.apiGroups, '', '*') &&
    hasAny(rule.resources, '*', 'pods/exec', 'pods/attach') &&
    hasAny(rule.verbs, '*', 'get', 'create')
  );
}

function allowsAll({ apiGroups, resources, verbs }: PolicyRule): boolean {
  const everyVerb = hasAny(verbs, '*') || ALL_VERBS.every((verb) => verbs.includes(verb));
  return hasAny(apiGroups, '*') && hasAny(resources, '*') && everyVerb;
}

function hasAny(list: readonly string[] | undefined, ...wanted: readonly string[]): boolean {
  return (list ?? []).some((one) => wanted.includes(one));
}
