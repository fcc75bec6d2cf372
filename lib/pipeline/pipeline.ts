import { Chart, type ChartProps } from 'cdk8s';
import type { Construct } from 'constructs';
import { declareStage } from '../app/graph.ts';
import { KeelsonLabels } from '../kubernetes/labels.ts';
import { isDnsLabel, toDnsLabel } from '../kubernetes/names.ts';
import { IsolatedNamespace, type QuotaLimits } from '../kubernetes/namespace.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { formatProblem, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import { soundProps } from '../props/sound.ts';
import { missingPlatform } from '../props/stand-ins.ts';
import type { GitSource } from '../source/git-source.ts';
import { PipelineRecord } from './pipeline-record.ts';

/** Props of {@link Pipeline}. */
export interface PipelineProps extends Pick<ChartProps, 'labels'> {
  /** The platform that the pipeline runs on. */
  readonly platform: PlatformReference;
  /**
   * The repository whose commits start the pipeline.
   * @default - none: something else pushes the image that a watched build waits for
   */
  readonly source?: GitSource;
  /**
   * The namespace in which the pipeline builds.
   * @default - the pipeline's id
   */
  readonly namespace?: string;
  /**
   * The Pod Security level of the namespace.
   * @default - the strictest that every stage can live with
   */
  readonly podSecurity?: PodSecurity;
  /**
   * Hard limits of the namespace's ResourceQuota, added to or in place of the default ones.
   * @default - 20 pods, 16 CPUs, 64 GiB of memory, no NodePort or LoadBalancer Service, and the GPUs that stages ask for
   */
  readonly quota?: QuotaLimits;
}

/** What an ordinary pipeline stays well below, and a runaway build does not. */
const DEFAULT_QUOTA: QuotaLimits = {
  'count/pods': '20',
  'limits.cpu': '16',
  'limits.memory': '64Gi',
  'limits.ephemeral-storage': '200Gi',
  'services.nodeports': '0',
  'services.loadbalancers': '0',
};

/**
 * The pipeline of one project: a chart with a fenced namespace in which its stages meet. The platform's
 * controller finds it by that namespace's label.
 *
 * @example
 * const pipeline = new Pipeline(app, 'studio-go-runner', {
 *   platform,
 *   source: GitSource.remote('https://github.com/leaf-ai/studio-go-runner.git', { branch: 'main' }),
 * });
 */
export class Pipeline extends Chart {
  /** The namespace in which the pipeline builds. */
  readonly namespaceName: string;
  /** The platform that it runs on. */
  readonly platform: PlatformReference;
  /** The repository; undefined where something else pushes the image. */
  readonly source: GitSource | undefined;
  /** The namespace's objects. */
  readonly isolation: IsolatedNamespace;
  /** What the controller knows of the pipeline. */
  readonly record: PipelineRecord;

  constructor(scope: Construct, id: string, given: PipelineProps) {
    const standIns = { platform: missingPlatform() };
    const { props, problems } = soundProps('PipelineProps', given, standIns);
    const { platform, source, podSecurity, quota, namespace = id } = props;
    const label = toDnsLabel(id);
    super(scope, id, {
      namespace,
      labels: { ...props.labels, [KeelsonLabels.PIPELINE]: label, 'app.kubernetes.io/part-of': label },
      disableResourceNameHashes: true,
    });
    reportProblems(this, problems);
    this.namespaceName = namespace;
    this.platform = platform;
    this.source = source;
    if (!isDnsLabel(id)) this.#reportId();
    if (source !== undefined) {
      const title = source.local === undefined ? `git ${source.branches.join(', ')}` : 'directory';
      declareStage(this, { title, detail: source.url });
    }
    this.isolation = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      labels: { [KeelsonLabels.PIPELINE]: label, [KeelsonLabels.PLATFORM]: platform.platformName },
      podSecurity: () => podSecurity ?? PodSecurity.covering(this.record?.neededPodSecurity ?? []),
      quota: () => ({ ...DEFAULT_QUOTA, ...this.record.neededQuota, ...quota }),
    });
    this.record = new PipelineRecord(this, 'record', {
      pipelineName: id,
      namespace,
      platform,
      source,
      isolation: this.isolation,
    });
    if (podSecurity !== undefined) this.#checkLevel(podSecurity);
  }

  #reportId(): void {
    reportProblem(this, {
      property: 'id',
      value: this.node.id,
      message: 'is not a valid name of a pipeline',
      remedy: 'use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
    });
  }

  #checkLevel(given: PodSecurity): void {
    const validate = (): string[] => {
      const needed = PodSecurity.covering(this.record.neededPodSecurity);
      if (given.admits(needed)) return [];
      const message = `is stricter than its stages can live with: ${needed.reason ?? 'a stage needs more'}`;
      const remedy = `raise it to ${needed.level}, or change the stage`;
      return [formatProblem({ property: 'podSecurity', value: given.level, message, remedy })];
    };
    this.node.addValidation({ validate });
  }
}
