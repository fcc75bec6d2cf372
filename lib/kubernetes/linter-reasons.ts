// The exceptions from linters that parts have in common.
import type { Capabilities, PodSecurityContext, SecurityContext } from 'kubernetes-types/core/v1.d.ts';
import type { LinterException } from './linters.ts';
import type { PodSecurity } from './pod-security.ts';

/** Of every pod that we make. */
export const OPENED_NAMESPACE: LinterException = {
  checks: ['polaris/missingNetworkPolicy'],
  reason: 'one policy denies both directions in the whole namespace; others allow what a pod needs',
};

/** Of every pod without a PriorityClass. */
export const USUAL_PRIORITY: LinterException = {
  checks: ['polaris/priorityClassNotSet'],
  reason: 'priorities are for who runs the cluster to give',
};

/** Of the pods of all stages. */
export const EVERY_POD: readonly LinterException[] = [OPENED_NAMESPACE, USUAL_PRIORITY];

/** Of a pod with an image of ours or of a tool, whose tag is a version. */
export const VERSIONED_IMAGE: LinterException = {
  checks: ['kube-score/container-image-pull-policy', 'polaris/pullPolicyNotAlways'],
  reason: 'the image is of one version, and a node that has it can start the pod without the registry',
};

/** Of a Deployment with one pod. */
export const ONE_POD: LinterException = {
  checks: [
    'polaris/deploymentMissingReplicas',
    'polaris/missingPodDisruptionBudget',
    'polaris/topologySpreadConstraint',
  ],
  reason: 'it is one pod, whose end is no loss that a second one would prevent',
};

/** Of a Deployment without replicas, which linters take for one with several pods. */
export const SCALED_AT_RUN_TIME: LinterException = {
  checks: [
    'kube-score/deployment-has-host-podantiaffinity',
    'kube-score/deployment-has-poddisruptionbudget',
    ...ONE_POD.checks,
  ],
  reason: 'it is one pod or none, as the agent or Keel decides at run time',
};

/** Of a Deployment of one pod that a Service is for. */
export const BEHIND_SERVICE: LinterException['checks'] = [
  'kube-score/deployment-replicas',
  'kube-score/deployment-strategy',
];

/** Of such a Deployment that keeps data. */
export const ONE_VOLUME: LinterException = {
  checks: BEHIND_SERVICE,
  reason: 'its data is on a volume that one pod may use at a time',
};

/** Of a container whose readiness and liveness are one question. */
export const ONE_PROBE: LinterException['checks'] = ['kube-score/pod-probes-identical'];

/** Of a container that runs as a user below 10000. */
export const LOW_USER: LinterException['checks'] = ['kube-score/container-security-context-user-group-id'];

/** Of a container that writes into its own image. */
export const WRITABLE_ROOT: LinterException['checks'] = [
  'kube-linter/no-read-only-root-fs',
  'kube-score/container-security-context-readonlyrootfilesystem',
  'polaris/notReadOnlyRootFilesystem',
];

/**
 * What a container may that `restricted` does not allow: excepted for the reason that its Pod Security level
 * was asked for. At the level `restricted` nothing is.
 */
export function privilegeExceptions(
  podSecurity: PodSecurity,
  pod: PodSecurityContext | undefined,
  container: SecurityContext | undefined,
): LinterException[] {
  const { level } = podSecurity;
  // An exception is one line; a reason of nothing is reported where it was given.
  const reason = String(podSecurity.reason ?? '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  if (level === 'restricted' || reason === '') return [];
  const context: SecurityContext = { ...userOf(pod), ...container };
  const checks: LinterException['checks'][] = [
    context.runAsNonRoot ? [] : ['kube-linter/run-as-non-root', 'polaris/runAsRootAllowed'],
    context.privileged
      ? ['kube-linter/privileged-container', 'kube-score/container-security-context-privileged']
      : [],
    context.privileged ? ['polaris/runAsPrivileged'] : [],
    context.allowPrivilegeEscalation === false ? [] : ['polaris/privilegeEscalationAllowed'],
    context.allowPrivilegeEscalation || context.privileged || adds(context.capabilities, 'SYS_ADMIN')
      ? ['kube-linter/privilege-escalation-container']
      : [],
    adds(context.capabilities, 'ALL', 'NET_ADMIN', 'SYS_ADMIN') ? ['polaris/dangerousCapabilities'] : [],
    drops(context.capabilities, 'ALL') ? [] : ['polaris/insecureCapabilities'],
    drops(context.capabilities, 'NET_RAW') ? [] : ['kube-linter/drop-net-raw-capability'],
  ];
  return checks.some((list) => list.length > 0) ? [{ checks: checks.flat(), reason }] : [];
}

function userOf({ runAsNonRoot }: PodSecurityContext = {}): SecurityContext {
  return runAsNonRoot === undefined ? {} : { runAsNonRoot };
}

function adds(capabilities: Capabilities | undefined, ...names: readonly string[]): boolean {
  return capabilities?.add?.some((one) => names.includes(one)) ?? false;
}

function drops(capabilities: Capabilities | undefined, name: string): boolean {
  return capabilities?.drop?.some((one) => one === name || one === 'ALL') ?? false;
}
