import type { Construct } from 'constructs';
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { reportProblems } from '../kubernetes/problem.ts';
import { soundProps } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import type { BuildProgram, BuildSteps, ImageBuild } from './build-program.ts';
import { authorityFiles, furtherRegistries, hostsOf, plainHttpHosts } from './build-registries.ts';
import { ImageBuilder } from './image-builder.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import { dockerConfigVolume, REGISTRY_CA } from './push-container.ts';
import { literalArgument, rootBuild } from './root-build.ts';

/** Props of {@link KanikoBuilder}. */
export interface KanikoBuilderProps extends ImageBuilderProps {
  /**
   * Whether layers of RUN steps are kept in the repository `…/cache` beside the target's, for all branches
   * together. Where the target's registry asks for an account none are kept: the build has no account.
   * @default true
   */
  readonly registryCache?: boolean;
}

const CREDENTIAL_MOUNT = '/keelson/docker';
const CA_MOUNT = '/keelson/certs';

/**
 * Builds an image for each new commit with Kaniko, in a Job of the commit's own namespace.
 *
 * Kaniko unpacks the base image over its own container's files and runs RUN steps there, as root, so its
 * namespace needs the Pod Security level `baseline`. No account that can push is in it: where the registry
 * asks for one, another container pushes what Kaniko has built. It builds for the node's own processor.
 *
 * Its image is ghcr.io/osscontainertools/kaniko:v1.28.3 unless given, of the fork that is maintained.
 *
 * @see https://github.com/osscontainertools/kaniko#additional-flags
 * @example
 * new KanikoBuilder(pipeline, 'image', {
 *   target: platform.registry.image('example/app-build', { tag: Tag.branch() }),
 * });
 */
export class KanikoBuilder extends ImageBuilder {
  /** The level that the namespace of a build needs. */
  static readonly POD_SECURITY: PodSecurity = PodSecurity.baseline(
    'Kaniko runs RUN steps as root in its own container',
  );

  constructor(scope: Construct, id: string, given: KanikoBuilderProps) {
    const { props, problems } = soundProps('KanikoBuilderProps', given, { target: missingTarget() }, [
      'labels.*',
      'baseImages.*',
    ]);
    super(scope, id, props, program(props));
    reportProblems(this, problems);
  }
}

function program({ registryCache = true }: KanikoBuilderProps): BuildProgram {
  return {
    title: 'Kaniko',
    defaultImage: 'ghcr.io/osscontainertools/kaniko:v1.28.3',
    podSecurity: KanikoBuilder.POD_SECURITY,
    pushes: 'without-credential',
    steps: (build) => steps(build, registryCache),
  };
}

function steps(build: ImageBuild, registryCache: boolean): BuildSteps {
  const config = build.accounts;
  const hasAuthority = authorityFiles(build).length > 0;
  const container: Container = {
    name: 'kaniko',
    image: build.image.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: argumentsOf(build, registryCache),
    ...(config !== undefined && { env: [{ name: 'DOCKER_CONFIG', value: CREDENTIAL_MOUNT }] }),
    securityContext: rootBuild(),
    resources: build.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      ...build.mounts,
      ...(config === undefined
        ? []
        : [{ name: 'docker-config', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
      ...(hasAuthority ? [{ name: 'registry-ca', mountPath: CA_MOUNT, readOnly: true }] : []),
    ],
  };
  return {
    container,
    volumes: [
      ...(config === undefined ? [] : [dockerConfigVolume('docker-config', config)]),
      ...(hasAuthority ? [{ name: 'registry-ca', configMap: { name: REGISTRY_CA } }] : []),
    ],
    destinations: furtherRegistries(build),
  };
}

function argumentsOf(build: ImageBuild, registryCache: boolean): string[] {
  const { output, target, targetStage } = build;
  const { pushHost } = target.registry;
  const names = 'push' in output ? output.push : [target.pushName(target.tag.template)];
  return [
    // It is in a container whether it recognizes the container's runtime or not.
    '--force',
    `--context=dir://${literalArgument(build.contextDirectory)}`,
    `--dockerfile=${literalArgument(build.dockerfile)}`,
    ...names.map((name) => `--destination=${name}`),
    ...('archive' in output ? ['--no-push', `--tar-path=${output.archive}`] : []),
    ...plainHttpHosts(build).map((host) => `--insecure-registry=${host}`),
    ...authorityFiles(build).flatMap(({ registry, file }) =>
      hostsOf(registry).map((host) => `--registry-certificate=${host}=${CA_MOUNT}/${file}`),
    ),
    ...(registryCache && 'push' in output
      ? ['--cache=true', `--cache-repo=${pushHost}/${target.repository}/cache`]
      : []),
    ...(targetStage === undefined
      ? []
      : [`--target=${literalArgument(targetStage)}`, '--skip-unused-stages']),
    ...flags('build-arg', build.buildArgs),
    ...flags('label', build.labels),
  ];
}

function flags(flag: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${flag}=${name}=${literalArgument(value)}`);
}
