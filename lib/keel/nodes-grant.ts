import type { Construct } from 'constructs';
import type { ClusterRole, ClusterRoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { every, type Subject } from '../kubernetes/rbac.ts';

/** Lets a Keel read Nodes, once: it asks for which platforms an image has to be before it changes a tag. */
export function grantNodes(scope: Construct, id: string, { namespace, serviceAccountName }: Subject): void {
  if (scope.node.tryFindChild(id) !== undefined) return;
  const name = toDnsLabel(`${namespace}-${serviceAccountName}-nodes`);
  kubeObject<ClusterRole>(scope, id, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name },
    rules: lazy(() => [every('', ['nodes'], ['get', 'list', 'watch'])]),
  });
  kubeObject<ClusterRoleBinding>(scope, `${id}-binding`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
  });
}
