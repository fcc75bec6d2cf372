import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type { SecretKeyConfiguration } from '../agent/configuration.ts';
import type { TemplateObject } from '../agent/job-template.ts';
import { declareStage } from '../app/graph.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { hidden, type Problem, reportProblem, reportProblems, reportWarning } from '../kubernetes/problem.ts';
import { type ContainerResources, resourceProblems } from '../kubernetes/resources.ts';
import { isSecretName, literalSecretProblem } from '../kubernetes/secret-scan.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import { type PipelineRecord, recordOf, type StageProps } from '../pipeline/pipeline-record.ts';
import type { ImageTarget } from '../registry/registry.ts';
import type { GitSource } from '../source/git-source.ts';
import { isInsideRepository } from '../source/version.ts';
import { ImageName } from './image-name.ts';
import type { ImageSource } from './image-source.ts';
import { makisuJobTemplate } from './makisu-job.ts';
import type { LayerCache } from './redis-layer-cache.ts';

/** Props of {@link MakisuBuilder}. */
export interface MakisuBuilderProps extends StageProps {
  /** Where the image goes, such as `platform.registry.image('leafai/build', { tag: Tag.branch() })`. */
  readonly target: ImageTarget;
  /**
   * The Dockerfile, from the repository's root.
   * @default 'Dockerfile'
   */
  readonly dockerfile?: string;
  /**
   * The directory of the repository that is the build's context.
   * @default - the repository's root
   */
  readonly context?: string;
  /**
   * The stage of the Dockerfile to build.
   * @default - the last
   */
  readonly targetStage?: string;
  /**
   * Values for the Dockerfile's ARGs. A value can't hold "=": Makisu refuses it. None may be a secret: it
   * stays in the image's history.
   * @default - none
   */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /**
   * The cache of layers.
   * @default - the platform's
   */
  readonly cache?: LayerCache;
  /**
   * Makisu's own registry configuration (a registry.yaml), for a private FROM or a registry with accounts.
   * RUN steps can read it, so give it an account that can read and no more.
   * @default - none: a configuration for the target's registry is made, without an account
   */
  readonly registryConfig?: SecretSource;
  /**
   * Makisu's image. The project is archived; the last image is of 2021.
   * @default gcr.io/uber-container-tools/makisu:v0.4.2
   */
  readonly image?: ImageName;
  /**
   * Resources of Makisu's container.
   * @default - 500m to 2 CPU, 1 to 4 GiB of memory, 10 to 30 GiB of ephemeral storage
   */
  readonly resources?: ContainerResources;
  /**
   * How long a build may take.
   * @default Duration.hours(1)
   */
  readonly timeout?: Duration;
  /**
   * What becomes of a running build of the same tag when a newer commit arrives.
   * @default 'queue'
   */
  readonly concurrency?: 'queue' | 'supersede';
  /**
   * How often a build that failed is tried in all.
   * @default 1
   */
  readonly maxAttempts?: number;
}

/**
 * Builds an image for each new commit with Makisu, in a Job of the commit's own namespace. The Job is a
 * template that the platform's controller fills: nothing runs until a commit arrives.
 *
 * Makisu runs the Dockerfile's RUN steps in its own container, as root and with a writable file system, so
 * its namespace needs the Pod Security level `baseline`. No credential that can push is in it: the images
 * go to a registry in the cluster.
 *
 * @see https://github.com/uber-archive/makisu/blob/master/docs/COMMAND.md for its flags
 * @example
 * new MakisuBuilder(pipeline, 'image', {
 *   dockerfile: 'Dockerfile_microk8s',
 *   target: platform.registry.image('leafai/studio-go-runner-standalone-build', { tag: Tag.branch() }),
 * });
 */
export class MakisuBuilder extends Construct implements ImageSource {
  /** The level that the namespace of a build needs. */
  static readonly POD_SECURITY: PodSecurity = PodSecurity.baseline(
    'Makisu runs RUN steps as root in its own container',
  );

  readonly image: ImageName;
  /** Where the image goes. */
  readonly target: ImageTarget;

  constructor(scope: Construct, id: string, props: MakisuBuilderProps) {
    super(scope, id);
    const record = recordOf(this, props);
    const source = props.source ?? record?.source;
    const makisu = props.image ?? ImageName.parse('gcr.io/uber-container-tools/makisu:v0.4.2');
    this.target = props.target;
    this.image = this.#deployedImage(source);
    reportProblems(this, this.#problems(props, makisu));
    declareStage(this, {
      title: `Makisu ${id}`,
      detail: this.image.toString(),
      inputs: [{ from: record?.node.scope ?? this, label: 'new commit' }],
    });
    if (record === undefined || source === undefined) {
      this.#reportMissing(record === undefined ? 'platform' : 'source');
    } else {
      this.#contribute(record, source, makisu, props);
    }
  }

  #contribute(record: PipelineRecord, source: GitSource, makisu: ImageName, props: MakisuBuilderProps): void {
    const { platform, pipelineName: pipeline, sourceConfiguration } = record;
    const name = this.node.id;
    const registryConfig = props.registryConfig?.bind(this, `${name}-registry-config`, 'registryConfig');
    const credential = sourceConfiguration?.credential;
    const copySecrets: SecretKeyConfiguration[] = [
      ...(registryConfig === undefined
        ? []
        : [{ secretName: registryConfig.secretName, key: registryConfig.key }]),
      ...(credential === undefined
        ? []
        : [credential.kind === 'token' ? credential.token : credential.privateKey]),
    ];
    const jobTemplate = (): TemplateObject[] =>
      makisuJobTemplate({
        ...props,
        name,
        pipeline,
        platform,
        source,
        credential,
        makisu,
        registryConfig,
        cache: props.cache ?? platform.cache,
        timeout: props.timeout ?? Duration.hours(1),
        podSecurity: MakisuBuilder.POD_SECURITY,
      });
    const { concurrency = 'queue', maxAttempts = 1 } = props;
    const { registry, repository, tag } = props.target;
    const target = { host: registry.pushHost, repository, tag: tag.template, insecure: registry.insecure };
    record.contribute({
      image: () => ({ name, target, jobTemplate: jobTemplate(), copySecrets, concurrency, maxAttempts }),
      readSecrets: copySecrets,
    });
  }

  /** What a Deployment names: the tag of the first branch where the tag depends on it. */
  #deployedImage(source: GitSource | undefined): ImageName {
    const branches = source?.branches ?? [];
    const tags = new Set(branches.map((branch) => this.target.tag.forBranch(branch)));
    if (tags.size > 1) {
      reportWarning(this, {
        property: 'target.tag',
        value: branches,
        message: `gives each branch its own image, of which a watched build follows only that of ${branches[0]}`,
        remedy: 'make a pipeline for each branch that is to be built and tested',
      });
    }
    const tag = this.target.tag.forBranch(branches[0] ?? 'main');
    if (tag === undefined) {
      reportProblem(this, {
        property: 'target.tag',
        value: this.target.tag.template,
        message: 'is new with every commit, so that nothing can watch it',
        remedy: 'use Tag.branch() or Tag.named(name); a tag for the commit is pushed beside it anyway',
      });
    }
    return this.target.imageName(tag ?? 'latest');
  }

  #problems(props: MakisuBuilderProps, makisu: ImageName): Problem[] {
    const { target, dockerfile, context, buildArgs = {} } = props;
    const paths = [
      ['dockerfile', dockerfile],
      ['context', context],
    ] as const;
    return [
      ...target.registry.problems('target.registry'),
      ...target.tag.problems('target.tag'),
      ...this.image.problems('target').filter(({ property }) => property === 'target.repository'),
      ...makisu.problems('image'),
      ...resourceProblems('resources', props.resources),
      ...Object.entries(buildArgs).flatMap(([name, value]) => buildArgProblems(name, value)),
      ...paths.flatMap(([property, path]) =>
        path === undefined || isInsideRepository(path)
          ? []
          : [
              {
                property,
                value: path,
                message: 'is not a path inside the repository',
                remedy: 'give a relative path without ".."',
              },
            ],
      ),
      ...attemptProblems(props.maxAttempts),
      ...durationProblems('timeout', props.timeout, 1, 7 * 86_400),
    ];
  }

  #reportMissing(property: 'source' | 'platform'): void {
    reportProblem(this, {
      property,
      value: undefined,
      message: 'is missing',
      remedy: 'give it, or put the builder into a Pipeline that has it',
    });
  }
}

function buildArgProblems(name: string, value: string): Problem[] {
  const property = `buildArgs.${name}`;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return [
      {
        property,
        value: name,
        message: 'is not a valid name of an ARG',
        remedy: 'use letters, digits and "_"',
      },
    ];
  }
  if (String(value).includes('=')) {
    return [
      {
        property,
        value: isSecretName(name) ? hidden : value,
        message: 'holds "=", which Makisu refuses',
        remedy: 'set the value in the Dockerfile instead',
      },
    ];
  }
  const secret = literalSecretProblem(property, name, value);
  return secret === undefined
    ? []
    : [{ ...secret, remedy: 'leave it out: build arguments stay in the history of the image' }];
}

function attemptProblems(attempts: number | undefined): Problem[] {
  if (attempts === undefined || (Number.isInteger(attempts) && attempts >= 1 && attempts <= 10)) return [];
  return [
    {
      property: 'maxAttempts',
      value: attempts,
      message: 'is not a number of attempts',
      remedy: 'give 1 to 10',
    },
  ];
}
