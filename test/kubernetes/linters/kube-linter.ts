// The checks that kube-linter 0.8 makes by default, each as its documentation describes it:
// https://docs.kubelinter.io/#/generated/checks
import type { Container, Probe } from 'kubernetes-types/core/v1.js';
import { at } from '../../support/at.ts';
import { podsOf } from '../../support/pods.ts';
import { type Check, matches, ofContainer, ofKind, ofPod, type PodSubject } from './check.ts';

const SENSITIVE = /^\/(boot|dev|etc|lib|proc|sys|usr)?$/;
const UNSAFE_SYSCTL = /^(kernel\.(msg|sem|shm)|fs\.mqueue\.|net\.)/;

export const kubeLinter: readonly Check[] = [
  ofKind(
    'Service',
    'kube-linter/dangling-service',
    ({ spec, beside }) => {
      const selector = spec['selector'] as Record<string, string> | undefined;
      return selector !== undefined && !podsOf(beside).some(({ labels }) => matches(selector, labels));
    },
    ({ service }) => {
      service.spec = { ...service.spec, selector: { app: 'nobody' } };
    },
  ),
  ofPod(
    'kube-linter/deprecated-service-account-field',
    ({ pod }) => pod.serviceAccount !== undefined && pod.serviceAccount !== pod.serviceAccountName,
    ({ pod }) => {
      pod.serviceAccount = 'other';
    },
  ),
  ofPod(
    'kube-linter/docker-sock',
    ({ pod }) => hostPaths(pod).some((path) => path.endsWith('docker.sock')),
    (draft) => mountHostPath(draft, '/var/run/docker.sock'),
  ),
  ofContainer(
    'kube-linter/drop-net-raw-capability',
    ({ securityContext }) =>
      !(securityContext?.capabilities?.drop ?? []).some((one) => one === 'NET_RAW' || one === 'ALL'),
    ({ container }) => {
      container.securityContext = { ...container.securityContext, capabilities: { drop: ['CHOWN'] } };
    },
  ),
  ofContainer(
    'kube-linter/duplicate-env-var',
    ({ env = [] }) => new Set(env.map(({ name }) => name)).size < env.length,
    ({ container }) => {
      container.env?.push({ name: 'LEVEL', value: 'debug' });
    },
  ),
  ofContainer(
    'kube-linter/env-var-secret',
    ({ env = [] }) => env.some(({ name, value }) => /secret/i.test(name) && !!value),
    ({ container }) => {
      container.env?.push({ name: 'THE_SECRET', value: 'x' });
    },
  ),
  ofPod(
    'kube-linter/host-ipc',
    ({ pod }) => pod.hostIPC === true,
    ({ pod }) => {
      pod.hostIPC = true;
    },
  ),
  ofPod(
    'kube-linter/host-network',
    ({ pod }) => pod.hostNetwork === true,
    ({ pod }) => {
      pod.hostNetwork = true;
    },
  ),
  ofPod(
    'kube-linter/host-pid',
    ({ pod }) => pod.hostPID === true,
    ({ pod }) => {
      pod.hostPID = true;
    },
  ),
  {
    name: 'kube-linter/invalid-target-ports',
    fails: ({ object, kind, spec }) => {
      const names =
        kind === 'Service'
          ? ((spec['ports'] ?? []) as { targetPort?: unknown }[]).map(({ targetPort }) => targetPort)
          : podsOf([object]).flatMap((made) =>
              made.spec.containers.flatMap(({ ports = [] }) => ports.map(({ name }) => name)),
            );
      return names.some(
        (name) => typeof name === 'string' && !/^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$/.test(name),
      );
    },
    spoil: ({ service }) => {
      service.spec = { ...service.spec, ports: [{ port: 80, targetPort: 'Not_A_Port' }] };
    },
  },
  ofKind(
    'Job CronJob',
    'kube-linter/job-ttl-seconds-after-finished',
    ({ kind, spec }) =>
      kind === 'Job'
        ? spec['ttlSecondsAfterFinished'] === undefined
        : at(spec, 'jobTemplate.spec.ttlSecondsAfterFinished') !== undefined,
    ({ job }) => {
      delete job.spec?.ttlSecondsAfterFinished;
    },
  ),
  ofContainer(
    'kube-linter/latest-tag',
    ({ image = '' }) => /:latest$|^[^:]*$|\/[^:]+$/.test(image),
    ({ container }) => {
      container.image = 'quay.io/team/web:latest';
    },
  ),
  port('liveness', 'livenessProbe'),
  ofKind(
    'Deployment StatefulSet DaemonSet',
    'kube-linter/mismatching-selector',
    ({ object, spec }) => {
      const selector = at(spec, 'selector.matchLabels') as Record<string, string> | undefined;
      return selector === undefined || !podsOf([object]).every(({ labels }) => matches(selector, labels));
    },
    ({ deployment }) => {
      if (deployment.spec !== undefined) deployment.spec.selector = { matchLabels: { app: 'other' } };
    },
  ),
  ofPod(
    'kube-linter/no-anti-affinity',
    ({ kind, spec, pod }) => {
      const { requiredDuringSchedulingIgnoredDuringExecution: required = [], ...rest } =
        pod.affinity?.podAntiAffinity ?? {};
      const preferred = rest.preferredDuringSchedulingIgnoredDuringExecution ?? [];
      return kind !== 'Job' && Number(spec['replicas'] ?? 1) > 1 && required.length + preferred.length === 0;
    },
    ({ pod }) => {
      delete pod.affinity;
    },
  ),
  {
    name: 'kube-linter/no-extensions-v1beta',
    fails: ({ object }) => object.apiVersion.startsWith('extensions/v1beta'),
    spoil: ({ deployment }) => {
      Object.assign(deployment, { apiVersion: 'extensions/v1beta1' });
    },
  },
  ofContainer(
    'kube-linter/no-read-only-root-fs',
    ({ securityContext }) => securityContext?.readOnlyRootFilesystem !== true,
    ({ container }) => {
      delete container.securityContext?.readOnlyRootFilesystem;
    },
  ),
  ofPod(
    'kube-linter/non-existent-service-account',
    ({ pod: { serviceAccountName: wanted = 'default' }, beside }) =>
      wanted !== 'default' &&
      !beside.some(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === wanted),
    ({ pod }) => {
      pod.serviceAccountName = 'nobody';
    },
  ),
  ofKind(
    'PodDisruptionBudget',
    'kube-linter/pdb-max-unavailable',
    ({ spec }) => ['0', '0%'].includes(String(spec['maxUnavailable'])),
    ({ budget }) => {
      budget.spec = { ...budget.spec, maxUnavailable: 0 };
    },
  ),
  ofKind(
    'PodDisruptionBudget',
    'kube-linter/pdb-min-available',
    ({ spec, beside }) => {
      const { minAvailable } = spec;
      const selector = at(spec, 'selector.matchLabels') as Record<string, string>;
      const replicas = beside
        .filter((object) => podsOf([object]).some(({ labels }) => matches(selector, labels)))
        .map((object) => Number(at(object, 'spec.replicas') ?? 1));
      return minAvailable === '100%' || replicas.some((count) => Number(minAvailable) >= count);
    },
    ({ budget }) => {
      budget.spec = {
        minAvailable: 2,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: { app: 'web' } },
      };
    },
  ),
  ofKind(
    'PodDisruptionBudget',
    'kube-linter/pdb-unhealthy-pod-eviction-policy',
    ({ spec }) => spec['unhealthyPodEvictionPolicy'] === undefined,
    ({ budget }) => {
      delete budget.spec?.unhealthyPodEvictionPolicy;
    },
  ),
  ofContainer(
    'kube-linter/privilege-escalation-container',
    ({ securityContext: { allowPrivilegeEscalation, privileged, capabilities } = {} }) =>
      allowPrivilegeEscalation === true ||
      privileged === true ||
      (capabilities?.add ?? []).some((one) => /^(CAP_)?SYS_ADMIN$/.test(one)),
    ({ container }) => {
      container.securityContext = { ...container.securityContext, allowPrivilegeEscalation: true };
    },
  ),
  ofContainer(
    'kube-linter/privileged-container',
    ({ securityContext }) => securityContext?.privileged === true,
    ({ container }) => {
      container.securityContext = { ...container.securityContext, privileged: true };
    },
  ),
  port('readiness', 'readinessProbe'),
  ofContainer(
    'kube-linter/run-as-non-root',
    ({ securityContext }, { pod }) => {
      const { runAsUser, runAsNonRoot } = { ...pod.securityContext, ...securityContext };
      return runAsNonRoot === true ? runAsUser === 0 : !(Number(runAsUser ?? 0) > 0);
    },
    ({ container }) => {
      container.securityContext = { ...container.securityContext, runAsNonRoot: false, runAsUser: 0 };
    },
  ),
  ofPod(
    'kube-linter/sensitive-host-mounts',
    ({ pod }) => hostPaths(pod).some((path) => SENSITIVE.test(path)),
    (draft) => mountHostPath(draft, '/etc'),
  ),
  ofContainer(
    'kube-linter/ssh-port',
    ({ ports = [] }) =>
      ports.some(({ containerPort, protocol = 'TCP' }) => containerPort === 22 && protocol === 'TCP'),
    ({ container }) => {
      container.ports?.push({ containerPort: 22, protocol: 'TCP' });
    },
  ),
  port('startup', 'startupProbe'),
  ofPod(
    'kube-linter/unsafe-sysctls',
    ({ pod }) => (pod.securityContext?.sysctls ?? []).some(({ name }) => UNSAFE_SYSCTL.test(name)),
    ({ pod }) => {
      pod.securityContext = {
        ...pod.securityContext,
        sysctls: [{ name: 'net.ipv4.ip_forward', value: '1' }],
      };
    },
  ),
  ofContainer(
    'kube-linter/unset-cpu-requirements',
    ({ resources }) => resources?.requests?.['cpu'] === undefined,
    ({ container }) => {
      delete container.resources?.requests?.['cpu'];
    },
  ),
  ofContainer(
    'kube-linter/unset-memory-requirements',
    ({ resources }) => resources?.limits?.['memory'] === undefined,
    ({ container }) => {
      delete container.resources?.limits?.['memory'];
    },
  ),
];

/** A probe of a port that the container does not name. */
function port(name: string, probe: 'livenessProbe' | 'readinessProbe' | 'startupProbe'): Check {
  return ofContainer(
    `kube-linter/${name}-port`,
    (container) => {
      const wanted = portOf(container[probe]);
      const known = (container.ports ?? []).flatMap((one) => [one.containerPort, one.name]);
      return wanted !== undefined && !known.includes(wanted);
    },
    ({ container }) => {
      container[probe] = { tcpSocket: { port: 9999 } };
    },
  );
}

function portOf({ httpGet, tcpSocket, grpc }: Probe = {}): Container['name'] | number | undefined {
  return httpGet?.port ?? tcpSocket?.port ?? grpc?.port;
}

function hostPaths(pod: PodSubject['pod']): string[] {
  return (pod.volumes ?? []).flatMap(({ hostPath }) => hostPath?.path ?? []);
}

function mountHostPath({ pod, container }: Parameters<Check['spoil']>[0], path: string): void {
  pod.volumes = [{ name: 'host', hostPath: { path } }];
  container.volumeMounts = [{ name: 'host', mountPath: '/host' }];
}
