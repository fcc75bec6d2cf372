import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { PolicyRule, Role, RoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { sound } from '../props/sound.ts';
import { kubeObject, lazy } from './object.ts';

export type { PolicyRule } from 'kubernetes-types/rbac/v1.d.ts';

/** A ServiceAccount, by namespace and name. */
export interface Subject {
  /** The ServiceAccount's namespace. */
  readonly namespace: string;
  /** The ServiceAccount's name. */
  readonly serviceAccountName: string;
}

/** Props of {@link Grant}. */
export interface GrantProps {
  /** The name of Role and RoleBinding. */
  readonly name: string;
  /** The namespace in which the rights hold. */
  readonly namespace: string;
  /** Who gets them. */
  readonly to: Subject;
  /** What is allowed; asked at synthesis, when every stage is known. */
  readonly rules: () => PolicyRule[];
}

/** Rights of one ServiceAccount in one namespace: a Role and its RoleBinding. */
export class Grant extends Construct {
  /** The Role. */
  readonly role: ApiObject;
  /** The RoleBinding. */
  readonly roleBinding: ApiObject;

  constructor(scope: Construct, id: string, given: GrantProps) {
    super(scope, id);
    const { name, namespace, to, rules } = sound(this, 'GrantProps', given, {
      to: { namespace: 'missing', serviceAccountName: 'missing' },
      rules: () => [],
    });
    this.role = kubeObject<Role>(this, 'Resource', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name, namespace },
      rules: lazy(rules),
    });
    this.roleBinding = kubeObject<RoleBinding>(this, 'binding', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name: to.serviceAccountName, namespace: to.namespace }],
    });
  }
}

/** A rule on objects that are named. */
export function named(
  apiGroup: string,
  resources: string[],
  names: readonly string[],
  verbs: string[],
): PolicyRule {
  return { apiGroups: [apiGroup], resources, resourceNames: [...names], verbs };
}

/** A rule on every object of a kind in the namespace. */
export function every(apiGroup: string, resources: string[], verbs: string[]): PolicyRule {
  return { apiGroups: [apiGroup], resources, verbs };
}
