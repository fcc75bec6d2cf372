import { type Duration, Size } from 'cdk8s';
import type { Job } from 'kubernetes-types/batch/v1.d.ts';
import type { ConfigMap, Container, ServiceAccount, Volume } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import type { GitCredentialConfiguration } from '../agent/configuration.ts';
import { placeholder, type TemplateObject } from '../agent/job-template.ts';
import { KeelsonAnnotations, KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import {
  EVERY_POD,
  LOW_USER,
  privilegeExceptions,
  VERSIONED_IMAGE,
  WRITABLE_ROOT,
} from '../kubernetes/linter-reasons.ts';
import { exceptedFromLinters, type LinterException } from '../kubernetes/linters.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { isolatedNamespaceObjects } from '../kubernetes/namespace.ts';
import { type Destination, distinct, to, toDns, toInternet } from '../kubernetes/network.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import type { ContainerResources } from '../kubernetes/resources.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import type { ImageTarget, Registry } from '../registry/registry.ts';
import { outputsContainer } from '../release/outputs-container.ts';
import type { GitSource } from '../source/git-source.ts';
import type { BuildSteps } from './build-program.ts';
import { authorityFiles } from './build-registries.ts';
import type { ImageName } from './image-name.ts';
import { type PushOptions, pushContainer, pushVolumes, REGISTRY_CA } from './push-container.ts';
import { CONTEXT_MOUNT, sourceContainer, sourceObjects, sourceVolumes } from './source-container.ts';

export interface BuildJobOptions {
  readonly title: string;
  /** The builder's name within the pipeline. */
  readonly name: string;
  readonly pipeline: string;
  readonly platform: PlatformReference;
  readonly agentImage: ImageName;
  readonly source: GitSource;
  readonly credential: GitCredentialConfiguration | undefined;
  readonly target: ImageTarget;
  /** The registries of base images that the program builds before. */
  readonly bases: readonly Registry[];
  readonly timeout: Duration;
  readonly podSecurity: PodSecurity;
  readonly steps: BuildSteps;
  /** How the archive is pushed that the build leaves; undefined where it pushes by itself. */
  readonly push: PushOptions | undefined;
  /** The namespace of the release that the image is a part of; undefined where each commit has it built. */
  readonly release: string | undefined;
  /** Where the outputs of the tested run are fetched from, in a release. */
  readonly outputs: Destination | undefined;
}

/** Sizes used where a build states none. */
export const BUILD_RESOURCES: ContainerResources = {
  cpu: { request: { amount: '500m' }, limit: { amount: '2' } },
  memory: { request: Size.gibibytes(1), limit: Size.gibibytes(4) },
  ephemeralStorage: { request: Size.gibibytes(10), limit: Size.gibibytes(30) },
};

const NAME = 'imagebuilder';

/** A build's namespace with everything in it, with placeholders for what the commit decides. */
export function commitNamespaceTemplate(options: BuildJobOptions): TemplateObject[] {
  const { platform, target, podSecurity, pipeline, steps } = options;
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
    ...sourceObjects(namespace, options.source),
    serviceAccount(namespace),
    networkPolicy(namespace, options),
    ...target.registry.aliasServices(namespace),
    // Tools of the build know the registries by them, not only the push.
    ...authorities(namespace, options),
    ...(steps.objects ?? []),
    exceptedFromLinters(job(namespace, options), exceptions(options)),
  ];
  return objects as unknown as TemplateObject[];
}

function serviceAccount(namespace: string): ServiceAccount {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: NAME, namespace },
    automountServiceAccountToken: false,
  };
}

function authorities(namespace: string, options: BuildJobOptions): ConfigMap[] {
  const files = authorityFiles(options).map(({ file, certificates }) => [file, certificates] as const);
  if (files.length === 0) return [];
  const metadata = { name: REGISTRY_CA, namespace };
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries(files) }];
}

function networkPolicy(
  namespace: string,
  { platform, target, bases, steps, outputs }: BuildJobOptions,
): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: NAME, namespace },
    spec: {
      podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'image-build' } },
      policyTypes: ['Egress'],
      egress: [
        toDns(),
        ...toInternet(platform.egress),
        ...to(
          distinct([
            ...target.registry.destinations,
            ...(steps.destinations ?? []),
            ...bases.flatMap(({ destinations }) => destinations),
          ]),
        ),
        ...to(outputs === undefined ? [] : [outputs]),
      ],
    },
  };
}

function job(namespace: string, options: BuildJobOptions): Job {
  const { timeout, pipeline, name, title, steps, release } = options;
  const labels = {
    ...partLabels(title.toLowerCase(), 'image-build'),
    // The gate of the tested build serves its outputs to these pods alone.
    ...(release !== undefined && { [KeelsonLabels.RELEASE]: release }),
    [KeelsonLabels.COMMIT]: placeholder('tag.commit'),
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: NAME,
      namespace,
      labels: { ...labels, 'app.kubernetes.io/instance': NAME },
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
          ...(steps.seccomp !== 'Unset' && {
            securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
          }),
          ...containers(options),
        },
      },
    },
  };
}

/** What linters say of a pod in which a Dockerfile runs. */
function exceptions({ podSecurity, credential, steps }: BuildJobOptions): LinterException[] {
  const { securityContext } = steps.container;
  const { runAsUser = 0, runAsGroup = 0, readOnlyRootFilesystem } = securityContext ?? {};
  return [
    ...EVERY_POD,
    VERSIONED_IMAGE,
    ...(runAsUser < 10_000 || runAsGroup < 10_000
      ? [{ checks: LOW_USER, reason: 'the image of a builder says as which user it can run' }]
      : []),
    ...(readOnlyRootFilesystem
      ? []
      : [{ checks: WRITABLE_ROOT, reason: 'RUN steps write where they like in their own container' }]),
    ...(credential?.kind === 'token' ? [TOKEN_FILE] : []),
    ...privilegeExceptions(podSecurity, undefined, securityContext),
  ];
}

const TOKEN_FILE: LinterException = {
  checks: ['polaris/sensitiveContainerEnvVar'],
  reason: 'KEELSON_GIT_TOKEN_FILE is the path of a file',
};

/** The source, then the build, and then the push, where the build may not hold the credential for it. */
function containers({ agentImage, source, credential, steps, push, outputs }: BuildJobOptions): {
  initContainers: Container[];
  containers: Container[];
  volumes: Volume[];
} {
  const fetch = [
    sourceContainer(agentImage, source, credential),
    // Over the source: a Dockerfile finds what the tested build made where that build made it.
    ...(outputs === undefined ? [] : [outputsContainer(agentImage, 'context', CONTEXT_MOUNT, '--assets')]),
  ];
  const volumes = [...sourceVolumes(source, credential), ...(steps.volumes ?? [])];
  if (push === undefined) return { initContainers: fetch, containers: [steps.container], volumes };
  return {
    initContainers: [...fetch, steps.container],
    containers: [pushContainer(push)],
    volumes: [...volumes, ...pushVolumes(push)],
  };
}
