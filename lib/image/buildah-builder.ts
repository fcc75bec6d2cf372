import type { Construct } from 'constructs';
import type { ConfigMap, Container } from 'kubernetes-types/core/v1.d.ts';
import type { TemplateObject } from '../agent/job-template.ts';
import { json } from '../kubernetes/json.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { reportProblem, reportProblems } from '../kubernetes/problem.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import { soundProps } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import type { BuildProgram, BuildSteps, ImageBuild } from './build-program.ts';
import { authorityFiles, furtherRegistries, plainHttpHosts } from './build-registries.ts';
import { ImageBuilder } from './image-builder.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import { dockerConfigVolume, REGISTRY_CA } from './push-container.ts';
import { literalArgument, rootBuild } from './root-build.ts';

/** Props of {@link BuildahBuilder}. */
export interface BuildahBuilderProps extends ImageBuilderProps {
  /**
   * How layers are kept while an image is built: `overlay` is several times as fast; `vfs` copies, and works
   * where the node's kernel mounts no overlay in a user namespace (before 5.13).
   * @default 'overlay'
   */
  readonly storageDriver?: 'overlay' | 'vfs';
}

const CREDENTIAL_MOUNT = '/keelson/docker';
const CA_MOUNT = '/keelson/certs';
const REGISTRIES_MOUNT = '/keelson/registries';
const REGISTRIES_FILE = 'registries.conf';
const STORAGE_MOUNT = '/keelson/storage';

/**
 * Builds an image for each new commit with Buildah, in a Job of the commit's own namespace, and without a
 * cache: every step is run.
 *
 * Buildah runs RUN steps as root in a changed root directory of its own container, and makes a user namespace
 * for that, so its namespace needs the Pod Security level `baseline` and its pod has no seccomp profile. It
 * leaves an archive, which another container pushes: no account that can push is in it. It builds for the
 * node's own processor.
 *
 * Its image is quay.io/containers/buildah:v1.43.2 unless given.
 *
 * @see https://github.com/containers/buildah/blob/main/docs/buildah-build.1.md
 * @example
 * new BuildahBuilder(pipeline, 'image', {
 *   target: platform.registry.image('example/app-build', { tag: Tag.branch() }),
 * });
 */
export class BuildahBuilder extends ImageBuilder {
  /** The level that the namespace of a build needs. */
  static readonly POD_SECURITY: PodSecurity = PodSecurity.baseline(
    'Buildah runs RUN steps as root in its own container, in a user namespace that RuntimeDefault forbids',
  );

  constructor(scope: Construct, id: string, given: BuildahBuilderProps) {
    const { props, problems } = soundProps('BuildahBuilderProps', given, { target: missingTarget() }, [
      'labels.*',
      'baseImages.*',
      'storageDriver',
    ]);
    super(scope, id, props, program(props));
    reportProblems(this, problems);
    if ([undefined, 'overlay', 'vfs'].includes(props.storageDriver)) return;
    reportProblem(this, {
      property: 'storageDriver',
      value: props.storageDriver,
      message: 'is not a storage driver',
      remedy: "give 'overlay' or 'vfs'",
    });
  }
}

function program({ storageDriver = 'overlay' }: BuildahBuilderProps): BuildProgram {
  return {
    title: 'Buildah',
    defaultImage: 'quay.io/containers/buildah:v1.43.2',
    podSecurity: BuildahBuilder.POD_SECURITY,
    pushes: 'never',
    steps: (build) => steps(build, storageDriver),
  };
}

function steps(build: ImageBuild, storageDriver: string): BuildSteps {
  const config = build.accounts;
  const hasAuthority = authorityFiles(build).length > 0;
  const container: Container = {
    name: 'buildah',
    image: build.image.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['buildah'],
    args: argumentsOf(build, storageDriver),
    env: [
      { name: 'HOME', value: '/tmp' },
      { name: 'TMPDIR', value: '/tmp' },
      { name: 'CONTAINERS_REGISTRIES_CONF', value: `${REGISTRIES_MOUNT}/${REGISTRIES_FILE}` },
      ...(config === undefined
        ? []
        : [{ name: 'REGISTRY_AUTH_FILE', value: `${CREDENTIAL_MOUNT}/config.json` }]),
    ],
    securityContext: rootBuild(),
    resources: build.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      ...build.mounts,
      { name: 'storage', mountPath: STORAGE_MOUNT },
      { name: 'buildah-tmp', mountPath: '/tmp' },
      { name: 'registries', mountPath: REGISTRIES_MOUNT, readOnly: true },
      ...(config === undefined
        ? []
        : [{ name: 'docker-config', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
      ...(hasAuthority ? [{ name: 'registry-ca', mountPath: CA_MOUNT, readOnly: true }] : []),
    ],
  };
  return {
    container,
    seccomp: 'Unset',
    volumes: [
      { name: 'storage', emptyDir: {} },
      scratchVolume('buildah-tmp', '10Gi'),
      { name: 'registries', configMap: { name: 'registries' } },
      ...(config === undefined ? [] : [dockerConfigVolume('docker-config', config)]),
      ...(hasAuthority ? [{ name: 'registry-ca', configMap: { name: REGISTRY_CA } }] : []),
    ],
    objects: [registriesConfigMap(build)],
    destinations: furtherRegistries(build),
  };
}

/**
 * Which registries speak plain http: those alone, where a flag would take the checks from all of them.
 *
 * @see https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md
 */
function registriesConfigMap(build: ImageBuild): TemplateObject {
  const lines = [
    'unqualified-search-registries = ["docker.io"]',
    ...plainHttpHosts(build).map((host) => `[[registry]]\nlocation = ${json(host)}\ninsecure = true`),
  ];
  const configMap: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'registries', namespace: build.namespace },
    data: { [REGISTRIES_FILE]: `${lines.join('\n')}\n` },
  };
  return configMap as TemplateObject;
}

function argumentsOf(build: ImageBuild, storageDriver: string): string[] {
  const { output, target, targetStage } = build;
  const archive = 'archive' in output ? output.archive : '';
  return [
    ...[
      `--storage-driver=${storageDriver}`,
      `--root=${STORAGE_MOUNT}/root`,
      `--runroot=${STORAGE_MOUNT}/run`,
    ],
    'build',
    '--isolation=chroot',
    '--format=docker',
    `--tag=docker-archive:${archive}:${target.pushName(target.tag.template)}`,
    `--file=${literalArgument(build.dockerfile)}`,
    ...(authorityFiles(build).length === 0 ? [] : [`--cert-dir=${CA_MOUNT}`]),
    ...(targetStage === undefined ? [] : [`--target=${literalArgument(targetStage)}`]),
    ...flags('build-arg', build.buildArgs),
    ...flags('label', build.labels),
    literalArgument(build.contextDirectory),
  ];
}

function flags(flag: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${flag}=${name}=${literalArgument(value)}`);
}
