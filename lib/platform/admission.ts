import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
  Variable,
} from 'kubernetes-types/admissionregistration/v1.d.ts';
import { INACTIVE_PREFIX, LISTENER_PREFIX } from '../agent/listener.ts';
import type { KeelReference } from '../keel/keel-reference.ts';
import { KeelsonLabels } from '../kubernetes/labels.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import { sound } from '../props/sound.ts';
import { listenerNamespaceRole, listenerNodesRole } from './listener-roles.ts';

const HELD = 'keel.sh/policy';

/** Props of {@link KeelAdmission}. */
export interface KeelAdmissionProps {
  /** The platform's name. */
  readonly platformName: string;
  /**
   * The Keel whose updates are judged.
   * @default - none
   */
  readonly keel?: KeelReference;
  /**
   * Whether those of the Keels beside builds that hand over are judged, too.
   * @default false
   */
  readonly handOver?: boolean;
}

/**
 * Keeps Keel's writes away from builds that are held back. Keel reads a Deployment, and later writes its
 * old copy under the newest resource version: without this, it erases a hold that was made in between.
 *
 * @see https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
 */
export class KeelAdmission extends Construct {
  /** The policy on Keel's updates of Deployments. */
  readonly policy: AdmissionPolicy;

  constructor(scope: Construct, id: string, given: KeelAdmissionProps) {
    super(scope, id);
    const { platformName, keel, handOver } = sound(this, 'KeelAdmissionProps', given);
    this.policy = new AdmissionPolicy(this, 'policy', {
      name: `keelson-${platformName}-keel`,
      who: [...(keel === undefined ? [] : [isKeel(keel)]), ...(handOver ? [IS_NEIGHBOUR] : [])].join(' || '),
      rule: { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
      variables: [
        { name: 'held', expression: annotation('oldObject') },
        { name: 'wanted', expression: annotation('object') },
      ],
      validations: [
        {
          expression: "variables.held != 'never'",
          message: 'this Deployment is held back while its build runs',
        },
        {
          expression: 'variables.held == variables.wanted',
          message: `Keel must not change the annotation ${HELD}`,
        },
        {
          expression: 'object.spec.replicas == oldObject.spec.replicas',
          message: 'Keel must not change the number of replicas',
        },
      ],
    });
  }
}

/** Props of {@link ControllerAdmission}. */
export interface ControllerAdmissionProps {
  /** The platform's name. */
  readonly platformName: string;
  /** As whom the controller acts. */
  readonly controller: Subject;
  /** The only ClusterRole that the controller may bind. */
  readonly commitNamespaceRole: string;
  /**
   * Whether the controller makes listeners.
   * @default false
   */
  readonly handOver?: boolean;
}

/**
 * Keeps the controller to the namespaces that it made. Its rights over namespaces and RoleBindings are
 * cluster-wide, because Kubernetes' authorization can't tell by label which of them are meant.
 */
export class ControllerAdmission extends Construct {
  /** The policy on namespaces. */
  readonly namespaces: AdmissionPolicy;
  /** The policy on RoleBindings. */
  readonly roleBindings: AdmissionPolicy;
  /** The policy on ClusterRoleBindings, where the controller makes any. */
  readonly clusterRoleBindings: AdmissionPolicy | undefined;

  constructor(scope: Construct, id: string, given: ControllerAdmissionProps) {
    super(scope, id);
    const props = sound(this, 'ControllerAdmissionProps', given, {
      controller: { namespace: 'missing', serviceAccountName: 'missing' },
    });
    const { platformName, controller, commitNamespaceRole, handOver = false } = props;
    const { namespace, serviceAccountName } = controller;
    const listenerRole = listenerNamespaceRole(platformName);
    const clusterRole = handOver
      ? `(variables.listener ? '${listenerRole}' : '${commitNamespaceRole}')`
      : `'${commitNamespaceRole}'`;
    const roles = handOver
      ? `the ClusterRole ${commitNamespaceRole}, and in a listener's namespace ${listenerRole} and Roles`
      : `the ClusterRole ${commitNamespaceRole}`;
    const prefixes = ['gw-', ...(handOver ? [LISTENER_PREFIX] : [])];
    const who = `request.userInfo.username == 'system:serviceaccount:${namespace}:${serviceAccountName}'`;
    this.namespaces = new AdmissionPolicy(this, 'namespaces', {
      name: `keelson-${platformName}-namespaces`,
      who,
      rule: {
        apiGroups: [''],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE', 'DELETE'],
        resources: ['namespaces'],
      },
      variables: [
        { name: 'owner', expression: label('object', KeelsonLabels.OWNER) },
        { name: 'oldOwner', expression: label('oldObject', KeelsonLabels.OWNER) },
        { name: 'level', expression: label('object', PodSecurity.ENFORCE) },
      ],
      validations: [
        {
          expression: `request.operation == 'CREATE' || variables.oldOwner == '${platformName}'`,
          message: 'the controller may only touch namespaces that it made',
        },
        {
          expression: `request.operation == 'DELETE' || variables.owner == '${platformName}'`,
          message: `a namespace of the controller carries its owner label ${KeelsonLabels.OWNER}`,
        },
        {
          expression: `request.operation != 'CREATE' || ${prefixes.map((prefix) => `object.metadata.name.startsWith('${prefix}')`).join(' || ')}`,
          message: `the name of a namespace that the controller makes starts with ${prefixes.join(' or ')}`,
        },
        {
          expression: "request.operation == 'DELETE' || variables.level in ['restricted', 'baseline']",
          message: "a commit's namespace enforces the Pod Security level restricted or baseline",
        },
      ],
    });
    this.roleBindings = new AdmissionPolicy(this, 'role-bindings', {
      name: `keelson-${platformName}-role-bindings`,
      who,
      rule: {
        apiGroups: ['rbac.authorization.k8s.io'],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['rolebindings'],
      },
      variables: [
        { name: 'owner', expression: label('namespaceObject', KeelsonLabels.OWNER) },
        ...(handOver
          ? [{ name: 'listener', expression: `request.namespace.startsWith('${LISTENER_PREFIX}')` }]
          : []),
        { name: 'own', expression: "object.roleRef.kind == 'Role'" },
      ],
      validations: [
        {
          expression: `variables.owner == '${platformName}'`,
          message: 'the controller may only bind roles in namespaces that it made',
        },
        {
          expression: handOver
            ? `variables.own ? variables.listener : object.roleRef.name == ${clusterRole}`
            : `!variables.own && object.roleRef.name == ${clusterRole}`,
          message: `the controller may only bind ${roles}`,
        },
        {
          expression:
            "has(object.subjects) && object.subjects.all(subject, subject.kind == 'ServiceAccount' && " +
            '(variables.own ? subject.namespace == request.namespace : ' +
            `subject.name == '${serviceAccountName}' && subject.namespace == '${namespace}'))`,
          message: handOver
            ? 'the controller may only bind ClusterRoles to itself, and Roles to accounts of their namespace'
            : 'the controller may only bind roles to itself',
        },
      ],
    });
    this.clusterRoleBindings = handOver ? this.#nodeReaders(platformName, who) : undefined;
  }

  /** The only cluster-wide right that the controller gives: the Keel of a listener may read nodes. */
  #nodeReaders(platformName: string, who: string): AdmissionPolicy {
    const role = listenerNodesRole(platformName);
    return new AdmissionPolicy(this, 'cluster-role-bindings', {
      name: `keelson-${platformName}-cluster-role-bindings`,
      who,
      rule: {
        apiGroups: ['rbac.authorization.k8s.io'],
        apiVersions: ['v1'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['clusterrolebindings'],
      },
      validations: [
        {
          expression: `object.roleRef.name == '${role}'`,
          message: `the controller may bind no ClusterRole cluster-wide but ${role}`,
        },
        {
          expression: `object.metadata.name.startsWith('${LISTENER_PREFIX}')`,
          message: `the name of a listener's binding starts with ${LISTENER_PREFIX}`,
        },
        {
          expression:
            "has(object.subjects) && object.subjects.all(subject, subject.kind == 'ServiceAccount' && " +
            `subject.name.endsWith('-keel') && subject.namespace.startsWith('${LISTENER_PREFIX}'))`,
          message: 'the controller may let nobody read nodes but the Keel of a listener',
        },
      ],
    });
  }
}

/** The requests that a policy is about. */
export interface ResourceRule {
  /** Groups of the API. */
  apiGroups: string[];
  /** Versions of those groups. */
  apiVersions: string[];
  /** What is done. */
  operations: ('CREATE' | 'UPDATE' | 'DELETE')[];
  /** To which resources. */
  resources: string[];
}

/** Props of {@link AdmissionPolicy}. */
export interface AdmissionPolicyProps {
  /** The name of policy and binding. */
  readonly name: string;
  /** A CEL expression that is true for requests of whom the policy is about. */
  readonly who: string;
  /** The requests that it judges. */
  readonly rule: ResourceRule;
  /**
   * CEL expressions with names, which validations refer to.
   * @default - none
   */
  readonly variables?: Variable[];
  /** What has to hold, and what is said where it does not. */
  readonly validations: Validation[];
}

/** A ValidatingAdmissionPolicy that denies, with its binding. */
export class AdmissionPolicy extends Construct {
  /** The ValidatingAdmissionPolicy. */
  readonly policy: ApiObject;
  /** Its binding, which denies. */
  readonly binding: ApiObject;

  constructor(scope: Construct, id: string, given: AdmissionPolicyProps) {
    super(scope, id);
    const { name, who, rule, variables, validations } = sound(this, 'AdmissionPolicyProps', given, {
      rule: { apiGroups: [], apiVersions: [], operations: [], resources: [] },
    });
    this.policy = kubeObject<ValidatingAdmissionPolicy>(this, 'Resource', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name },
      spec: {
        failurePolicy: 'Fail',
        // All of this is replaced as one, so that without the defaults each server-side apply would be a change.
        matchConstraints: {
          matchPolicy: 'Equivalent',
          namespaceSelector: {},
          objectSelector: {},
          resourceRules: [{ ...rule, scope: '*' } as ResourceRule],
        },
        matchConditions: [{ name: 'who', expression: who }],
        ...(variables && { variables }),
        validations,
      },
    });
    this.binding = kubeObject<ValidatingAdmissionPolicyBinding>(this, 'binding', {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: { policyName: name, validationActions: ['Deny'] },
    });
  }
}

/** Our Keel has a namespace to itself; another one may share it, so that only its own account is meant. */
function isKeel({ namespace, serviceAccountName }: KeelReference): string {
  return serviceAccountName === undefined
    ? `'system:serviceaccounts:${namespace}' in request.userInfo.groups`
    : `request.userInfo.username == 'system:serviceaccount:${namespace}:${serviceAccountName}'`;
}

/** The Keel of a namespace in which a build hands over acts on that build alone: {@link NamespaceKeel}. */
const IS_NEIGHBOUR =
  "(request.userInfo.username.startsWith('system:serviceaccount:' + request.namespace + ':') && " +
  "request.userInfo.username.endsWith('-keel') && " +
  `has(oldObject.metadata.annotations) && '${INACTIVE_PREFIX}policy' in oldObject.metadata.annotations)`;

/** The value of Keel's policy annotation, or an empty text. */
function annotation(object: string): string {
  return entry(object, 'annotations', HELD);
}

/** The value of a label, or an empty text. */
function label(object: string, key: string): string {
  return entry(object, 'labels', key);
}

function entry(object: string, map: 'labels' | 'annotations', key: string): string {
  const field = `${object}.metadata.${map}`;
  // On CREATE there is no old object, on DELETE no new one.
  return `${object} != null && has(${field}) && '${key}' in ${field} ? ${field}['${key}'] : ''`;
}
