import { type ApiObject, Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { ConfigMap, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { GATE_KEY, type ServiceConfiguration } from '../agent/configuration.ts';
import { declareStage } from '../app/graph.ts';
import { declareNodeFiles } from '../app/node-files.ts';
import { ImageName } from '../image/image-name.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { networkPolicy, to, toApiServer, toDns, toInternet } from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { formatProblem } from '../kubernetes/problem.ts';
import { Grant } from '../kubernetes/rbac.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { namespaceOf, type PipelineRecord, recordOf } from '../pipeline/pipeline-record.ts';
import { defaultAgentImage } from '../platform/agent-image.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import type { Registry } from '../registry/registry.ts';
import { isServiceShared, soundServices, useService } from '../services/service-use.ts';
import type { TestService } from '../services/test-service.ts';
import { buildPod } from './build-pod.ts';
import type { BuildProps, BuildVolumeProps } from './build-props.ts';
import { type BuildNames, type BuildWorkload, gateConfiguration, gateRules } from './gate.ts';
import { bindPullSecrets, registryOf } from './pull-secrets.ts';
import { RunOutputs } from './run-outputs.ts';
import { type AfterCommand, WRAPPER_SCRIPT } from './wrapper.ts';

/** The props of a build that are checked by what reads them, in better words. */
export const BUILD_OWN: readonly string[] = ['command.*', 'env.*', 'imagePullSecrets', 'imagePullSecrets.*'];

/** What a build makes of its props and of what it is in. */
export interface BuildStage {
  /** The construct's id: the name of most of its objects. */
  readonly name: string;
  readonly namespace: string;
  readonly record: PipelineRecord | undefined;
  readonly platform: PlatformReference | undefined;
  readonly image: ImageName;
  readonly agentImage: ImageName;
  readonly podSecurity: PodSecurity;
  readonly services: readonly TestService[];
  readonly configurations: readonly ServiceConfiguration[];
  readonly volume: (BuildVolumeProps & { readonly mountPath: string; readonly size: Size }) | undefined;
  readonly names: BuildNames;
  /** Where the image is; of an image that no builder makes, the platform's registry is as much as is known. */
  readonly registry: Registry | undefined;
  /** What the image is pulled with. */
  readonly pulls: readonly SecretReference[];
  /** How long the command may run. */
  readonly timeout: Duration;
  /** What its runs leave. */
  readonly outputs: RunOutputs;
}

/** Reads the props that every build has. The services that it names are from now on its gate's to scale. */
export function buildStage(scope: Construct, props: BuildProps): BuildStage {
  const { id } = scope.node;
  const record = recordOf(scope, props);
  const platform = props.platform ?? record?.platform;
  const services = soundServices(scope, props.services ?? []);
  for (const service of services) useService(service, scope);
  const namespace = record?.namespace ?? namespaceOf(scope, props.namespace);
  const volume =
    props.volume === false ? undefined : { mountPath: '/build', size: Size.gibibytes(20), ...props.volume };
  const image = props.image instanceof ImageName ? props.image : props.image.image;
  const registry = registryOf(props.image, platform);
  // The platform's program has those of its own.
  if (registry !== platform?.registry) declareNodeFiles(scope, registry?.nodeFiles ?? []);
  return {
    name: id,
    namespace,
    record,
    platform,
    image,
    agentImage: props.agentImage ?? platform?.agentImage ?? defaultAgentImage(scope),
    podSecurity: props.podSecurity ?? PodSecurity.restricted(),
    services,
    configurations: services.map(({ configuration }) => configuration),
    volume,
    timeout: props.timeout ?? Duration.hours(2),
    outputs: new RunOutputs(volume?.mountPath),
    names: { lease: id, status: `${id}-status` },
    registry,
    pulls: bindPullSecrets(scope, { ...props, image }, registry, namespace),
  };
}

/** The objects that a build has beside what makes its pods. */
export interface BuildObjects {
  /** The volume that outlives a build. */
  readonly claim: ApiObject | undefined;
  /** What the gate may do. */
  readonly gateGrant: Grant;
}

/**
 * Adds what every build has: volume, account and rights of its gate, what gate and wrapper read, where the gate
 * keeps what it must not forget, and the connections that it may open.
 *
 * @param workload what makes its pods; asked at synthesis
 */
export function buildObjects(
  scope: Construct,
  stage: BuildStage,
  workload: () => BuildWorkload,
): BuildObjects {
  const { name, namespace, names, configurations, volume, outputs, timeout } = stage;
  scope.node.addValidation({ validate: () => outputs.problems().map(formatProblem) });
  const configMap = (child: string, suffix: string, data?: Record<string, string>): ApiObject =>
    kubeObject<ConfigMap>(scope, child, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${name}-${suffix}`, namespace },
      ...(data !== undefined && { data }),
    });
  const claim = volume && volumeClaim(scope, 'claim', { name, namespace }, 'volume', volume);
  serviceAccount(scope, 'service-account', name, namespace);
  const gateGrant = new Grant(scope, 'gate', {
    name: `${name}-gate`,
    namespace,
    to: { namespace, serviceAccountName: name },
    rules: () => gateRules(workload(), names, configurations),
  });
  configMap('gate-config', 'gate', {
    [GATE_KEY]: lazy(() => {
      const services = stage.services.map((service) => ({
        ...service.configuration,
        ...(isServiceShared(service) && { shared: true as const }),
      }));
      const seconds = timeout.toSeconds({ integral: false });
      return jsonFile(gateConfiguration(workload(), names, services, seconds, outputs));
    }),
  });
  configMap('wrapper', 'wrapper', { 'wrapper.sh': WRAPPER_SCRIPT });
  // The gate writes these two; they are here so that it needs no right to create any.
  configMap('status', 'status');
  kubeObject<Lease>(scope, 'lease', {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: names.lease, namespace },
  });
  networkPolicy(scope, 'network-policy', {
    name,
    namespace,
    pods: buildSelector(name),
    // Nobody connects to a build, but a release to its gate.
    ingress: () => outputs.ingress,
    egress: () => [
      toDns(),
      toApiServer(stage.platform?.apiServer),
      ...toInternet(stage.platform?.egress),
      ...to(stage.services.map(({ destination }) => destination)),
    ],
  });
  return { claim, gateGrant };
}

/** The pod of a build; the function is asked at synthesis. */
export function stagePod(
  scope: Construct,
  stage: BuildStage,
  props: BuildProps & { readonly keepFor?: Duration },
  after: AfterCommand,
): () => PodSpec {
  const { name, namespace, image, agentImage, podSecurity, services, volume, outputs, pulls, timeout } =
    stage;
  return buildPod(scope, {
    ...props,
    name,
    namespaceName: namespace,
    image,
    agentImage,
    podSecurity,
    services,
    volume,
    outputs,
    pulls,
    timeout,
    after,
  });
}

/** The labels by which a build's pods are found. */
export function buildSelector(name: string): Record<string, string> {
  return { 'app.kubernetes.io/name': name, [KeelsonLabels.STAGE]: 'build' };
}

/** The labels of a build's pods. */
export function buildPodLabels(name: string): Record<string, string> {
  return { ...partLabels(name, 'build'), ...buildSelector(name) };
}

/** The GPUs that a build adds to its namespace's quota. */
export function buildQuota({ node }: BuildProps): Record<string, number> {
  return node?.gpus.any ? { [`requests.${node.gpus.resourceName}`]: node.gpus.count } : {};
}

/** Puts a build into the graph of stages. */
export function declareBuild(
  scope: Construct,
  stage: BuildStage,
  { image, node }: BuildProps,
  texts: { readonly title: string; readonly image: string },
): void {
  declareStage(scope, {
    title: texts.title,
    detail: stage.image.toString(),
    inputs: [
      ...(image instanceof ImageName ? [] : [{ from: image.builder ?? image, label: texts.image }]),
      ...stage.services.map((from) => ({ from, label: 'runs beside' })),
      ...(node === undefined ? [] : [{ from: node, label: 'runs on' }]),
    ],
  });
}
