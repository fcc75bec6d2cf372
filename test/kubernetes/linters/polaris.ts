// Polaris' checks of pods and containers, those that its default configuration calls a danger or a warning, each
// written after its description: https://github.com/FairwindsOps/polaris/tree/master/pkg/config
import type { Container, SecurityContext } from 'kubernetes-types/core/v1.js';
import { at } from '../../support/at.ts';
import { type Check, ofContainer, ofKind, ofPod, type PodSubject } from './check.ts';

/** What a container is given where it is not told to drop ALL, and NET_ADMIN. */
const INSECURE = [
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_ADMIN',
  'NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT',
].flatMap((line) => line.split(' '));
const DANGEROUS = /^(ALL|NET_ADMIN|SYS_ADMIN)$/i;
const SENSITIVE_NAME =
  /^AWS_SECRET_ACCESS_KEY$|^GOOGLE_APPLICATION_CREDENTIALS$|^AZURE_.+KEY$|^OCI_CLI_KEY_CONTENT$|password|token|bearer|secret/i;
const SENSITIVE_VALUE = /-BEGIN\s+.*PRIVATE KEY-/i;

export const polarisPods: readonly Check[] = [
  // Reliability.
  ofKind(
    'Deployment',
    'polaris/deploymentMissingReplicas',
    ({ spec }) => !(Number(spec['replicas'] ?? 0) >= 2),
    ({ deployment }) => {
      delete deployment.spec?.replicas;
    },
  ),
  ofPod(
    'polaris/priorityClassNotSet',
    ({ pod }) => pod.priorityClassName === undefined,
    ({ pod }) => {
      delete pod.priorityClassName;
    },
  ),
  ofContainer(
    'polaris/tagNotSpecified',
    ({ image = '' }) => !/^.+:.+$/.test(image) || image.endsWith(':latest'),
    ({ container }) => {
      container.image = 'web';
    },
  ),
  ofContainer(
    'polaris/pullPolicyNotAlways',
    ({ imagePullPolicy }) => imagePullPolicy !== 'Always',
    ({ container }) => {
      container.imagePullPolicy = 'IfNotPresent';
    },
  ),
  ofServing(
    'polaris/readinessProbeMissing',
    ({ readinessProbe }) => readinessProbe === undefined,
    ({ container }) => {
      delete container.readinessProbe;
    },
  ),
  ofServing(
    'polaris/livenessProbeMissing',
    ({ livenessProbe }) => livenessProbe === undefined,
    ({ container }) => {
      delete container.livenessProbe;
    },
  ),
  ofPod(
    'polaris/metadataAndInstanceMismatched',
    ({ object: { metadata } }) => metadata.labels?.['app.kubernetes.io/instance'] !== metadata.name,
    ({ deployment }) => {
      delete deployment.metadata?.labels?.['app.kubernetes.io/instance'];
    },
  ),
  ofKind(
    'PodDisruptionBudget',
    'polaris/pdbDisruptionsIsZero',
    ({ spec: { minAvailable, maxUnavailable } }) =>
      minAvailable === '100%' || maxUnavailable === 0 || maxUnavailable === '0%',
    ({ budget }) => {
      budget.spec = { ...budget.spec, maxUnavailable: '0%' };
    },
  ),
  ofPod(
    'polaris/missingPodDisruptionBudget',
    ({ kind, labels, beside }) =>
      kind === 'Deployment' &&
      !beside.some(
        (object) =>
          object.kind === 'PodDisruptionBudget' &&
          sharedLabels(at(object, 'spec.selector.matchLabels'), labels) > 0,
      ),
    ({ budget }) => {
      budget.spec = { ...budget.spec, selector: { matchLabels: { app: 'other' } } };
    },
  ),
  ofPod(
    'polaris/topologySpreadConstraint',
    ({ kind, pod }) => !isJob(kind) && (pod.topologySpreadConstraints ?? []).length === 0,
    ({ pod }) => {
      delete pod.topologySpreadConstraints;
    },
  ),

  // Efficiency.
  ...(['cpu', 'memory'] as const).flatMap((resource) =>
    (['requests', 'limits'] as const).map((end) =>
      ofMainContainer(
        `polaris/${resource}${end === 'requests' ? 'Requests' : 'Limits'}Missing`,
        ({ resources }) => !resources?.[end]?.[resource],
        ({ container }) => {
          delete container.resources?.[end]?.[resource];
        },
      ),
    ),
  ),

  // Security.
  ofPod(
    'polaris/automountServiceAccountToken',
    ({ pod, beside }) =>
      pod.automountServiceAccountToken === true ||
      (pod.automountServiceAccountToken === undefined &&
        !beside.some(
          (object) =>
            object.kind === 'ServiceAccount' &&
            object.metadata.name === pod.serviceAccountName &&
            object['automountServiceAccountToken'] === false,
        )),
    ({ pod }) => {
      pod.automountServiceAccountToken = true;
    },
  ),
  ofPod(
    'polaris/hostIPCSet',
    ({ pod }) => pod.hostIPC === true,
    ({ pod }) => {
      pod.hostIPC = true;
    },
  ),
  ofPod(
    'polaris/hostPIDSet',
    ({ pod }) => pod.hostPID === true,
    ({ pod }) => {
      pod.hostPID = true;
    },
  ),
  ofPod(
    'polaris/hostNetworkSet',
    ({ pod }) => pod.hostNetwork === true,
    ({ pod }) => {
      pod.hostNetwork = true;
    },
  ),
  ofPod(
    'polaris/hostPathSet',
    ({ pod }) => (pod.volumes ?? []).some(({ hostPath }) => hostPath !== undefined),
    ({ pod }) => {
      pod.volumes?.push({ name: 'host', hostPath: { path: '/var/log' } });
    },
  ),
  ofContainer(
    'polaris/hostPortSet',
    ({ ports = [] }) => ports.some(({ hostPort = 0 }) => hostPort !== 0),
    ({ container }) => {
      container.ports?.push({ containerPort: 9000, hostPort: 9000 });
    },
  ),
  ofPod(
    'polaris/hostProcess',
    ({ pod }) =>
      [pod.securityContext, ...pod.containers.map(({ securityContext }) => securityContext)].some(
        (context) => context?.windowsOptions?.hostProcess === true,
      ),
    ({ pod }) => {
      pod.securityContext = { ...pod.securityContext, windowsOptions: { hostProcess: true } };
    },
  ),
  ofContainer(
    'polaris/linuxHardening',
    ({ securityContext }, { pod }) => {
      const { seccompProfile, seLinuxOptions } = { ...pod.securityContext, ...securityContext };
      const { drop = [], add = [] } = securityContext?.capabilities ?? {};
      const seccomp = (seccompProfile?.type ?? 'Unconfined') !== 'Unconfined';
      return !seccomp && seLinuxOptions === undefined && (drop.length === 0 || add.includes('ALL'));
    },
    ({ pod, container }) => {
      delete pod.securityContext?.seccompProfile;
      delete container.securityContext?.capabilities;
    },
  ),
  ofPod(
    // It wants one policy with rules in both directions that names just one of the pod's labels.
    'polaris/missingNetworkPolicy',
    ({ labels, beside }) =>
      !beside.some((object) => {
        const rules = (direction: string): number =>
          ((at(object, `spec.${direction}`) ?? []) as unknown[]).length;
        return (
          object.kind === 'NetworkPolicy' &&
          sharedLabels(at(object, 'spec.podSelector.matchLabels'), labels) === 1 &&
          rules('ingress') > 0 &&
          rules('egress') > 0
        );
      }),
    ({ policy }) => {
      policy.spec = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
    },
  ),
  ofContainer(
    'polaris/notReadOnlyRootFilesystem',
    ({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true,
    ({ container }) => {
      delete container.securityContext?.readOnlyRootFilesystem;
    },
  ),
  ofContainer(
    'polaris/privilegeEscalationAllowed',
    ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false,
    ({ container }) => {
      delete container.securityContext?.allowPrivilegeEscalation;
    },
  ),
  ofPod(
    'polaris/procMount',
    ({ pod }) =>
      pod.containers.some(({ securityContext }) => (securityContext?.procMount ?? 'Default') !== 'Default'),
    ({ container }) => {
      container.securityContext = { ...container.securityContext, procMount: 'Unmasked' };
    },
  ),
  ofContainer(
    'polaris/runAsRootAllowed',
    ({ securityContext }, { pod }) =>
      !(isNonRoot(securityContext) || (isNonRoot(pod.securityContext) && !saysRoot(securityContext))),
    ({ container }) => {
      container.securityContext = { ...container.securityContext, runAsUser: 0 };
    },
  ),
  ofContainer(
    'polaris/runAsPrivileged',
    ({ securityContext }) => securityContext?.privileged === true,
    ({ container }) => {
      container.securityContext = { ...container.securityContext, privileged: true };
    },
  ),
  ofContainer(
    'polaris/dangerousCapabilities',
    ({ securityContext }) => (securityContext?.capabilities?.add ?? []).some((one) => DANGEROUS.test(one)),
    ({ container }) => {
      container.securityContext = {
        ...container.securityContext,
        capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] },
      };
    },
  ),
  ofContainer(
    'polaris/insecureCapabilities',
    ({ securityContext }) => {
      const drop = (securityContext?.capabilities?.drop ?? []).map((one) => one.toUpperCase());
      return !drop.includes('ALL') && !INSECURE.every((one) => drop.includes(one));
    },
    ({ container }) => {
      container.securityContext = { ...container.securityContext, capabilities: { drop: ['NET_RAW'] } };
    },
  ),
  ofKind(
    'Ingress',
    'polaris/tlsSettingsMissing',
    ({ spec }) => !Array.isArray(spec['tls']),
    ({ ingress }) => {
      delete ingress.spec?.tls;
    },
  ),
  ofContainer(
    'polaris/sensitiveContainerEnvVar',
    ({ env = [] }) =>
      env.some(
        ({ name, value }) =>
          value !== undefined && (SENSITIVE_NAME.test(name) || SENSITIVE_VALUE.test(value)),
      ),
    ({ container }) => {
      container.env?.push({ name: 'PASSWORD', value: 'x' });
    },
  ),
  ofKind(
    'ConfigMap',
    'polaris/sensitiveConfigmapContent',
    ({ object }) =>
      Object.entries((object['data'] ?? {}) as Record<string, string>).some(
        ([key, value]) => SENSITIVE_NAME.test(key) || SENSITIVE_VALUE.test(value),
      ),
    ({ configMap }) => {
      configMap.data = { 'token.txt': 'x' };
    },
  ),
];

/** A check of the containers that do the pod's work. */
function ofMainContainer(
  name: string,
  fails: (container: Container) => boolean,
  spoil: Check['spoil'],
): Check {
  return ofPod(name, ({ pod }) => pod.containers.some(fails), spoil);
}

/** The same, of pods that serve somebody. */
function ofServing(name: string, fails: (container: Container) => boolean, spoil: Check['spoil']): Check {
  return ofPod(name, ({ kind, pod }) => !isJob(kind) && pod.containers.some(fails), spoil);
}

function isJob(kind: string): boolean {
  return kind === 'Job' || kind === 'CronJob';
}

function sharedLabels(selector: unknown, labels: PodSubject['labels']): number {
  const wanted = Object.entries((selector ?? {}) as Record<string, string>);
  return wanted.filter(([key, value]) => labels[key] === value).length;
}

type User = Pick<SecurityContext, 'runAsUser' | 'runAsNonRoot'> | undefined;

function isNonRoot(user: User): boolean {
  return Number(user?.runAsUser ?? 0) > 0 || user?.runAsNonRoot === true;
}

function saysRoot(user: User): boolean {
  return user?.runAsUser === 0 || user?.runAsNonRoot === false;
}
