import { Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type {
  ImageConfiguration,
  RegistryAccountsConfiguration,
  SecretKeyConfiguration,
} from '../agent/configuration.ts';
import { placeholder } from '../agent/job-template.ts';
import { declareStage } from '../app/graph.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { hidden, type Problem, reportProblem, reportProblems, reportWarning } from '../kubernetes/problem.ts';
import { resourceProblems, resourceRequirements } from '../kubernetes/resources.ts';
import { literalSecretProblem } from '../kubernetes/secret-scan.ts';
import type { SecretBindOptions, SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { JobTemplate } from '../pipeline/job-template.ts';
import { type PipelineRecord, recordAbove, recordOf } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import { accountProblems, bindDockerConfig, bindDockerConfigs } from '../registry/docker-config.ts';
import { declareLookUp } from '../registry/looked-in.ts';
import type { ImageTarget, Registry } from '../registry/registry.ts';
import { ReleasePlan } from '../release/release-plan.ts';
import type { GitSource } from '../source/git-source.ts';
import { isInsideRepository } from '../source/version.ts';
import { baseArguments, baseBuilders, baseImageProblems, baseRegistries } from './base-images.ts';
import { BUILD_RESOURCES, commitNamespaceTemplate } from './build-job.ts';
import type { BuildProgram, ImageOutput } from './build-program.ts';
import { defaultImage } from './default-image.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import type { ImageName } from './image-name.ts';
import type { BuiltImage, ImageSource, PushedImage } from './image-source.ts';
import { imageLabels, labelProblems } from './labels.ts';
import { ARCHIVE, archiveMount, SKOPEO_IMAGE } from './push-container.ts';
import { CONTEXT_MOUNT } from './source-container.ts';

/** Where the namespace of a build has accounts for base images. */
const ACCOUNTS = { secretName: 'keelson-registry-accounts', key: 'accounts' } as const;

/**
 * What all image builders have in common: an image for each new commit, made by a Job in the commit's own
 * namespace. The Job is a template that the platform's controller fills: nothing runs until a commit
 * arrives. A kind of builder adds a {@link BuildProgram}.
 */
export abstract class ImageBuilder extends Construct implements ImageSource, BuiltImage {
  readonly image: ImageName;
  /** Where the image goes. */
  readonly target: ImageTarget;
  /** The objects that are made for a commit; undefined where platform or source is missing, which is reported. */
  readonly jobTemplate: JobTemplate | undefined;
  /** The image as a pod reaches it. */
  readonly pushed: PushedImage;
  /** The pipeline's record; undefined where a platform is missing, which is reported. */
  protected readonly record: PipelineRecord | undefined;

  protected constructor(scope: Construct, id: string, given: ImageBuilderProps, program: BuildProgram) {
    super(scope, id);
    const props = sound(this, 'ImageBuilderProps', given, { target: missingTarget() }, [
      'labels.*',
      'baseImages.*',
    ]);
    this.record = recordOf(this, props);
    const source = props.source ?? this.record?.source;
    const release = ReleasePlan.of(this);
    const tool = props.image ?? defaultImage(this, program.defaultImage);
    this.target = props.target;
    this.pushed = {
      image: this.target.pushName(this.target.tag.template),
      registry: this.target.registry,
    };
    // Nothing watches the image of a release, so that its tag may be new each time.
    this.image =
      release === undefined ? this.#deployedImage(source) : this.target.imageName(this.target.tag.template);
    reportProblems(this, this.#problems(props, tool));
    declareStage(this, {
      title: `${program.title} ${id}`,
      detail: this.image.toString(),
      inputs: [
        release === undefined
          ? { from: this.record?.node.scope ?? this, label: source?.local ? 'on demand' : 'new commit' }
          : { from: this.node.scope ?? this },
      ],
    });
    if (this.record === undefined || source === undefined) {
      this.#reportMissing(this.record === undefined ? 'platform' : 'source');
    } else {
      this.jobTemplate = this.#contribute(this.record, release, source, tool, props, program);
    }
  }

  get builder(): this {
    return this;
  }

  #contribute(
    record: PipelineRecord,
    release: ReleasePlan | undefined,
    source: GitSource,
    tool: ImageName,
    props: ImageBuilderProps,
    program: BuildProgram,
  ): JobTemplate {
    const { platform, agentImage, pipelineName: pipeline, sourceConfiguration } = record;
    const { target, concurrency = 'queue', maxAttempts = 1 } = props;
    declareLookUp(platform, target.registry);
    release?.checkTarget(this, 'target', target, source.branches);
    record.pushes.add(this, 'target', target, source.branches);
    const name = this.node.id;
    const secrets = this.#bindSecrets(program, record);
    // What may push a release is with the release, out of the build's reach.
    const pushCredential = this.#bindPushCredential(
      // Without it a release is skipped.
      release === undefined
        ? { namespace: record.namespace }
        : { namespace: release.namespace, optional: true },
    );
    const pushKey = pushCredential && {
      ...toKey(pushCredential),
      ...(release !== undefined && { namespace: release.namespace }),
    };
    const { dockerfile = 'Dockerfile', context = '.', targetStage, baseImages = {} } = props;
    const bases = baseRegistries(baseImages);
    const accounts = this.#bindAccounts(
      record.namespace,
      props.pullCredentials ?? [],
      program,
      bases,
      pushKey,
    );
    // A configuration of its own may have the accounts.
    if (accounts === undefined && (program.pushes === 'always' || Object.keys(secrets).length === 0))
      this.#warnOfBases(bases, program, pushKey);
    const credential = sourceConfiguration?.credential;
    const copySecrets: SecretKeyConfiguration[] = [
      ...Object.values(secrets).map(toKey),
      ...(pushKey === undefined || accounts?.from.includes(pushKey) ? [] : [pushKey]),
      ...(credential === undefined
        ? []
        : [credential.kind === 'token' ? credential.token : credential.privateKey]),
    ];
    const names = release === undefined ? this.#names() : [this.target.pushName(this.target.tag.template)];
    const byItself =
      program.pushes === 'always' ||
      (program.pushes === 'without-credential' && pushCredential === undefined);
    const output: ImageOutput = byItself ? { push: names } : { archive: ARCHIVE };
    const push = byItself
      ? undefined
      : {
          skopeo: props.pushImage ?? defaultImage(this, SKOPEO_IMAGE),
          from: 'archive' as const,
          // The commit's name first: by the time the tag moves, its digest can be traced.
          to: { registry: target.registry, credential: pushCredential, names: names.toReversed() },
        };
    const after = baseBuilders(baseImages, (builder) => recordAbove(builder) === record);
    const buildArgs = { ...props.buildArgs, ...baseArguments(baseImages) };
    const sizes = program.resources ?? BUILD_RESOURCES;
    const jobTemplate = new JobTemplate(this, () =>
      commitNamespaceTemplate({
        title: program.title,
        name,
        pipeline,
        platform,
        agentImage,
        source,
        credential,
        target,
        bases,
        push,
        release: release?.namespace,
        outputs: release?.outputs,
        timeout: props.timeout ?? Duration.hours(1),
        podSecurity: program.podSecurity,
        steps: program.steps({
          image: tool,
          platform,
          namespace: placeholder('namespace'),
          target,
          bases,
          output,
          secrets,
          accounts: accounts && { ...ACCOUNTS, optional: false },
          contextDirectory: context === '.' ? CONTEXT_MOUNT : `${CONTEXT_MOUNT}/${context}`,
          dockerfile: `${CONTEXT_MOUNT}/${dockerfile}`,
          targetStage,
          buildArgs,
          labels: imageLabels(props.labels),
          branches: source.branches,
          resources: resourceRequirements(props.resources, sizes),
          mounts: [{ name: 'context', mountPath: CONTEXT_MOUNT }, ...(byItself ? [] : [archiveMount])],
          pushCredential: program.pushes === 'always' ? pushCredential : undefined,
        }),
      }),
    );
    const { registry, repository, tag } = target;
    const { insecure, certificateAuthority } = registry;
    const place: ImageConfiguration['target'] = {
      host: registry.pushHost,
      repository,
      tag: tag.template,
      insecure,
      ...(certificateAuthority !== undefined && { certificateAuthority }),
      // The controller may read it already, to copy it.
      ...(pushKey !== undefined && { credential: pushKey }),
    };
    const image = (): ImageConfiguration => ({
      name,
      target: place,
      jobTemplate: jobTemplate.objects(),
      copySecrets,
      ...(accounts !== undefined && { registryAccounts: [accounts] }),
      concurrency,
      maxAttempts,
      ...(props.onlyIfAbsent && { onlyIfAbsent: true as const }),
      ...(after.length > 0 && { after }),
    });
    const needed = [...copySecrets, ...(accounts?.from ?? [])];
    const readSecrets = needed.filter(({ namespace }) => namespace === undefined);
    if (release === undefined) {
      record.contribute({ image, readSecrets });
    } else {
      record.contribute({ readSecrets });
      release.contribute({ image, readSecrets: needed.filter((secret) => !readSecrets.includes(secret)) });
    }
    return jobTemplate;
  }

  #bindSecrets(program: BuildProgram, record: PipelineRecord): Record<string, SecretReference> {
    const { namespace, platform } = record;
    const entries = Object.entries(program.secrets?.(platform) ?? {});
    return Object.fromEntries(
      entries.map(([id, { source, property }]) => [
        id,
        source.bind(this, `${this.node.id}-${id}`, property, { namespace }),
      ]),
    );
  }

  #bindPushCredential(options: SecretBindOptions): SecretReference | undefined {
    const { pushCredential } = this.target.registry;
    const property = 'target.registry.pushCredential';
    return (
      pushCredential && bindDockerConfig(this, `${this.node.id}-push`, pushCredential, property, options)
    );
  }

  /**
   * Accounts for base images. The one that pushes is among them where the program pushes always, which no RUN
   * step can read then, and can't be anywhere else.
   */
  #bindAccounts(
    namespace: string,
    sources: readonly SecretSource[],
    program: BuildProgram,
    bases: readonly Registry[],
    push: SecretKeyConfiguration | undefined,
  ): RegistryAccountsConfiguration | undefined {
    const property = 'pullCredentials';
    const references = bindDockerConfigs(this, `${this.node.id}-pull`, sources, property, {
      namespace,
    });
    if (references.length === 0) return undefined;
    const form = program.accountsForm?.(this.target, bases) ?? { form: 'docker-config' };
    const from = references.map(toKey);
    if (program.pushes === 'always') return { ...ACCOUNTS, from: push ? [...from, push] : from, ...form };
    if (push?.namespace === undefined && from.some(({ secretName }) => secretName === push?.secretName)) {
      reportProblem(this, {
        property,
        value: hidden,
        message: 'is the Secret with the account that pushes, which RUN steps could read',
        remedy: 'make an account that only pulls, with a Secret of its own',
      });
    }
    return { ...ACCOUNTS, from, ...form };
  }

  /** Base images that ask for an account, of which the build has none. */
  #warnOfBases(
    bases: readonly Registry[],
    program: BuildProgram,
    push: SecretKeyConfiguration | undefined,
  ): void {
    for (const registry of bases) {
      if ((registry.pullCredentials ?? []).length === 0) continue;
      const pushed = program.pushes === 'always' && push !== undefined;
      if (pushed && registry === this.target.registry) continue;
      reportWarning(this, {
        property: 'pullCredentials',
        value: undefined,
        message: `is missing, and a base image is in ${registry.imageHost}, which asks for an account`,
        remedy: "give those of the base image's registry, registry.pullCredentials",
      });
    }
  }

  /** The tag, and a second one that tells which commit a digest was built from. */
  #names(): ImageName[] {
    const tag = this.target.tag.template;
    return [this.target.pushName(tag), this.target.pushName(`${tag}-${placeholder('tag.commit')}`)];
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

  #problems(props: ImageBuilderProps, tool: ImageName): Problem[] {
    const { target, dockerfile, context, buildArgs = {} } = props;
    const paths = [
      ['dockerfile', dockerfile],
      ['context', context],
    ] as const;
    return [
      ...target.problems('target'),
      ...accountProblems('target.registry', target.registry),
      ...tool.problems('image'),
      ...(props.pushImage?.problems('pushImage') ?? []),
      ...resourceProblems('resources', props.resources),
      ...Object.entries(buildArgs).flatMap(([name, value]) => buildArgProblems(name, value)),
      ...baseImageProblems(props.baseImages ?? {}, buildArgs),
      ...labelProblems(props.labels),
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

function toKey({ secretName, key }: SecretReference): SecretKeyConfiguration {
  return { secretName, key };
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
