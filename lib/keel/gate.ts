import type { Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import type { GateHandOverConfiguration, ServiceConfiguration } from '../agent/configuration.ts';
import { GATE_KEY, type GateConfiguration } from '../agent/configuration.ts';
import { OUTPUTS_PORT } from '../agent/release.ts';
import { RUN_DIRECTORY } from '../agent/run-files.ts';
import { AGENT_API_VERSION } from '../agent/version.ts';
import type { ImageName } from '../image/image-name.ts';
import { PodField } from '../kubernetes/environment.ts';
import { restrictedContainer } from '../kubernetes/pod-security.ts';
import { every, named, type PolicyRule } from '../kubernetes/rbac.ts';
import { apiTokenMount } from '../kubernetes/service-account.ts';
import type { RunOutputs } from './run-outputs.ts';

/** The user that the agent's image runs as, and the group of a build pod's volumes. */
export const AGENT_UID = 65532;

/** The name of the build's container. */
export const BUILD_CONTAINER = 'build';

const CONFIG_DIRECTORY = '/keelson/config';

/** What makes a build's pods: a Deployment that Keel rolls, or a Job. */
export type BuildWorkload =
  | { readonly deployment: string; readonly handOver?: GateHandOverConfiguration }
  | { readonly job: string };

/** The names of what a build's gate writes to. */
export interface BuildNames {
  readonly lease: string;
  readonly status: string;
}

/** The gate's configuration. */
export function gateConfiguration(
  workload: BuildWorkload,
  names: BuildNames,
  services: readonly ServiceConfiguration[],
  timeoutSeconds: number,
  outputs: RunOutputs,
): GateConfiguration {
  return {
    apiVersion: AGENT_API_VERSION,
    kind: 'Gate',
    ...workload,
    container: BUILD_CONTAINER,
    lease: names.lease,
    statusConfigMap: names.status,
    historyLimit: 20,
    services,
    servicesTimeoutSeconds: 300,
    timeoutSeconds,
    runDirectory: RUN_DIRECTORY,
    ...(outputs.directory !== undefined && { outputDirectory: outputs.directory }),
    ...(outputs.port !== undefined && { outputsPort: outputs.port }),
    ...(outputs.releaseSeconds > 0 && { releaseTimeoutSeconds: outputs.releaseSeconds }),
  };
}

/**
 * The gate: a native sidecar, which starts before the build's container and ends after it
 * (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/). It alone holds an API token.
 */
export function gateContainer(
  agentImage: ImageName,
  outputs: RunOutputs,
  volume: VolumeMount | undefined,
): Container {
  const served = outputs.port !== undefined && volume !== undefined;
  return {
    name: 'gate',
    image: agentImage.toString(),
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    args: ['gate', `--config=${CONFIG_DIRECTORY}/${GATE_KEY}`],
    env: [
      field('POD_NAME', PodField.NAME),
      field('POD_NAMESPACE', PodField.NAMESPACE),
      field('POD_UID', PodField.UID),
    ],
    ...(served && { ports: [{ name: 'outputs', containerPort: OUTPUTS_PORT, protocol: 'TCP' }] }),
    securityContext: { ...restrictedContainer(), runAsUser: AGENT_UID, runAsGroup: AGENT_UID },
    resources: {
      requests: { cpu: '20m', memory: '64Mi', 'ephemeral-storage': '16Mi' },
      limits: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '64Mi' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      apiTokenMount(),
      runMount(),
      { name: 'gate-config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      ...(served ? [{ ...volume, readOnly: true }] : []),
    ],
  };
}

/** The volumes that the gate needs beside its token. */
export function gateVolumes(configMap: string): Volume[] {
  return [
    { name: 'run', emptyDir: { sizeLimit: '64Mi' } },
    { name: 'gate-config', configMap: { name: configMap } },
  ];
}

/** The directory by which gate and wrapper speak with each other. */
export function runMount(): VolumeMount {
  return { name: 'run', mountPath: RUN_DIRECTORY };
}

/** What the gate may do, by name wherever Kubernetes can tell names apart. */
export function gateRules(
  workload: BuildWorkload,
  names: BuildNames,
  services: readonly ServiceConfiguration[],
): PolicyRule[] {
  const scaled = services.map(({ deployment }) => deployment);
  return [
    // Where Keel is held back. Nothing rolls a Job.
    ...('deployment' in workload
      ? [named('apps', ['deployments'], [workload.deployment], ['get', 'patch'])]
      : []),
    ...(scaled.length > 0
      ? [
          named('apps', ['deployments'], scaled, ['get']),
          named('apps', ['deployments/scale'], scaled, ['get', 'patch']),
        ]
      : []),
    // A named create allows server-side apply to make the one object, and no POST.
    named('coordination.k8s.io', ['leases'], [names.lease], ['create', 'get', 'update', 'patch']),
    named('', ['configmaps'], [names.status], ['get', 'patch']),
    every('', ['pods'], ['get', 'list']),
    every('', ['events'], ['create', 'patch']),
  ];
}

function field(
  name: string,
  { fieldPath }: PodField,
): { name: string; valueFrom: { fieldRef: { fieldPath: string } } } {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
