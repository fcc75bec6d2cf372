import { type ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import type { ReleaseConfiguration } from '../agent/release.ts';
import { declareStage } from '../app/graph.ts';
import type { ImageBuilder } from '../image/image-builder.ts';
import { KeelWatchedBuild } from '../keel/keel-watched-build.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { KeelsonLabels } from '../kubernetes/labels.ts';
import { isDnsLabel, toDnsLabel } from '../kubernetes/names.ts';
import { IsolatedNamespace, type QuotaLimits } from '../kubernetes/namespace.ts';
import { type Destination, networkPolicy, to, toDns, toInternet } from '../kubernetes/network.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { type Problem, problemsWhenKnown, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import { every, Grant, named } from '../kubernetes/rbac.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { type PipelineRecord, recordAbove, recordOf, type StageProps } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { GitHubRelease, type GitHubReleaseProps } from './github-release.ts';
import { RELEASE_ACCOUNT } from './release-job.ts';
import { ReleasePlan } from './release-plan.ts';

/** Props of {@link Release}. */
export interface ReleaseProps extends Omit<StageProps, 'namespace'> {
  /** What has to succeed before: a build, or an image that is released as it was built. */
  readonly after: KeelWatchedBuild | ImageBuilder;
  /**
   * The namespace of the release's Jobs and of the credentials that they use.
   * @default - the pipeline's, with the release's id after it, such as `my-project-release`
   */
  readonly namespace?: string;
  /**
   * The branches whose commits are released.
   * @default - every branch that the pipeline watches
   */
  readonly branches?: readonly string[];
  /**
   * Files that the build leaves for its release, as patterns of the shell in the directory in which the
   * command runs, such as `cmd/runner/bin/*`. They are copied to the build's volume when the command has
   * succeeded; only regular files are taken.
   * @default - none
   */
  readonly assets?: readonly string[];
  /**
   * A release on GitHub.
   * @default - none
   */
  readonly github?: GitHubReleaseProps;
  /**
   * How long a release may take in all. The build, and Keel, wait for it that long.
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;
  /**
   * Hard limits of the namespace's ResourceQuota, added to or in place of the default ones.
   * @default - 10 pods, 10 CPUs, 16 GiB of memory, no Service that is reached from outside
   */
  readonly quota?: QuotaLimits;
}

const DEFAULT_QUOTA: QuotaLimits = {
  'count/pods': '10',
  'limits.cpu': '10',
  'limits.memory': '16Gi',
  'limits.ephemeral-storage': '200Gi',
  'services.nodeports': '0',
  'services.loadbalancers': '0',
};

/**
 * What happens to a commit whose build has passed: a GitHub release, images built from the commit and what
 * its build left. It has a namespace of its own with the credentials, which the build never sees. A credential
 * that is missing skips what needs it, and the status says so.
 *
 * Image builders become part of a release by being made below it.
 *
 * @example
 * const release = new Release(pipeline, 'release', {
 *   after: build,
 *   assets: ['cmd/runner/bin/*'],
 *   github: {
 *     repository: 'leaf-ai/studio-go-runner',
 *     token: SecretSource.existing('release-github-token', 'github_token'),
 *   },
 * });
 * new MakisuBuilder(release, 'stock', {
 *   dockerfile: 'Dockerfile.stock',
 *   target: platform.registry.image('leafai/studio-go-runner', { tag: Tag.version() }),
 * });
 */
export class Release extends Construct {
  /** The namespace of the release's Jobs and of the credentials that they use. */
  readonly namespace: string;
  /** The namespace's objects. */
  readonly isolation: IsolatedNamespace;
  /** What the controller may do in the namespace. */
  readonly grant: Grant | undefined;
  /** The release on GitHub. */
  readonly github: GitHubRelease | undefined;
  /** The ConfigMap with what became of it; undefined after a build, whose own status says so. */
  readonly status: ApiObject | undefined;
  /** What the release is made of. */
  readonly plan: ReleasePlan;

  constructor(scope: Construct, id: string, given: ReleaseProps) {
    super(scope, id);
    const props = sound(this, 'ReleaseProps', given, { after: this as never });
    const { after, assets = [], timeout = Duration.hours(1) } = props;
    // Its namespace is not the pipeline's, on purpose.
    const { namespace: _own, ...stage } = props;
    const record = recordOf(this, stage);
    const label = record && toDnsLabel(record.pipelineName);
    this.namespace = props.namespace ?? `${record?.namespace ?? 'missing'}-${toDnsLabel(id)}`;
    this.isolation = new IsolatedNamespace(this, 'namespace', {
      name: this.namespace,
      labels: {
        ...(label !== undefined && { [KeelsonLabels.PIPELINE]: label }),
        ...(record !== undefined && { [KeelsonLabels.HOME]: record.namespace }),
      },
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({ ...DEFAULT_QUOTA, ...props.quota }),
    });
    serviceAccount(this, 'service-account', RELEASE_ACCOUNT, this.namespace);
    const outputs = record && this.#outputs(record, after, assets, timeout);
    const seconds = timeout.toSeconds({ integral: false });
    this.plan = new ReleasePlan({
      namespace: this.namespace,
      outputs,
      tested: after.pushed,
      watched: after.image,
      pipelineName: record?.pipelineName ?? 'missing',
      timeoutSeconds: seconds,
    });
    reportProblems(this, this.#problems(props, record));
    networkPolicy(this, 'network-policy', {
      name: RELEASE_ACCOUNT,
      namespace: this.namespace,
      pods: { [KeelsonLabels.STAGE]: 'release' },
      egress: () => [toDns(), ...toInternet(record?.platform.egress), ...to(this.#destinations())],
    });
    declareStage(this, { title: `release ${id}`, inputs: [{ from: after, label: 'has passed' }] });
    if (props.github !== undefined && record !== undefined) {
      this.github = new GitHubRelease(this, 'github-release', {
        ...props.github,
        agentImage: record.agentImage,
        assets: assets.length > 0,
      });
    }
    if (record === undefined) {
      this.#reportMissing();
      return;
    }
    this.grant = this.#grant(record);
    this.status = after instanceof KeelWatchedBuild ? undefined : this.#status(record);
    record.contribute({
      release: () => this.#configuration(props, seconds),
      ...(this.status !== undefined && { statuses: [this.status.name] }),
    });
  }

  #destinations(): Destination[] {
    const { outputs, contributions } = this.plan;
    return [
      ...(outputs === undefined ? [] : [outputs]),
      ...contributions.flatMap(({ destinations }) => destinations?.() ?? []),
    ];
  }

  /** What the build keeps for its release, and where it is fetched: by the release's own Jobs and by its image builds. */
  #outputs(
    { platform, pipelineName }: PipelineRecord,
    after: KeelWatchedBuild | ImageBuilder,
    assets: readonly string[],
    timeout: Duration,
  ): Destination | undefined {
    if (!(after instanceof KeelWatchedBuild)) return undefined;
    const readers: NetworkPolicyPeer[] = [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': this.namespace } },
        podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'release' } },
      },
      {
        namespaceSelector: {
          matchLabels: {
            [KeelsonLabels.OWNER]: platform.platformName,
            [KeelsonLabels.PIPELINE]: toDnsLabel(pipelineName),
          },
        },
        // Not what every commit builds: that runs before anything is tested.
        podSelector: {
          matchLabels: { [KeelsonLabels.STAGE]: 'image-build', [KeelsonLabels.RELEASE]: this.namespace },
        },
      },
    ];
    return after.shareOutputs(assets, readers, timeout);
  }

  /** Where the controller writes what became of it: an image has no status that could say so. */
  #status({ namespace }: PipelineRecord): ApiObject {
    return kubeObject<ConfigMap>(this, 'status', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `${this.node.id}-status`, namespace },
    });
  }

  #grant({ platform }: PipelineRecord): Grant {
    return new Grant(this, 'controller', {
      name: 'keelson-controller',
      namespace: this.namespace,
      to: platform.controllerSubject,
      rules: () => {
        const secrets = this.plan.contributions.flatMap(({ readSecrets = [] }) => readSecrets);
        const names = [...new Set(secrets.map(({ secretName }) => secretName))];
        return [
          every('batch', ['jobs'], ['create', 'get', 'list', 'watch', 'patch', 'delete']),
          every('', ['pods'], ['get', 'list', 'watch']),
          every('', ['pods/log'], ['get']),
          every('', ['events'], ['create', 'patch']),
          ...(names.length > 0 ? [named('', ['secrets'], names, ['get'])] : []),
        ];
      },
    });
  }

  #configuration({ after, branches }: ReleaseProps, timeoutSeconds: number): ReleaseConfiguration {
    const { contributions } = this.plan;
    return {
      name: this.node.id,
      namespace: this.namespace,
      after: after instanceof KeelWatchedBuild ? { build: after.node.id } : { image: after.node.id },
      ...(this.status !== undefined && { statusConfigMap: this.status.name }),
      ...(branches !== undefined && { branches: [...branches] }),
      images: contributions.flatMap(({ image }) => image?.() ?? []),
      jobs: contributions.flatMap(({ job }) => job?.() ?? []),
      timeoutSeconds,
    };
  }

  #problems(props: ReleaseProps, record: PipelineRecord | undefined): Problem[] {
    const { after, assets = [], branches } = props;
    const problems: Problem[] = [...durationProblems('timeout', props.timeout, 60, 86_400)];
    if (!isDnsLabel(this.node.id) || this.node.id.length > 40) {
      problems.push({
        property: 'id',
        value: this.node.id,
        message: 'is not a valid name of a release',
        remedy:
          'use at most 40 lower-case letters, digits and "-", starting and ending with a letter or digit',
      });
    }
    if (record !== undefined && this.namespace === record.namespace) {
      problems.push({
        property: 'namespace',
        value: this.namespace,
        message: 'is where the build runs, which must not be near the credentials of a release',
        remedy: 'leave it out, or name another namespace',
      });
    }
    if (assets.length > 0 && !(after instanceof KeelWatchedBuild)) {
      problems.push({
        property: 'assets',
        value: assets,
        message: 'can only be left by a build',
        remedy: 'release after a KeelWatchedBuild, or leave them out',
      });
    }
    const other = recordAbove(after);
    if (record !== undefined && other !== undefined && other !== record) {
      problems.push({
        property: 'after',
        value: after.node.path,
        message: 'is of another pipeline, whose controller would not know of the release',
        remedy: `make the release in the pipeline ${other.pipelineName}`,
      });
    }
    if (branches?.length === 0) {
      problems.push({
        property: 'branches',
        value: branches,
        message: 'names none, so that nothing would be released',
        remedy: 'name a branch, or leave it out for all',
      });
    }
    const watched = record?.source?.branches;
    if (watched === undefined) return problems;
    return [...problems, ...problemsWhenKnown('branches', { branches: branches ?? [], watched }, unwatched)];
  }

  #reportMissing(): void {
    reportProblem(this, {
      property: 'platform',
      value: undefined,
      message: 'is missing',
      remedy: 'give it, or put the release into a Pipeline',
    });
  }
}

interface Branches {
  readonly branches: readonly string[];
  readonly watched: readonly string[];
}

function unwatched({ branches, watched }: Branches): Problem[] {
  return branches
    .filter((branch) => !watched.includes(branch))
    .map((value) => ({
      property: 'branches',
      value,
      message: 'is not watched by the pipeline',
      remedy: `name one of ${watched.join(', ')}`,
    }));
}
