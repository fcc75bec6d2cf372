import { type Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type {
  Container,
  EnvFromSource,
  EnvVar,
  PodSecurityContext,
  PodSpec,
  SecurityContext,
  Volume,
  VolumeMount,
} from 'kubernetes-types/core/v1.d.ts';
import { RUN_DIRECTORY } from '../agent/run-files.ts';
import { VISIBLE_DEVICES } from '../gpu/gpus.ts';
import type { ImageName } from '../image/image-name.ts';
import { environment } from '../kubernetes/environment.ts';
import {
  EVERY_POD,
  LOW_USER,
  privilegeExceptions,
  VERSIONED_IMAGE,
  WRITABLE_ROOT,
} from '../kubernetes/linter-reasons.ts';
import type { LinterException } from '../kubernetes/linters.ts';
import { lazy } from '../kubernetes/object.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import { type ContainerResources, resourceRequirements } from '../kubernetes/resources.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { declareSecretUse } from '../kubernetes/secret-use.ts';
import { apiTokenVolume } from '../kubernetes/service-account.ts';
import { claimVolume } from '../kubernetes/workload.ts';
import type { TestService } from '../services/test-service.ts';
import type { BuildProps, EnvironmentSource } from './build-props.ts';
import { AGENT_UID, BUILD_CONTAINER, gateContainer, gateVolumes, runMount } from './gate.ts';
import { pullSecrets } from './pull-secrets.ts';
import type { RunOutputs } from './run-outputs.ts';
import { secretFileVolumes } from './secret-files.ts';
import { type AfterCommand, WrapperVariables } from './wrapper.ts';

export interface BuildPodOptions extends Omit<BuildProps, 'image' | 'services' | 'timeout' | 'volume'> {
  readonly timeout: Duration;
  readonly name: string;
  readonly namespaceName: string;
  readonly image: ImageName;
  readonly agentImage: ImageName;
  readonly podSecurity: PodSecurity;
  readonly services: readonly TestService[];
  readonly volume: { readonly mountPath: string } | undefined;
  readonly outputs: RunOutputs;
  /** What the container does when the command has ended, and how long it stays where it is kept. */
  readonly after: AfterCommand;
  readonly keepFor?: Duration;
  /** What the image is pulled with. */
  readonly pulls: readonly SecretReference[];
}

const WRAPPER_DIRECTORY = '/keelson/bin';

const RESOURCES: ContainerResources = {
  cpu: { request: { amount: '1' }, limit: { amount: '2' } },
  memory: { request: Size.gibibytes(2), limit: Size.gibibytes(4) },
  ephemeralStorage: { request: Size.gibibytes(4), limit: Size.gibibytes(20) },
};

/** The pod of a build. Secrets are bound at once, the rest is produced at synthesis. */
export function buildPod(scope: Construct, options: BuildPodOptions): () => PodSpec {
  const { name, podSecurity, node, hostUsers, volume, agentImage } = options;
  const secrets = secretFileVolumes(scope, options.secretFiles ?? {}, options.namespaceName);
  const env = variables(scope, options);
  const { imagePullSecrets } = pullSecrets(options.pulls);
  declareEnvironmentSecrets(scope, options);
  return () => ({
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 60,
    ...(hostUsers !== undefined && { hostUsers }),
    ...(imagePullSecrets.length > 0 && { imagePullSecrets }),
    ...node?.scheduling,
    securityContext: podContext(podSecurity),
    initContainers: [gateContainer(agentImage, options.outputs, volumeMount(options))],
    containers: [buildContainer(options, env, secrets.mounts)],
    volumes: [
      apiTokenVolume(),
      ...gateVolumes(`${name}-gate`),
      { name: 'wrapper', configMap: { name: `${name}-wrapper`, defaultMode: 0o555 } },
      podInfo(),
      ...(volume === undefined ? [] : [claimVolume('build', name)]),
      ...secrets.volumes,
    ],
  });
}

function buildContainer(options: BuildPodOptions, env: EnvVar[], secretMounts: VolumeMount[]): Container {
  const { image, command, envFrom, node, resources, podSecurity } = options;
  const mount = volumeMount(options);
  const gpus = node?.gpus.any ? { [node.gpus.resourceName]: String(node.gpus.count) } : {};
  const { requests, limits } = resourceRequirements(resources, RESOURCES);
  return {
    name: BUILD_CONTAINER,
    image: image.toString(),
    imagePullPolicy: 'Always',
    command: ['/bin/sh', `${WRAPPER_DIRECTORY}/wrapper.sh`],
    // What is no text is reported.
    args: command.filter((argument) => typeof argument === 'string'),
    env,
    ...(envFrom !== undefined && { envFrom: envFrom.map(environmentSource) }),
    securityContext: containerContext(podSecurity),
    resources: { requests: { ...requests, ...gpus }, limits: { ...limits, ...gpus } },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      runMount(),
      { name: 'wrapper', mountPath: WRAPPER_DIRECTORY, readOnly: true },
      { name: 'podinfo', mountPath: '/etc/podinfo', readOnly: true },
      ...(mount === undefined ? [] : [mount]),
      ...secretMounts,
    ],
  };
}

function volumeMount({ volume }: BuildPodOptions): VolumeMount | undefined {
  return volume && { name: 'build', mountPath: volume.mountPath };
}

/** The wrapper's variables, those of the services, and the build's own, which win. */
function variables(scope: Construct, options: BuildPodOptions): EnvVar[] {
  const { services, env = {}, node, outputs, timeout, after, keepFor } = options;
  const uid: EnvVar = { name: 'KEELSON_RUN_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.uid' } } };
  const output = outputs.directory === undefined ? '' : `${outputs.directory}/$(KEELSON_RUN_ID)`;
  const all = [
    uid,
    { name: WrapperVariables.RUN_DIRECTORY, value: RUN_DIRECTORY },
    { name: WrapperVariables.OUTPUT_DIRECTORY, value: output },
    { name: WrapperVariables.ASSETS, value: lazy(() => outputs.patterns) },
    { name: WrapperVariables.TIMEOUT, value: String(timeout.toSeconds({ integral: false })) },
    { name: WrapperVariables.AFTER, value: after },
    { name: WrapperVariables.KEEP, value: String(keepFor?.toSeconds({ integral: false }) ?? 0) },
    // Where NVIDIA's runtime is the node's default, the image alone could ask for every GPU.
    ...(node?.gpus.any ? [] : [{ name: VISIBLE_DEVICES, value: 'void' }]),
    ...services.flatMap((service) => service.environment),
    ...environment(scope, 'env', env, options.namespaceName),
  ];
  return [...new Map(all.map((variable) => [variable.name, variable])).values()];
}

function declareEnvironmentSecrets(scope: Construct, { envFrom = [], namespaceName }: BuildPodOptions): void {
  for (const source of envFrom) {
    if (!('secret' in source)) continue;
    declareSecretUse(scope, {
      secretName: source.secret,
      namespace: namespaceName,
      key: undefined,
      type: undefined,
      property: 'envFrom',
      optional: false,
    });
  }
}

function environmentSource(source: EnvironmentSource): EnvFromSource {
  return 'configMap' in source
    ? { configMapRef: { name: source.configMap } }
    : { secretRef: { name: source.secret } };
}

/** Labels, annotations and namespace of the pod as files, as builds have found them since the templates. */
function podInfo(): Volume {
  const items = ['namespace', 'annotations', 'labels'].map((path) => ({
    path,
    fieldRef: { fieldPath: `metadata.${path}` },
  }));
  return { name: 'podinfo', downwardAPI: { items } };
}

function podContext(podSecurity: PodSecurity): PodSecurityContext {
  return {
    // The gate reads its token, and the build its volume, through this group.
    fsGroup: AGENT_UID,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
    ...(podSecurity.level === 'restricted' && { runAsNonRoot: true }),
  };
}

const LATEST: LinterException['checks'] = [
  'kube-linter/latest-tag',
  'kube-score/container-image-tag',
  'polaris/tagNotSpecified',
];

/**
 * What linters say of every build, and of one whose namespace is not `restricted`.
 *
 * @param latest why the image's tag may be `latest`
 */
export function buildExceptions(
  image: ImageName,
  podSecurity: PodSecurity,
  latest: string,
): LinterException[] {
  return [
    ...EVERY_POD,
    VERSIONED_IMAGE,
    { checks: LOW_USER, reason: 'the image of a build says as which user it runs' },
    { checks: WRITABLE_ROOT, reason: 'a build writes where it likes in its own image' },
    ...(image.tag === 'latest' ? [{ checks: LATEST, reason: latest }] : []),
    ...privilegeExceptions(podSecurity, podContext(podSecurity), containerContext(podSecurity)),
  ];
}

/** A build writes where it likes in its own image, so its root file system is writable at any level. */
function containerContext(podSecurity: PodSecurity): SecurityContext {
  if (podSecurity.level !== 'restricted') {
    return { allowPrivilegeEscalation: false, capabilities: { drop: ['AUDIT_WRITE', 'MKNOD', 'NET_RAW'] } };
  }
  return { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true };
}
