import { type Duration, Size } from 'cdk8s';
import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import type { ConfigMap, Container, ServiceAccount, Volume } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import type { GitCredentialConfiguration } from '../agent/configuration.ts';
import { placeholder, type TemplateObject } from '../agent/job-template.ts';
import { KeelsonAnnotations, KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { isolatedNamespaceObjects } from '../kubernetes/namespace.ts';
import { to, toDns, toInternet } from '../kubernetes/network.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import { type ContainerResources, resourceRequirements } from '../kubernetes/resources.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import type { ImageTarget } from '../registry/registry.ts';
import type { GitSource } from '../source/git-source.ts';
import type { ImageName } from './image-name.ts';
import type { MakisuBuilderProps } from './makisu-builder.ts';
import type { LayerCache } from './redis-layer-cache.ts';
import { CONTEXT_MOUNT, sourceContainer, sourceVolumes } from './source-container.ts';

export interface MakisuJobOptions
  extends Pick<
    MakisuBuilderProps,
    'target' | 'dockerfile' | 'context' | 'targetStage' | 'buildArgs' | 'resources'
  > {
  readonly name: string;
  readonly pipeline: string;
  readonly platform: PlatformReference;
  readonly source: GitSource;
  readonly credential: GitCredentialConfiguration | undefined;
  readonly makisu: ImageName;
  readonly cache: LayerCache | undefined;
  readonly registryConfig: SecretReference | undefined;
  readonly timeout: Duration;
  readonly podSecurity: PodSecurity;
}

/** Sizes used where a build states none. */
const RESOURCES: ContainerResources = {
  cpu: { request: { amount: '500m' }, limit: { amount: '2' } },
  memory: { request: Size.gibibytes(1), limit: Size.gibibytes(4) },
  ephemeralStorage: { request: Size.gibibytes(10), limit: Size.gibibytes(30) },
};

const NAME = 'imagebuilder';
const CONFIG_DIRECTORY = '/registry-config';
const CONFIG_FILE = 'registry.yaml';

/** What package managers in RUN steps need of root's powers. All are within Pod Security's `baseline`. */
const CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETFCAP',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
];

/** A build's namespace with everything in it, with placeholders for what the commit decides. */
export function makisuJobTemplate(options: MakisuJobOptions): TemplateObject[] {
  const { platform, target, podSecurity, pipeline } = options;
  const namespace = placeholder('namespace');
  const objects = [
    ...isolatedNamespaceObjects({
      name: namespace,
      labels: {
        'app.kubernetes.io/managed-by': 'keelson',
        [KeelsonLabels.OWNER]: platform.platformName,
        [KeelsonLabels.PIPELINE]: toDnsLabel(pipeline),
        [KeelsonLabels.COMMIT]: placeholder('tag.commit'),
      },
      podSecurity,
      quota: { 'count/pods': '5', 'count/jobs.batch': '5', 'limits.cpu': '16', 'limits.memory': '64Gi' },
    }),
    serviceAccount(namespace),
    networkPolicy(namespace, options),
    ...target.registry.aliasServices(namespace),
    ...(options.registryConfig === undefined ? [registryConfigMap(namespace, target)] : []),
    job(namespace, options),
  ];
  return objects as unknown as TemplateObject[];
}

function podLabels(): Record<string, string> {
  return { ...partLabels('makisu', 'image-build'), [KeelsonLabels.COMMIT]: placeholder('tag.commit') };
}

function serviceAccount(namespace: string): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: NAME, namespace },
    automountServiceAccountToken: false,
  };
}

function networkPolicy(namespace: string, { target, cache }: MakisuJobOptions): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: NAME, namespace },
    spec: {
      podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'image-build' } },
      policyTypes: ['Egress'],
      egress: [
        toDns(),
        toInternet(),
        ...to(target.registry.destinations),
        ...to(cache === undefined ? [] : [cache.destination]),
      ],
    },
  };
}

/** Makisu's configuration for a registry without accounts; for one that speaks https none is needed. */
function registryConfigMap(namespace: string, { registry }: ImageTarget): ConfigMap {
  const hosts = registry.insecure ? [registry.pushHost, registry.imageHost, ...registry.aliases] : [];
  const config = Object.fromEntries(
    hosts.map((host) => [host, { '.*': { security: { tls: { client: { disabled: true } } } } }]),
  );
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'registry-config', namespace },
    // JSON is YAML, and Makisu reads the file as YAML.
    data: { [CONFIG_FILE]: `${JSON.stringify(config, null, 2)}\n` },
  };
}

function job(namespace: string, options: MakisuJobOptions): Job {
  const { platform, source, credential, registryConfig, timeout, pipeline, name } = options;
  const labels = podLabels();
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: NAME,
      namespace,
      labels,
      annotations: {
        [KeelsonAnnotations.BRANCH]: placeholder('branch'),
        [KeelsonAnnotations.COMMIT]: placeholder('commit'),
        [KeelsonAnnotations.URL]: placeholder('url'),
        [KeelsonAnnotations.IMAGE]: `${pipeline}/${name}`,
      },
    },
    spec: {
      // The controller decides about another attempt: a pod that comes back by itself would hide the failure.
      backoffLimit: 0,
      activeDeadlineSeconds: timeout.toSeconds({ integral: false }),
      ttlSecondsAfterFinished: 7 * 86_400,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: 'Never',
          serviceAccountName: NAME,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          initContainers: [sourceContainer(platform.agentImage, source, credential)],
          containers: [makisuContainer(options)],
          volumes: [
            ...sourceVolumes(credential),
            { name: 'storage', emptyDir: {} },
            { name: 'registry-config', ...configVolume(registryConfig) },
          ],
        },
      },
    },
  };
}

function configVolume(reference: SecretReference | undefined): Partial<Volume> {
  if (reference === undefined) return { configMap: { name: 'registry-config' } };
  const { secretName, key } = reference;
  return { secret: { secretName, items: [{ key, path: CONFIG_FILE }], defaultMode: 0o400 } };
}

function makisuContainer(options: MakisuJobOptions): Container {
  return {
    name: 'makisu',
    image: options.makisu.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: makisuArguments(options),
    securityContext: {
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: CAPABILITIES },
    },
    resources: resourceRequirements(options.resources, RESOURCES),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'context', mountPath: CONTEXT_MOUNT },
      { name: 'registry-config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      { name: 'storage', mountPath: '/makisu-storage' },
    ],
  };
}

function makisuArguments(options: MakisuJobOptions): string[] {
  const { target, cache, dockerfile = 'Dockerfile', context = '.', targetStage, buildArgs = {} } = options;
  const tag = target.tag.template;
  return [
    'build',
    `--push=${target.registry.pushHost}`,
    // The second tag tells which commit a digest was built from.
    `--replica=${target.pushName(`${tag}-${placeholder('tag.commit')}`).toString()}`,
    `-t=${target.repository}:${tag}`,
    `-f=${dockerfile}`,
    '--modifyfs=true',
    `--registry-config=${CONFIG_DIRECTORY}/${CONFIG_FILE}`,
    ...(cache === undefined ? [] : [`--redis-cache-addr=${cache.address}`]),
    ...(targetStage === undefined ? [] : [`--target=${targetStage}`]),
    ...Object.entries(buildArgs).map(([name, value]) => `--build-arg=${name}=${value}`),
    context === '.' ? CONTEXT_MOUNT : `${CONTEXT_MOUNT}/${context}`,
  ];
}
