// Objects with which no linter finds anything wrong, for checks to be spoiled one by one.
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { ConfigMap, Container, PodSpec, Service, ServiceAccount } from 'kubernetes-types/core/v1.js';
import type { ObjectMeta } from 'kubernetes-types/meta/v1.js';
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.js';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.js';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
} from 'kubernetes-types/rbac/v1.js';
import type { Manifest } from '../../support/synthesized.ts';

/** A set of objects, and the parts of them that spoilers change. */
export interface Draft {
  readonly deployment: Deployment;
  /** The Deployment's pod, its labels and its container. */
  readonly pod: PodSpec;
  readonly labels: Record<string, string>;
  readonly container: Container;
  readonly job: Job;
  readonly service: Service;
  readonly account: ServiceAccount;
  readonly budget: PodDisruptionBudget;
  readonly policy: NetworkPolicy;
  readonly ingress: Ingress;
  readonly configMap: ConfigMap;
  readonly role: Role;
  /** The Role's only rule. */
  readonly rule: PolicyRule;
  readonly clusterRole: ClusterRole;
  /** The ClusterRole's only rule. */
  readonly clusterRule: PolicyRule;
  readonly roleBinding: RoleBinding;
  /** Of the ClusterRole, in the namespace only. */
  readonly borrowed: RoleBinding;
  readonly clusterRoleBinding: ClusterRoleBinding;
}

/** A fresh set. */
export function clean(): Draft {
  const metadata: ObjectMeta = {
    name: 'web',
    namespace: 'clean',
    labels: { app: 'web', 'app.kubernetes.io/instance': 'web' },
  };
  const labels: Record<string, string> = { app: 'web' };
  const container: Container = {
    name: 'web',
    image: 'quay.io/team/web:1.0',
    imagePullPolicy: 'Always',
    env: [{ name: 'LEVEL', value: 'info' }],
    ports: [{ name: 'http', containerPort: 8080 }],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 } },
    livenessProbe: { httpGet: { path: '/alive', port: 8080 } },
    resources: {
      requests: { cpu: '100m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
      limits: { cpu: '1', memory: '128Mi', 'ephemeral-storage': '64Mi' },
    },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [],
  };
  const place = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };
  const pod: PodSpec = {
    serviceAccountName: 'web',
    automountServiceAccountToken: false,
    priorityClassName: 'usual',
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [place] } },
    topologySpreadConstraints: [{ ...place, maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 10001,
      runAsGroup: 10001,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [container],
    volumes: [],
  };
  const deployment: Deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: structuredClone(metadata),
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels }, spec: pod },
    },
  };
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...structuredClone(metadata),
      name: 'once',
      labels: { 'app.kubernetes.io/instance': 'once' },
    },
    spec: {
      ttlSecondsAfterFinished: 60,
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { ...structuredClone(pod), restartPolicy: 'Never' },
      },
    },
  };
  const service: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: structuredClone(metadata),
    spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
  };
  const account: ServiceAccount = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: structuredClone(metadata),
    automountServiceAccountToken: false,
  };
  const budget: PodDisruptionBudget = {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: structuredClone(metadata),
    spec: {
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
      selector: { matchLabels: { app: 'web' } },
    },
  };
  const anywhere = [{ podSelector: {} }];
  const policy: NetworkPolicy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: structuredClone(metadata),
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [{ from: anywhere }],
      egress: [{ to: anywhere }],
    },
  };
  const backend = { service: { name: 'web', port: { number: 80 } } };
  const ingress: Ingress = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: structuredClone(metadata),
    spec: {
      tls: [{ hosts: ['web.example.com'] }],
      rules: [{ host: 'web.example.com', http: { paths: [{ path: '/', pathType: 'Exact', backend }] } }],
    },
  };
  const configMap: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: structuredClone(metadata),
    data: { settings: 'a' },
  };
  const rule: PolicyRule = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };
  const clusterRule: PolicyRule = { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] };
  const role: Role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: structuredClone(metadata),
    rules: [rule],
  };
  const clusterRole: ClusterRole = {
    ...role,
    kind: 'ClusterRole',
    metadata: { name: 'web' },
    rules: [clusterRule],
  };
  const subjects = [{ kind: 'ServiceAccount', name: 'web', namespace: 'clean' }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'web' };
  const roleBinding: RoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: structuredClone(metadata),
    roleRef,
    subjects,
  };
  const borrowed: RoleBinding = {
    ...roleBinding,
    metadata: { ...structuredClone(metadata), name: 'borrowed' },
    roleRef: { ...roleRef, kind: 'ClusterRole' },
  };
  const clusterRoleBinding: ClusterRoleBinding = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'web' },
    roleRef: { ...roleRef, kind: 'ClusterRole' },
    subjects,
  };
  return {
    deployment,
    pod,
    container,
    labels,
    job,
    service,
    account,
    budget,
    policy,
    ingress,
    configMap,
    role,
    rule,
    clusterRole,
    clusterRule,
    roleBinding,
    borrowed,
    clusterRoleBinding,
  };
}

/** All objects of a set. */
export function objectsOf(draft: Draft): Manifest[] {
  const { deployment, job, service, account, budget, policy, ingress, configMap } = draft;
  const { role, clusterRole, roleBinding, borrowed, clusterRoleBinding } = draft;
  return [
    ...[deployment, job, service, account, budget, policy, ingress, configMap],
    ...[role, clusterRole, roleBinding, borrowed, clusterRoleBinding],
  ].map((object) => structuredClone(object) as unknown as Manifest);
}
