import type { ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import { inactiveNames } from '../agent/listener.ts';
import { OUTPUTS_PORT } from '../agent/release.ts';
import { warnWhereAppliedAgain } from '../gitops/applied-again.ts';
import { ImageName } from '../image/image-name.ts';
import type { PushedImage } from '../image/image-source.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { SCALED_AT_RUN_TIME } from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters } from '../kubernetes/linters.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import type { Destination } from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { every, Grant, named, type Subject } from '../kubernetes/rbac.ts';
import { noteRunsWithBuild } from '../kubernetes/runs-with-build.ts';
import type { SecretReference } from '../kubernetes/secret-source.ts';
import { sound } from '../props/sound.ts';
import { missingBuild } from '../props/stand-ins.ts';
import { declareLookUp } from '../registry/looked-in.ts';
import { buildExceptions } from './build-pod.ts';
import { buildProblems } from './build-problems.ts';
import {
  BUILD_OWN,
  type BuildStage,
  buildObjects,
  buildPodLabels,
  buildQuota,
  buildSelector,
  buildStage,
  declareBuild,
  stagePod,
} from './build-stage.ts';
import {
  gateHandOver,
  handOverConfiguration,
  handOverOptions,
  handOverProblems,
  listenerProblems,
} from './hand-over.ts';
import type { HandOverProps } from './hand-over-props.ts';
import { KeelPolicy } from './keel-policy.ts';
import type { WatchRequest } from './keel-reference.ts';
import { KeelTrigger } from './keel-trigger.ts';
import type { KeelWatchedBuildProps } from './keel-watched-build-props.ts';
import { NeighbourKeel } from './neighbour-keel.ts';
import { pullSecrets } from './pull-secrets.ts';
import { watchedBuildProblems } from './watched-build-problems.ts';
import { AfterCommand } from './wrapper.ts';

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
  /** The image as a pod reaches it, where its builder pushed it. */
  readonly pushed: PushedImage;
  /** The Deployment that Keel rolls. */
  readonly deployment: ApiObject;
  /** What the gate may do. */
  readonly gateGrant: Grant;
  /** What Keel may do, where a Keel is known. */
  readonly keelGrant: Grant | undefined;
  /** The volume that outlives a build. */
  readonly claim: ApiObject | undefined;
  readonly #stage: BuildStage;
  readonly #handsOver: boolean;

  constructor(scope: Construct, id: string, given: KeelWatchedBuildProps) {
    super(scope, id);
    const own = [...BUILD_OWN, 'trigger', 'trigger.*', 'handOver.afterwards'];
    const props = sound(this, 'KeelWatchedBuildProps', given, missingBuild(), own);
    const stage = buildStage(this, props);
    this.#stage = stage;
    const { record, platform, namespace, image, names, configurations, pulls } = stage;
    const keel = props.keel ?? platform?.keel;
    const policy = props.policy ?? KeelPolicy.sameTag();
    const trigger = props.trigger ?? KeelTrigger.poll();
    const handOver = handOverOptions(props.handOver);
    this.image = image;
    const builder = props.image instanceof ImageName ? undefined : props.image.builder;
    this.pushed = builder?.pushed ?? { image, registry: undefined };
    this.#handsOver = handOver !== undefined;
    reportProblems(this, [
      ...watchedBuildProblems({ image, policy, trigger, keel, handsOver: handOver !== undefined }, props),
      ...(handOver === undefined ? [] : handOverProblems(stage, trigger, handOver, props.keel)),
      ...buildProblems(this, stage, props),
    ]);
    // Keel reads Nodes where tags may change.
    if (policy.readsNodes && handOver === undefined) warnWhereAppliedAgain(this, tagPutBack(policy));

    const { claim, gateGrant } = buildObjects(this, stage, () => ({
      deployment: id,
      ...(handOver !== undefined && { handOver: gateHandOver(handOver) }),
    }));
    this.claim = claim;
    this.gateGrant = gateGrant;
    const watched = watchedBy(policy, trigger, handOver !== undefined);
    const pod = stagePod(this, stage, props, AfterCommand.KEEP);
    this.deployment = kubeObject<Deployment>(this, 'Resource', {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {
        name: id,
        namespace,
        labels: { ...partLabels(id, 'build'), ...watched.labels, 'app.kubernetes.io/instance': id },
        annotations: watched.annotations,
      },
      // Neither replicas nor the annotation keel.sh/policy stand here: they are the agent's at run time.
      spec: lazy(() => ({
        revisionHistoryLimit: 2,
        // One GPU is enough, and two builds never share the volume for long.
        strategy: { type: 'Recreate' },
        // A Deployment that waits for its first image has not failed.
        progressDeadlineSeconds: 86_400,
        selector: { matchLabels: buildSelector(id) },
        template: {
          metadata: {
            labels: buildPodLabels(id),
            // The build finds them in /etc/podinfo, and its gate what to listen for.
            ...(handOver !== undefined && { annotations: watched.annotations }),
          },
          spec: pod(),
        },
      })),
    });

    noteRunsWithBuild(this.deployment);
    exceptFromLinters(
      this.deployment,
      ...buildExceptions(
        image,
        stage.podSecurity,
        'Keel follows this tag and starts the build when it names another image',
      ),
      SCALED_AT_RUN_TIME,
      {
        checks: ['polaris/livenessProbeMissing', 'polaris/readinessProbeMissing'],
        reason: 'a build serves nobody; its timeout ends one that hangs',
      },
    );

    const { registry } = stage;
    if (registry !== undefined && record !== undefined) declareLookUp(record.platform, registry);
    const request = { namespace, policy, trigger, ...(registry !== undefined && { registry }) };
    const watcher =
      handOver === undefined ? keel?.watch(request) : this.#neighbour(handOver, request, stage)?.account;
    this.keelGrant = watcher && this.#watched(watcher, request, pulls);
    if (handOver !== undefined) this.node.addValidation({ validate: () => listenerProblems(this, stage) });
    record?.contribute({
      podSecurity: stage.podSecurity,
      readSecrets: pulls,
      quota: buildQuota(props),
      build: () => ({
        deployment: id,
        lease: names.lease,
        statusConfigMap: names.status,
        image: image.toString(),
        ...(props.image instanceof ImageName ? {} : { builder: props.image.node.id }),
        insecureRegistry: registry?.insecure ?? false,
        ...(registry?.certificateAuthority !== undefined && {
          certificateAuthority: registry.certificateAuthority,
        }),
        ...(pulls.length > 0 && { pullSecrets: pulls.map(({ secretName, key }) => ({ secretName, key })) }),
        services: configurations,
        ...(props.keepFor !== undefined && { keepSeconds: props.keepFor.toSeconds({ integral: false }) }),
        ...(handOver !== undefined && { handOver: handOverConfiguration(this, stage, handOver) }),
      }),
    });
    declareBuild(this, stage, props, { title: `build ${id}`, image: 'new digest, seen by Keel' });
  }

  /**
   * Keeps files that a run leaves, and lets pods fetch them, with the run's log, from the gate. A `Release`
   * calls it.
   *
   * @param assets patterns of files in the command's working directory
   * @param readers the pods that may fetch them
   * @param timeout how long the build is held back for them
   * @returns where they are fetched
   */
  shareOutputs(
    assets: readonly string[],
    readers: readonly NetworkPolicyPeer[],
    timeout: Duration,
  ): Destination {
    this.#stage.outputs.share(assets, readers, timeout.toSeconds({ integral: false }));
    const { record, name, namespace } = this.#stage;
    // A listener's namespace has another name, and the same label.
    const matchLabels =
      this.#handsOver && record !== undefined
        ? { [KeelsonLabels.PIPELINE]: toDnsLabel(record.pipelineName) }
        : { 'kubernetes.io/metadata.name': namespace };
    return {
      peers: [{ namespaceSelector: { matchLabels }, podSelector: { matchLabels: buildSelector(name) } }],
      ports: [OUTPUTS_PORT],
    };
  }

  /** The Keel beside a build that hands over. */
  #neighbour(
    { keel }: HandOverProps,
    request: WatchRequest,
    { name, platform }: BuildStage,
  ): NeighbourKeel | undefined {
    if (keel === false) return undefined;
    return new NeighbourKeel(this, 'neighbour-keel', {
      ...keel,
      build: name,
      request,
      platformName: platform?.platformName ?? '',
      apiServer: platform?.apiServer,
      egress: platform?.egress,
    });
  }

  #watched(watcher: Subject, request: WatchRequest, pulls: readonly SecretReference[]): Grant {
    return new Grant(this, 'keel', {
      name: `${this.node.id}-keel`,
      namespace: request.namespace,
      to: watcher,
      rules: () => [
        // list and watch can't be limited to a name.
        every('apps', ['deployments'], ['list', 'watch']),
        named('apps', ['deployments'], [this.node.id], ['get', 'update']),
        every('', ['pods'], ['list']),
        ...pullSecrets(pulls).rules,
      ],
    });
  }
}

function tagPutBack({ labels, annotations }: KeelPolicy): Problem {
  return {
    property: 'policy',
    value: { ...labels, ...annotations }['keel.sh/policy'],
    message: 'lets Keel write another tag into the Deployment, where GitOps puts the old one back',
    remedy: 'watch one tag with KeelPolicy.sameTag(), hand over, or see docs/how-to/gitops.md',
  };
}

/**
 * What says to Keel, on the Deployment, when to roll it. Where the build hands over, Keel's names are inactive ones: the
 * controller writes the real ones when this namespace is the one that listens, and no manifest fights over them.
 */
function watchedBy(
  policy: KeelPolicy,
  trigger: KeelTrigger,
  handsOver: boolean,
): { readonly labels: Record<string, string>; readonly annotations: Record<string, string> } {
  const labels = { ...policy.labels, ...trigger.labels };
  const annotations = { ...policy.annotations, ...trigger.annotations };
  return handsOver
    ? { labels: {}, annotations: inactiveNames({ ...labels, ...annotations }) }
    : { labels, annotations };
}
