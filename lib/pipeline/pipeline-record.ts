import { type ApiObject, Chart } from 'cdk8s';
import { Construct, type IConstruct } from 'constructs';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import {
  type BuildConfiguration,
  type ImageConfiguration,
  type JobConfiguration,
  LEDGER_CONFIG_MAP,
  PIPELINE_CONFIG_MAP,
  PIPELINE_KEY,
  type PipelineConfiguration,
  type SecretKeyConfiguration,
  type SourceConfiguration,
} from '../agent/configuration.ts';
import type { ReleaseConfiguration } from '../agent/release.ts';
import { AGENT_API_VERSION } from '../agent/version.ts';
import type { ImageName } from '../image/image-name.ts';
import { cidrProblems, egressProblems } from '../kubernetes/cidr.ts';
import { GeneratedSecret } from '../kubernetes/generated-secret.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { KeelsonLabels } from '../kubernetes/labels.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import type { IsolatedNamespace } from '../kubernetes/namespace.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import {
  formatProblem,
  type Problem,
  reportProblem,
  reportProblems,
  reportWarning,
} from '../kubernetes/problem.ts';
import { Grant } from '../kubernetes/rbac.ts';
import { defaultAgentImage } from '../platform/agent-image.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import { sound } from '../props/sound.ts';
import { missingPlatform } from '../props/stand-ins.ts';
import type { GitSource } from '../source/git-source.ts';
import { controllerRules } from './controller-rules.ts';
import { Pushes } from './pushes.ts';
import { sourceConfiguration } from './source-configuration.ts';

/** What a stage tells of itself. Configurations are asked for at synthesis. */
export interface StageContribution {
  /**
   * The Pod Security level that the stage's pods need in the pipeline's namespace.
   * @default - nothing is asked of the namespace
   */
  readonly podSecurity?: PodSecurity;
  /**
   * An image that the controller builds; asked at synthesis.
   * @default - none
   */
  readonly image?: () => ImageConfiguration;
  /**
   * A watched build; asked at synthesis.
   * @default - none
   */
  readonly build?: () => BuildConfiguration;
  /**
   * What is done once a build has passed; asked at synthesis.
   * @default - nothing
   */
  readonly release?: () => ReleaseConfiguration;
  /**
   * A build that runs once; asked at synthesis.
   * @default - none
   */
  readonly job?: () => JobConfiguration;
  /**
   * ConfigMaps of the pipeline's namespace that the controller writes results into, beside those of builds.
   * @default - none
   */
  readonly statuses?: readonly string[];
  /**
   * Secrets of the pipeline's namespace that the controller has to read.
   * @default - none
   */
  readonly readSecrets?: readonly SecretKeyConfiguration[];
  /**
   * Amounts added to the namespace's quota.
   * @default - nothing
   */
  readonly quota?: Readonly<Record<string, number>>;
}

/** Props of {@link PipelineRecord}. */
export interface PipelineRecordProps {
  /** The pipeline's name. */
  readonly pipelineName: string;
  /** The pipeline's namespace. */
  readonly namespace: string;
  /** The platform that the pipeline runs on. */
  readonly platform: PlatformReference;
  /** The repository; undefined where something else pushes the image. */
  readonly source: GitSource | undefined;
  /**
   * The namespace's fences, which a listener's namespace gets too.
   * @default - the namespace is somebody else's
   */
  readonly isolation?: IsolatedNamespace;
}

/**
 * What the platform's controller knows of a pipeline, and may do for it: a ConfigMap with the pipeline's
 * description, a ledger of what was built, and rights in the pipeline's namespace. Stages add themselves to
 * it. The controller finds it in the namespaces that carry the label `keelson.dev/platform`.
 */
export class PipelineRecord extends Construct {
  /** The pipeline's name. */
  readonly pipelineName: string;
  /** The pipeline's namespace. */
  readonly namespace: string;
  /** The platform that the pipeline runs on. */
  readonly platform: PlatformReference;
  /** The agent's image: the platform's, or else the library's own. */
  readonly agentImage: ImageName;
  /** The repository; undefined where something else pushes the image. */
  readonly source: GitSource | undefined;
  /** The namespace's fences; undefined where the namespace is somebody else's. */
  readonly isolation: IsolatedNamespace | undefined;
  /** What the controller is told of the repository. */
  readonly sourceConfiguration: SourceConfiguration | undefined;
  /** The ConfigMap with the pipeline's description. */
  readonly configMap: ApiObject;
  /** The ConfigMap in which the controller keeps what it has built. */
  readonly ledger: ApiObject;
  /** The controller's rights in the pipeline's namespace. */
  readonly grant: Grant;
  /** @internal What its stages push. */
  readonly pushes: Pushes = new Pushes();
  readonly #contributions: StageContribution[] = [];

  constructor(scope: Construct, id: string, given: PipelineRecordProps) {
    super(scope, id);
    const props = sound(this, 'PipelineRecordProps', given, { platform: missingPlatform() });
    const { namespace, platform, source } = props;
    this.pipelineName = props.pipelineName;
    this.namespace = namespace;
    this.platform = platform;
    this.agentImage = platform.agentImage ?? defaultAgentImage(this);
    this.source = source;
    this.isolation = props.isolation;
    reportProblems(this, source?.problems('source') ?? []);
    // A platform that is made by this program has been checked.
    if (!Chart.isChart(platform)) reportProblems(this, referenceProblems(platform));
    this.sourceConfiguration = source && sourceConfiguration(this, source);
    if (source?.webhook !== undefined && platform.webhooks === false) {
      reportWarning(this, {
        property: 'source.webhook',
        value: source.url,
        message: "finds nothing that leads to the platform's controller",
        remedy: "give webhooks among the props of the platform's controller, or leave it out",
      });
    }
    this.configMap = this.#configMap('configuration', PIPELINE_CONFIG_MAP, {
      [PIPELINE_KEY]: lazy(() => jsonFile(this.configuration())),
    });
    this.ledger = this.#configMap('ledger', LEDGER_CONFIG_MAP);
    this.grant = new Grant(this, 'controller', {
      name: 'keelson-controller',
      namespace,
      to: platform.controllerSubject,
      rules: () => controllerRules(this.#workloads(), this.#contributions),
    });
    this.node.addValidation({ validate: () => this.#sharedImages() });
  }

  /** Adds what a stage needs. */
  contribute(contribution: StageContribution): void {
    this.#contributions.push(contribution);
  }

  /** The Pod Security level that each stage needs. */
  get neededPodSecurity(): PodSecurity[] {
    return this.#contributions.flatMap(({ podSecurity }) => podSecurity ?? []);
  }

  /** What the stages need beyond an ordinary quota. */
  get neededQuota(): Record<string, string> {
    const total = new Map<string, number>();
    for (const { quota = {} } of this.#contributions) {
      for (const [name, amount] of Object.entries(quota)) total.set(name, (total.get(name) ?? 0) + amount);
    }
    return Object.fromEntries([...total].map(([name, amount]) => [name, String(amount)]));
  }

  /** The document that describes the pipeline to the controller. */
  configuration(): PipelineConfiguration {
    return {
      apiVersion: AGENT_API_VERSION,
      kind: 'Pipeline',
      name: this.pipelineName,
      namespace: this.namespace,
      platform: this.platform.platformName,
      ...this.#workloads(),
      images: this.#contributions.flatMap(({ image }) => image?.() ?? []),
      releases: this.#contributions.flatMap(({ release }) => release?.() ?? []),
    };
  }

  /** The part of the configuration that the controller's rights follow from. */
  #workloads(): Pick<PipelineConfiguration, 'source' | 'builds' | 'jobs' | 'generatedSecrets'> {
    const generated = GeneratedSecret.of(Chart.of(this)).filter(
      ({ secret }) => (secret.metadata.namespace ?? this.namespace) === this.namespace,
    );
    return {
      ...(this.sourceConfiguration !== undefined && { source: this.sourceConfiguration }),
      builds: this.#contributions.flatMap(({ build }) => build?.() ?? []),
      jobs: this.#contributions.flatMap(({ job }) => job?.() ?? []),
      generatedSecrets: generated.map(({ secretName }) => secretName),
    };
  }

  /** Keel tells the Deployments of one image at once, those that are not held back too: pushes would be lost. */
  #sharedImages(): string[] {
    const { builds } = this.#workloads();
    const message = 'is watched by two builds, of which each would lose pushes to the other';
    const remedy = 'give each build an image or a tag of its own';
    return builds
      .filter(({ image }, index) => builds.findIndex((other) => other.image === image) !== index)
      .map(({ image }) => formatProblem({ property: 'builds', value: image, message, remedy }));
  }

  #configMap(id: string, name: string, data?: Record<string, string>): ApiObject {
    return kubeObject<ConfigMap>(this, id, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name,
        namespace: this.namespace,
        labels: {
          'app.kubernetes.io/managed-by': 'keelson',
          [KeelsonLabels.PIPELINE]: toDnsLabel(this.pipelineName),
          [KeelsonLabels.PLATFORM]: this.platform.platformName,
        },
      },
      // Without data, what the controller writes there is not taken away at the next apply.
      ...(data !== undefined && { data }),
    });
  }
}

function referenceProblems({ apiServer, egress }: PlatformReference): Problem[] {
  return [
    ...cidrProblems('platform.apiServer', apiServer ?? []),
    ...egressProblems('platform.egress', egress),
  ];
}

/** Props by which a stage outside of a Pipeline says where it belongs. */
export interface StageProps {
  /**
   * The namespace of the stage's objects.
   * @default - the pipeline's, or else the chart's
   */
  readonly namespace?: string;
  /**
   * The platform.
   * @default - the pipeline's
   */
  readonly platform?: PlatformReference;
  /**
   * The repository.
   * @default - the pipeline's
   */
  readonly source?: GitSource;
}

/** Of the record of a chart that is no pipeline. */
const RECORD_ID = 'pipeline-record';

/** A construct that has a record for the stages below it. */
interface RecordProvider extends IConstruct {
  readonly record: PipelineRecord;
}

function isProvider(construct: IConstruct): construct is RecordProvider {
  return 'record' in construct && construct.record instanceof PipelineRecord;
}

/**
 * The record that a stage adds itself to: the pipeline's, or in any other chart one that is made for the
 * chart when its first stage names a platform.
 */
export function recordOf(stage: Construct, props: StageProps): PipelineRecord | undefined {
  const provider = stage.node.scopes.findLast(isProvider);
  if (provider !== undefined) {
    checkNamespaceOf(stage, provider.record, props.namespace);
    checkSourceOf(stage, provider.record, props.source);
    return provider.record;
  }
  if (props.platform === undefined) return undefined;
  const chart = Chart.of(stage);
  return (
    recordIn(chart) ??
    new PipelineRecord(chart, RECORD_ID, {
      pipelineName: chart.node.id,
      namespace: namespaceOf(stage, props.namespace),
      platform: props.platform,
      source: props.source,
    })
  );
}

/** The record that a stage has added itself to. */
export function recordAbove(stage: IConstruct): PipelineRecord | undefined {
  return stage.node.scopes.findLast(isProvider)?.record ?? recordIn(Chart.of(stage));
}

function recordIn(chart: Chart): PipelineRecord | undefined {
  const record = chart.node.tryFindChild(RECORD_ID);
  return record instanceof PipelineRecord ? record : undefined;
}

function checkSourceOf(stage: Construct, record: PipelineRecord, given: GitSource | undefined): void {
  if (given === undefined || given === record.source) return;
  reportProblem(stage, {
    property: 'source',
    value: given.url,
    message: "is not the pipeline's",
    remedy: 'leave it out, or make a pipeline of its own for the other repository',
  });
}

function checkNamespaceOf(stage: Construct, record: PipelineRecord, given: string | undefined): void {
  if (given === undefined || given === record.namespace) return;
  reportProblem(stage, {
    property: 'namespace',
    value: given,
    message: `is not the pipeline's, ${record.namespace}`,
    remedy: 'leave it out: the stages of a pipeline share its namespace',
  });
}

/** The namespace that a stage's objects are in: the prop, or the pipeline's, or the chart's. */
export function namespaceOf(stage: Construct, given: string | undefined): string {
  const namespace = given ?? Chart.of(stage).namespace;
  if (namespace === undefined) {
    reportProblem(stage, {
      property: 'namespace',
      value: undefined,
      message: 'is missing',
      remedy: 'give it, give the chart a namespace, or put the construct into a Pipeline',
    });
  }
  return namespace ?? 'missing';
}
