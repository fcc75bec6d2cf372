import { Size } from 'cdk8s';
import type { Volume } from 'kubernetes-types/core/v1.d.ts';
import type { ImageName } from '../image/image-name.ts';
import { LOW_USER, ONE_PROBE } from '../kubernetes/linter-reasons.ts';
import type { LinterException } from '../kubernetes/linters.ts';
import { resourceRequirements } from '../kubernetes/resources.ts';
import { apiTokenMount, apiTokenVolume } from '../kubernetes/service-account.ts';
import { scratchVolume, type WorkloadContainer } from '../kubernetes/workload.ts';
import type { KeelProps } from './keel.ts';
import type { NamespaceWatch } from './namespace-watch.ts';

/** The image unless another is given. */
export const DEFAULT_KEEL_IMAGE = 'ghcr.io/keel-hq/keel:0.22.1';
/** The user that Keel's image runs as. */
export const KEEL_UID = 666;
/** What linters say of it. */
export const KEEL_EXCEPTIONS: readonly LinterException[] = [
  { checks: LOW_USER, reason: 'the image is made for this user' },
  { checks: ONE_PROBE, reason: 'Keel answers one question about its health' },
];
/** Where Keel listens. */
export const KEEL_PORT = 9300;

/** The container of the Keel of one namespace. */
export function keelContainer(
  image: ImageName,
  watch: NamespaceWatch,
  { pollInterval, resources }: Pick<KeelProps, 'pollInterval' | 'resources'>,
): WorkloadContainer {
  const health = { httpGet: { path: '/healthz', port: KEEL_PORT } };
  return {
    name: 'keel',
    image: image.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['/bin/keel'],
    env: watch.environment(pollInterval),
    ports: [{ name: 'http', containerPort: KEEL_PORT, protocol: 'TCP' }],
    readinessProbe: { ...health, periodSeconds: 10 },
    livenessProbe: { ...health, initialDelaySeconds: 30, periodSeconds: 10, timeoutSeconds: 10 },
    resources: resourceRequirements(resources, {
      cpu: { request: { amount: '50m' }, limit: { amount: '500m' } },
      memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
      ephemeralStorage: { request: Size.mebibytes(32), limit: Size.mebibytes(256) },
    }),
    volumeMounts: [
      apiTokenMount(),
      { name: 'data', mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
      ...watch.trust.mounts,
    ],
  };
}

/** The volumes that its container mounts. */
export function keelVolumes(watch: NamespaceWatch): Volume[] {
  return [
    apiTokenVolume(),
    scratchVolume('data', '64Mi'),
    scratchVolume('tmp', '64Mi'),
    ...watch.trust.volumes,
  ];
}
