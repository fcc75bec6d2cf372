// The Pod Security Standards, check by check as the API server's admission names them, on a pod's template:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
import type { Container, PodSpec, Probe, SecurityContext } from 'kubernetes-types/core/v1.js';
import { containersOf } from './pods.ts';

export interface PodSecurityCheck {
  /** The admission's name of the check. */
  readonly name: string;
  readonly level: 'baseline' | 'restricted';
  /** What keeps the pod out. */
  problems(pod: PodSpec): string[];
}

const BASELINE_CAPABILITIES = [
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD',
  'NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT',
].flatMap((line) => line.split(' '));
const RESTRICTED_VOLUMES =
  'name configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret'.split(' ');
const SAFE_SYSCTLS =
  /^(kernel\.shm_rmid_forced|net\.ipv4\.(ip_local_(port_range|reserved_ports)|ip_unprivileged_port_start|tcp_(syncookies|keepalive_(time|intvl|probes)|fin_timeout|rmem|wmem)|ping_group_range))$/;
const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'];

export const podSecurityChecks: readonly PodSecurityCheck[] = [
  ofPod('baseline', 'hostNamespaces', (pod) =>
    pod.hostNetwork || pod.hostPID || pod.hostIPC ? ['shares a namespace of the host'] : [],
  ),
  ofPod('baseline', 'hostPathVolumes', ({ volumes = [] }) =>
    volumes
      .filter(({ hostPath }) => hostPath !== undefined)
      .map(({ name }) => `volume ${name} is a hostPath`),
  ),
  ofPod('baseline', 'sysctls', ({ securityContext }) =>
    (securityContext?.sysctls ?? [])
      .filter(({ name }) => !SAFE_SYSCTLS.test(name))
      .map(({ name }) => `sets sysctl ${name}`),
  ),
  ofContainer('baseline', 'privileged', ({ securityContext }) =>
    securityContext?.privileged ? 'is privileged' : undefined,
  ),
  ofContainer('baseline', 'capabilities_baseline', ({ securityContext }) => {
    const added = securityContext?.capabilities?.add ?? [];
    const forbidden = added.filter((one) => !BASELINE_CAPABILITIES.includes(one));
    return forbidden.length > 0 ? `adds ${forbidden.join(', ')}` : undefined;
  }),
  ofContainer('baseline', 'procMount', ({ securityContext }) => {
    const { procMount = 'Default' } = securityContext ?? {};
    return procMount === 'Default' ? undefined : `has procMount ${procMount}`;
  }),
  ofContainer('baseline', 'hostPorts', ({ ports = [] }) =>
    ports.some(({ hostPort = 0 }) => hostPort !== 0) ? 'takes a port of the host' : undefined,
  ),
  ofPod('baseline', 'seccompProfile_baseline', (pod) =>
    contextsOf(pod).some((context) => context?.seccompProfile?.type === 'Unconfined')
      ? ['has no seccomp']
      : [],
  ),
  ofPod('baseline', 'appArmorProfile', (pod) =>
    contextsOf(pod).some((context) => context?.appArmorProfile?.type === 'Unconfined')
      ? ['has no AppArmor']
      : [],
  ),
  ofPod('baseline', 'seLinuxOptions', (pod) =>
    contextsOf(pod).flatMap(({ seLinuxOptions: { type = '', user, role } = {} } = {}) => [
      ...(SELINUX_TYPES.includes(type) ? [] : [`has the SELinux type ${type}`]),
      ...(user || role ? ['sets a user or a role of SELinux'] : []),
    ]),
  ),
  ofPod('baseline', 'windowsHostProcess', (pod) =>
    contextsOf(pod).some((context) => context?.windowsOptions?.hostProcess)
      ? ['is a process of the host']
      : [],
  ),
  // From Kubernetes 1.34 on.
  ofContainer('baseline', 'hostProbesAndHostLifecycle', (container) => {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
    const handlers: (Probe | undefined)[] = [livenessProbe, readinessProbe, startupProbe];
    const asked = [...handlers, lifecycle?.postStart, lifecycle?.preStop].some(
      (handler) => handler?.httpGet?.host || handler?.tcpSocket?.host,
    );
    return asked ? 'has a probe or a hook of another host' : undefined;
  }),
  ofPod('restricted', 'restrictedVolumes', ({ volumes = [] }) =>
    volumes
      .filter((volume) => Object.keys(volume).some((key) => !RESTRICTED_VOLUMES.includes(key)))
      .map(({ name }) => `volume ${name} is of another type`),
  ),
  ofContainer('restricted', 'allowPrivilegeEscalation', ({ securityContext }) =>
    securityContext?.allowPrivilegeEscalation === false ? undefined : 'may raise its privileges',
  ),
  ofContainer('restricted', 'runAsNonRoot', (container, pod) =>
    effective(container, pod).runAsNonRoot === true ? undefined : 'may run as root',
  ),
  ofContainer('restricted', 'runAsUser', (container, pod) =>
    effective(container, pod).runAsUser === 0 ? 'runs as root' : undefined,
  ),
  ofContainer('restricted', 'capabilities_restricted', ({ securityContext }) => {
    const { drop = [], add = [] } = securityContext?.capabilities ?? {};
    if (!drop.includes('ALL')) return 'keeps capabilities';
    return add.some((one) => one !== 'NET_BIND_SERVICE') ? 'adds capabilities' : undefined;
  }),
  ofContainer('restricted', 'seccompProfile_restricted', (container, pod) =>
    ['RuntimeDefault', 'Localhost'].includes(effective(container, pod).seccompProfile?.type ?? '')
      ? undefined
      : 'has no seccomp profile',
  ),
];

/** What keeps a pod out of a namespace of the level. */
export function podSecurityProblems(level: string, pod: PodSpec): string[] {
  if (level === 'privileged') return [];
  if (level !== 'baseline' && level !== 'restricted') return [`there is no level ${level}`];
  return podSecurityChecks
    .filter((check) => level === 'restricted' || check.level === 'baseline')
    .flatMap((check) => check.problems(pod));
}

function ofPod(
  level: PodSecurityCheck['level'],
  name: string,
  problems: PodSecurityCheck['problems'],
): PodSecurityCheck {
  return { level, name, problems };
}

function ofContainer(
  level: PodSecurityCheck['level'],
  name: string,
  problem: (container: Container, pod: PodSpec) => string | undefined,
): PodSecurityCheck {
  return ofPod(level, name, (pod) =>
    containersOf(pod).flatMap((container) => {
      const found = problem(container, pod);
      return found === undefined ? [] : [`${container.name} ${found}`];
    }),
  );
}

/** The security contexts of the pod and of each container. */
function contextsOf(pod: PodSpec): (SecurityContext | undefined)[] {
  return [
    pod.securityContext as SecurityContext | undefined,
    ...containersOf(pod).map((one) => one.securityContext),
  ];
}

/** What holds for a container: its own settings before those of the pod. */
function effective({ securityContext }: Container, pod: PodSpec): SecurityContext {
  return { ...(pod.securityContext as SecurityContext | undefined), ...securityContext };
}
