// The Pod Security Standards, checked on a pod's template:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { containersOf } from './pods.ts';

const BASELINE_CAPABILITIES = [
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD',
  'NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT',
].flatMap((line) => line.split(' '));
const RESTRICTED_VOLUMES =
  'name configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret'.split(' ');

/** What keeps a pod out of a namespace of the level. */
export function podSecurityProblems(level: string, pod: PodSpec): string[] {
  if (level === 'privileged') return [];
  if (level !== 'baseline' && level !== 'restricted') return [`there is no level ${level}`];
  const problems = baseline(pod);
  return level === 'baseline' ? problems : [...problems, ...restricted(pod)];
}

function baseline(pod: PodSpec): string[] {
  const problems: string[] = [];
  if (pod.hostNetwork || pod.hostPID || pod.hostIPC) problems.push('shares a namespace of the host');
  for (const { name, hostPath } of pod.volumes ?? []) {
    if (hostPath !== undefined) problems.push(`volume ${name} is a hostPath`);
  }
  if ((pod.securityContext?.sysctls ?? []).length > 0) problems.push('sets sysctls');
  for (const { name, securityContext = {}, ports = [] } of containersOf(pod)) {
    const { privileged, capabilities, procMount } = securityContext;
    if (privileged) problems.push(`${name} is privileged`);
    const added = (capabilities?.add ?? []).filter((one) => !BASELINE_CAPABILITIES.includes(one));
    if (added.length > 0) problems.push(`${name} adds ${added.join(', ')}`);
    if (procMount !== undefined && procMount !== 'Default')
      problems.push(`${name} has procMount ${procMount}`);
    if (ports.some(({ hostPort = 0 }) => hostPort !== 0)) problems.push(`${name} takes a port of the host`);
  }
  const profiles = [pod.securityContext, ...containersOf(pod).map((one) => one.securityContext)];
  if (profiles.some((context) => context?.seccompProfile?.type === 'Unconfined'))
    problems.push('has no seccomp');
  return problems;
}

function restricted(pod: PodSpec): string[] {
  const volumes = (pod.volumes ?? [])
    .filter((volume) => Object.keys(volume).some((key) => !RESTRICTED_VOLUMES.includes(key)))
    .map(({ name }) => `volume ${name} is of another type`);
  return [...volumes, ...containersOf(pod).flatMap((container) => restrictedContainer(container, pod))];
}

function restrictedContainer({ name, securityContext = {} }: Container, pod: PodSpec): string[] {
  const { allowPrivilegeEscalation, capabilities } = securityContext;
  const context = { ...pod.securityContext, ...securityContext };
  const problems: string[] = [];
  if (allowPrivilegeEscalation !== false) problems.push(`${name} may raise its privileges`);
  if (context.runAsNonRoot !== true) problems.push(`${name} may run as root`);
  if (context.runAsUser === 0) problems.push(`${name} runs as root`);
  if (!capabilities?.drop?.includes('ALL')) problems.push(`${name} keeps capabilities`);
  if ((capabilities?.add ?? []).some((one) => one !== 'NET_BIND_SERVICE'))
    problems.push(`${name} adds capabilities`);
  if (!['RuntimeDefault', 'Localhost'].includes(context.seccompProfile?.type ?? '')) {
    problems.push(`${name} has no seccomp profile`);
  }
  return problems;
}
