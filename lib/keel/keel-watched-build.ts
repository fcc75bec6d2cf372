import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import { GATE_KEY, type ServiceConfiguration } from '../agent/configuration.ts';
import { OUTPUTS_PORT } from '../agent/release.ts';
import { declareStage } from '../app/graph.ts';
import type { GpuBuildNode } from '../gpu/gpu-build-node.ts';
import { ImageBuilder } from '../image/image-builder.ts';
import { ImageName } from '../image/image-name.ts';
import type { ImageSource } from '../image/image-source.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { exceptFromLinters } from '../kubernetes/linters.ts';
import {
  type Destination,
  networkPolicy,
  to,
  toApiServer,
  toDns,
  toInternet,
} from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { formatProblem, reportProblems } from '../kubernetes/problem.ts';
import { every, Grant, named } from '../kubernetes/rbac.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { namespaceOf, recordOf } from '../pipeline/pipeline-record.ts';
import { defaultAgentImage } from '../platform/agent-image.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import type { TestService } from '../services/test-service.ts';
import { buildExceptions, buildPod } from './build-pod.ts';
import { gateConfiguration, gateRules } from './gate.ts';
import { KeelPolicy } from './keel-policy.ts';
import type { KeelReference, WatchRequest } from './keel-reference.ts';
import { KeelTrigger } from './keel-trigger.ts';
import type { KeelWatchedBuildProps } from './keel-watched-build-props.ts';
import { bindPullSecrets, pullSecrets } from './pull-secrets.ts';
import { RunOutputs } from './run-outputs.ts';
import { watchedBuildProblems } from './watched-build-problems.ts';
import { WRAPPER_SCRIPT } from './wrapper.ts';

/**
 * A build that Keel starts whenever its image changes.
 *
 * It is a Deployment of one pod: the gate, which holds Keel back and starts the services while the build
 * runs, and the build itself, whose command waits for the gate's word in a small shell wrapper. The build
 * has no API token, no registry credential and no release credential.
 *
 * @example
 * new KeelWatchedBuild(pipeline, 'build', {
 *   image,
 *   services: new MinioRabbitTestStack(pipeline, 'services'),
 *   command: ['./base-build.sh'],
 *   timeout: Duration.hours(2),
 *   podSecurity: PodSecurity.baseline('the build image runs as root'),
 * });
 */
export class KeelWatchedBuild extends Construct {
  /** The image that is watched and runs. */
  readonly image: ImageName;
  /** The Deployment that Keel rolls. */
  readonly deployment: ApiObject;
  /** What the gate may do. */
  readonly gateGrant: Grant;
  /** What Keel may do, where a Keel is known. */
  readonly keelGrant: Grant | undefined;
  /** The volume that outlives a build. */
  readonly claim: ApiObject | undefined;
  readonly #namespace: string;
  readonly #outputs: RunOutputs;

  constructor(scope: Construct, id: string, props: KeelWatchedBuildProps) {
    super(scope, id);
    const record = recordOf(this, props);
    const platform = props.platform ?? record?.platform;
    const namespace = record?.namespace ?? namespaceOf(this, props.namespace);
    this.#namespace = namespace;
    const keel = props.keel ?? platform?.keel;
    const policy = props.policy ?? KeelPolicy.sameTag();
    const trigger = props.trigger ?? KeelTrigger.poll();
    const podSecurity = props.podSecurity ?? PodSecurity.restricted();
    const services = [...(props.services ?? [])];
    const configurations = services.map(({ configuration }) => configuration);
    const names = { deployment: id, lease: id, status: `${id}-status` };
    this.image = props.image instanceof ImageName ? props.image : props.image.image;
    const agentImage = props.agentImage ?? platform?.agentImage ?? defaultAgentImage(this);
    const context = { image: this.image, policy, trigger, agentImage, namespace, services, keel };
    reportProblems(this, watchedBuildProblems(this, context, props));

    const volume =
      props.volume === false ? undefined : { mountPath: '/build', size: Size.gibibytes(20), ...props.volume };
    this.#outputs = new RunOutputs(volume?.mountPath);
    this.node.addValidation({ validate: () => this.#outputs.problems().map(formatProblem) });
    this.claim = volume && volumeClaim(this, 'claim', { name: id, namespace }, 'volume', volume);
    serviceAccount(this, 'service-account', id, namespace);
    this.gateGrant = new Grant(this, 'gate', {
      name: `${id}-gate`,
      namespace,
      to: { namespace, serviceAccountName: id },
      rules: () => gateRules(names, configurations),
    });
    this.#state(namespace, names, configurations);
    this.#network(namespace, services, platform);

    const pulls = bindPullSecrets(this, 'imagePullSecrets', props.imagePullSecrets ?? [], namespace);
    const labels = { ...partLabels(id, 'build'), ...policy.labels, ...trigger.labels };
    const pod = buildPod(this, {
      ...props,
      name: id,
      namespaceName: namespace,
      image: this.image,
      agentImage,
      podSecurity,
      services,
      volume,
      outputs: this.#outputs,
      pulls,
    });
    this.deployment = kubeObject<Deployment>(this, 'Resource', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: id,
        namespace,
        labels: { ...labels, 'app.kubernetes.io/instance': id },
        annotations: { ...policy.annotations, ...trigger.annotations },
      },
      // Neither replicas nor the annotation keel.sh/policy stand here: they are the agent's at run time.
      spec: lazy(() => ({
        revisionHistoryLimit: 2,
        // One GPU is enough, and two builds never share the volume for long.
        strategy: { type: 'Recreate' },
        // A Deployment that waits for its first image has not failed.
        progressDeadlineSeconds: 86_400,
        selector: { matchLabels: this.#selector() },
        template: { metadata: { labels: { ...partLabels(id, 'build'), ...this.#selector() } }, spec: pod() },
      })),
    });

    exceptFromLinters(this.deployment, ...buildExceptions(this.image, podSecurity));

    const target = props.image instanceof ImageBuilder ? props.image.target.registry : platform?.registry;
    const request = { namespace, policy, trigger, ...(target !== undefined && { registry: target }) };
    this.keelGrant = keel && this.#watched(keel, request, pulls);
    record?.contribute({
      podSecurity,
      readSecrets: pulls,
      quota: props.node?.gpus.any
        ? { [`requests.${props.node.gpus.resourceName}`]: props.node.gpus.count }
        : {},
      build: () => ({
        deployment: id,
        lease: names.lease,
        statusConfigMap: names.status,
        image: this.image.toString(),
        ...(props.image instanceof ImageName ? {} : { builder: props.image.node.id }),
        insecureRegistry: target?.insecure ?? false,
        ...(pulls.length > 0 && { pullSecrets: pulls.map(({ secretName, key }) => ({ secretName, key })) }),
        services: configurations,
        ...(props.keepFor !== undefined && { keepSeconds: props.keepFor.toSeconds({ integral: false }) }),
      }),
    });
    this.#declare(props.image, services, props.node);
  }

  /**
   * Keeps files that a run leaves, and lets pods fetch them, with the run's log, from the gate. A `Release`
   * calls it.
   *
   * @param assets patterns of files in the command's working directory
   * @param readers the pods that may fetch them
   * @returns where they are fetched
   */
  shareOutputs(assets: readonly string[], readers: readonly NetworkPolicyPeer[]): Destination {
    this.#outputs.share(assets, readers);
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': this.#namespace } };
    return {
      peers: [{ namespaceSelector, podSelector: { matchLabels: this.#selector() } }],
      ports: [OUTPUTS_PORT],
    };
  }

  #selector(): Record<string, string> {
    return { 'app.kubernetes.io/name': this.node.id, [KeelsonLabels.STAGE]: 'build' };
  }

  /** What gate and wrapper read, and where the gate keeps what it must not forget. */
  #state(
    namespace: string,
    names: { deployment: string; lease: string; status: string },
    services: readonly ServiceConfiguration[],
  ): void {
    const id = names.deployment;
    const configMap = (child: string, name: string, data?: Record<string, string>): ApiObject =>
      kubeObject<ConfigMap>(this, child, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace },
        ...(data !== undefined && { data }),
      });
    configMap('gate-config', `${id}-gate`, {
      [GATE_KEY]: lazy(
        () => `${JSON.stringify(gateConfiguration(names, services, this.#outputs), null, 2)}\n`,
      ),
    });
    configMap('wrapper', `${id}-wrapper`, { 'wrapper.sh': WRAPPER_SCRIPT });
    // The gate writes these two; they are here so that it needs no right to create any.
    configMap('status', names.status);
    kubeObject<Lease>(this, 'lease', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: names.lease, namespace },
    });
  }

  #network(
    namespace: string,
    services: readonly TestService[],
    platform: PlatformReference | undefined,
  ): void {
    networkPolicy(this, 'network-policy', {
      name: this.node.id,
      namespace,
      pods: this.#selector(),
      // Nobody connects to a build, but a release to its gate.
      ingress: () => this.#outputs.ingress,
      egress: () => [
        toDns(),
        toApiServer(platform?.apiServer),
        ...toInternet(platform?.egress),
        ...to(services.map(({ destination }) => destination)),
      ],
    });
  }

  #watched(keel: KeelReference, request: WatchRequest, pulls: readonly SecretReference[]): Grant {
    return new Grant(this, 'keel', {
      name: `${this.node.id}-keel`,
      namespace: request.namespace,
      to: keel.watch(request),
      rules: () => [
        // list and watch can't be limited to a name.
        every('apps', ['deployments'], ['list', 'watch']),
        named('apps', ['deployments'], [this.node.id], ['get', 'update']),
        every('', ['pods'], ['list']),
        ...pullSecrets(pulls).rules,
      ],
    });
  }

  #declare(
    image: ImageSource | ImageName,
    services: readonly TestService[],
    node: GpuBuildNode | undefined,
  ): void {
    declareStage(this, {
      title: `build ${this.node.id}`,
      detail: this.image.toString(),
      inputs: [
        ...(image instanceof ImageName ? [] : [{ from: image, label: 'new digest, seen by Keel' }]),
        ...services.map((from) => ({ from, label: 'runs beside' })),
        ...(node === undefined ? [] : [{ from: node, label: 'runs on' }]),
      ],
    });
  }
}
