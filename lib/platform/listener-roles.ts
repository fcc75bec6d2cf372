import { every, type PolicyRule } from '../kubernetes/rbac.ts';

/** The ClusterRole that the controller binds itself to in a listener's namespace. */
export function listenerNamespaceRole(platformName: string): string {
  return `keelson-${platformName}-listener-namespace`;
}

/** The ClusterRole by which the Keel of a listener may read nodes, as it has to where a tag may change. */
export function listenerNodesRole(platformName: string): string {
  return `keelson-${platformName}-listener-nodes`;
}

/**
 * What the controller may do in a listener's namespace: make its objects, and do for the build there what a
 * pipeline's own Role lets it do at home. Roles come with the template, by name: Kubernetes lets the controller
 * make only such Roles as grant no more than this.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
export const LISTENER_NAMESPACE_RULES: PolicyRule[] = [
  every('apps', ['deployments'], ['create', 'get', 'list', 'watch', 'update', 'patch']),
  every('apps', ['deployments/scale'], ['get', 'patch']),
  every('coordination.k8s.io', ['leases'], ['create', 'get', 'update', 'patch']),
  every('', ['pods'], ['get', 'list', 'watch', 'delete']),
  every(
    '',
    ['configmaps', 'services', 'serviceaccounts', 'persistentvolumeclaims', 'resourcequotas', 'limitranges'],
    ['create', 'get', 'patch'],
  ),
  // All of them are the controller's own copies. It grants the gate's neighbour Keel the one that it pulls with.
  every('', ['secrets'], ['create', 'get', 'patch']),
  every('networking.k8s.io', ['networkpolicies'], ['create', 'get', 'patch']),
  every('rbac.authorization.k8s.io', ['roles'], ['create', 'get', 'patch']),
  every('', ['events'], ['create', 'patch', 'list']),
];

/** What the Keel of a listener may read of nodes. */
export const LISTENER_NODES_RULES: PolicyRule[] = [every('', ['nodes'], ['get', 'list', 'watch'])];

/** The kinds of objects that a listener's template may hold: those that the controller may make. */
export const LISTENER_KINDS: ReadonlySet<string> = new Set([
  'ClusterRoleBinding',
  'ConfigMap',
  'Deployment',
  'Lease',
  'LimitRange',
  'Namespace',
  'NetworkPolicy',
  'PersistentVolumeClaim',
  'ResourceQuota',
  'Role',
  'RoleBinding',
  'Secret',
  'Service',
  'ServiceAccount',
]);
