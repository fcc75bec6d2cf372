import { Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Container, Volume, VolumeMount } from 'kubernetes-types/core/v1.d.ts';
import { placeholder } from '../agent/job-template.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import { PodSecurity, restrictedContainer } from '../kubernetes/pod-security.ts';
import { type Problem, problemsWhenKnown, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import type { ContainerResources } from '../kubernetes/resources.ts';
import { type SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { scratchVolume } from '../kubernetes/workload.ts';
import { soundProps } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import type { ImageTarget } from '../registry/registry.ts';
import { baseRegistries } from './base-images.ts';
import type { BuildProgram, BuildSecret, BuildSteps, ImageBuild } from './build-program.ts';
import { authorityFiles } from './build-registries.ts';
import { BUILDKIT_IMAGE, BuildKitDaemon } from './buildkit-daemon.ts';
import type { BuildKitReference } from './buildkit-daemon-props.ts';
import { ImageBuilder } from './image-builder.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import { ImageName } from './image-name.ts';
import { dockerConfigVolume, REGISTRY_CA } from './push-container.ts';
import { literalArgument } from './root-build.ts';
import { branchTag } from './tag.ts';

/** Props of {@link BuildKitBuilder}. */
export interface BuildKitBuilderProps extends ImageBuilderProps {
  /**
   * The daemon that builds.
   * @default - the platform's
   */
  readonly buildkit?: BuildKitReference;
  /**
   * Whether layers are kept in the target's repository, under a tag of their own for each branch. A branch
   * takes its own and those of the first branch; the first branch takes none of another.
   * @default true
   */
  readonly registryCache?: boolean;
  /**
   * How much is told of the way the image was built: `max` has the Dockerfile and the values of build
   * arguments too. With it, what is pushed is an image index, and its digest new with every build.
   * @default 'min'
   * @see https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-provenance.md
   */
  readonly provenance?: 'min' | 'max' | false;
  /**
   * Whether a list of the image's packages is pushed with it: true for BuildKit's own scanner, which is
   * docker.io/docker/buildkit-syft-scanner, or the image of another.
   * @default false
   * @see https://github.com/moby/buildkit/blob/master/docs/attestations/sbom.md
   */
  readonly sbom?: boolean | ImageName;
  /**
   * The platforms to build for, such as `linux/amd64` and `linux/arm64`. RUN steps for another processor than
   * the node's are emulated, which is slow.
   * @default - the daemon's own
   */
  readonly platforms?: readonly string[];
  /**
   * What reads the Dockerfile: the image that its `# syntax=` line names, or else the daemon; the daemon
   * alone, whatever the line says, which needs no internet; or an image of your choice.
   * @default 'syntax-line'
   */
  readonly frontend?: 'syntax-line' | 'builtin' | ImageName;
}

const TLS_MOUNT = '/keelson/buildkit';
const CREDENTIAL_MOUNT = '/keelson/docker';
const CA_MOUNT = '/keelson/certs';
const UID = 65532;
const TLS_FILES = ['ca.crt', 'tls.crt', 'tls.key'] as const;

/** It only asks and shows what is answered. */
const RESOURCES: ContainerResources = {
  cpu: { request: { amount: '50m' }, limit: { amount: '1' } },
  memory: { request: Size.mebibytes(64), limit: Size.mebibytes(512) },
  ephemeralStorage: { request: Size.mebibytes(64), limit: Size.gibibytes(2) },
};

/**
 * Builds an image for each new commit with BuildKit. The Job of a commit is only a client: the daemon that
 * the platform shares runs the Dockerfile. So the commit's namespace enforces the Pod Security level
 * `restricted`, and a registry's account stays with the client, which answers the daemon when that pushes;
 * no RUN step meets it.
 *
 * The image is pushed with labels for commit and repository, and with its provenance.
 *
 * @see https://github.com/moby/buildkit#building-a-dockerfile-with-buildctl
 * @example
 * const platform = new Platform(app, 'platform', { registry, buildkit: {} });
 * new BuildKitBuilder(pipeline, 'image', {
 *   target: platform.registry.image('example/app-build', { tag: Tag.branch() }),
 *   platforms: ['linux/amd64', 'linux/arm64'],
 * });
 */
export class BuildKitBuilder extends ImageBuilder {
  /** The level that the namespace of a build needs. */
  static readonly POD_SECURITY: PodSecurity = PodSecurity.restricted();

  constructor(scope: Construct, id: string, given: BuildKitBuilderProps) {
    const { props, problems } = soundProps('BuildKitBuilderProps', given, { target: missingTarget() }, [
      'labels.*',
      'baseImages.*',
      'provenance',
      'frontend',
    ]);
    super(scope, id, props, program(props));
    reportProblems(this, [...problems, ...ownProblems(props)]);
    const branches = this.record?.source?.branches ?? props.source?.branches ?? [];
    if (props.registryCache !== false) reportProblems(this, cacheTagProblems(branches, props.target));
    if (this.record === undefined) return;
    const daemon = props.buildkit ?? this.record.platform.buildkit;
    if (daemon instanceof BuildKitDaemon) {
      for (const registry of [this.target.registry, ...baseRegistries(props.baseImages ?? {})])
        daemon.connect(registry);
    }
    if (daemon !== undefined) return;
    reportProblem(this, {
      property: 'buildkit',
      value: undefined,
      message: 'is missing, and the platform has none',
      remedy: 'give the platform `buildkit: {}`, or BuildKitDaemon.existing() for one that is there',
    });
  }
}

function program(props: BuildKitBuilderProps): BuildProgram {
  const daemonOf = ({ platform }: Pick<ImageBuild, 'platform'>): BuildKitReference | undefined =>
    props.buildkit ?? platform.buildkit;
  return {
    title: 'BuildKit',
    defaultImage: BUILDKIT_IMAGE,
    podSecurity: BuildKitBuilder.POD_SECURITY,
    pushes: 'always',
    resources: RESOURCES,
    secrets: (platform) => secrets(daemonOf({ platform })),
    steps: (build) => steps(build, props, daemonOf(build)),
  };
}

function secrets(daemon: BuildKitReference | undefined): Record<string, BuildSecret> {
  const client = daemon?.clientSecret;
  if (client === undefined) return {};
  return Object.fromEntries(
    TLS_FILES.map((key) => [
      key,
      { property: 'buildkit.clientSecret', source: SecretSource.existing(client, key) },
    ]),
  );
}

function steps(
  build: ImageBuild,
  props: BuildKitBuilderProps,
  daemon: BuildKitReference | undefined,
): BuildSteps {
  const hasAuthority = authorityFiles(build).length > 0;
  const tls = TLS_FILES.flatMap((key) => build.secrets[key] ?? []);
  // The accounts have the one that pushes among them.
  const credential = build.accounts ?? build.pushCredential;
  const mounts: VolumeMount[] = [
    { name: 'client-tmp', mountPath: '/tmp' },
    ...(tls.length === 0 ? [] : [{ name: 'buildkit-tls', mountPath: TLS_MOUNT, readOnly: true }]),
    ...(credential === undefined
      ? []
      : [{ name: 'docker-config', mountPath: CREDENTIAL_MOUNT, readOnly: true }]),
    ...(hasAuthority ? [{ name: 'registry-ca', mountPath: CA_MOUNT, readOnly: true }] : []),
  ];
  const container: Container = {
    name: 'buildctl',
    image: build.image.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['buildctl'],
    args: [
      `--addr=${daemon?.address ?? ''}`,
      // A daemon that is just being replaced is waited for; the Job's deadline ends that.
      ...['--wait', '--timeout=300'],
      ...(tls.length === 0 ? [] : [`--tlsdir=${TLS_MOUNT}`]),
      ...buildArguments(build, props),
    ],
    env: [
      { name: 'HOME', value: '/tmp' },
      ...(credential === undefined ? [] : [{ name: 'DOCKER_CONFIG', value: CREDENTIAL_MOUNT }]),
    ],
    securityContext: { ...restrictedContainer(), runAsUser: UID, runAsGroup: UID },
    resources: build.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [...build.mounts.map((mount) => ({ ...mount, readOnly: true })), ...mounts],
  };
  return {
    container,
    volumes: [
      scratchVolume('client-tmp', '1Gi'),
      ...tlsVolume(tls),
      ...(credential === undefined ? [] : [dockerConfigVolume('docker-config', credential)]),
      ...(hasAuthority ? [{ name: 'registry-ca', configMap: { name: REGISTRY_CA } }] : []),
    ],
    destinations: daemon === undefined ? [] : [daemon.destination],
  };
}

/** The files of one Secret, under the names by which buildctl knows them. */
function tlsVolume(files: readonly SecretReference[]): Volume[] {
  const [first] = files;
  if (first === undefined) return [];
  const items = files.map(({ key }) => ({ key, path: key }));
  return [{ name: 'buildkit-tls', secret: { secretName: first.secretName, items, defaultMode: 0o444 } }];
}

function buildArguments(build: ImageBuild, props: BuildKitBuilderProps): string[] {
  const options: Readonly<Record<string, string>> = {
    filename: whenKnown(build.dockerfile, nameOf),
    ...frontendOptions(props.frontend),
    ...(build.targetStage !== undefined && { target: build.targetStage }),
    ...(props.platforms !== undefined && { platform: props.platforms.join() }),
    // Without it, RUN --mount=type=cache would share its directories with every other image and branch.
    'build-arg:BUILDKIT_CACHE_MOUNT_NS': `${build.target.pushName(placeholder('tag.branch'))}`,
    ...prefixed('build-arg:', build.buildArgs),
    ...prefixed('label:', build.labels),
    ...attestations(props),
  };
  return [
    'build',
    '--progress=plain',
    `--frontend=${props.frontend instanceof ImageName ? 'gateway.v0' : 'dockerfile.v0'}`,
    `--local=context=${literalArgument(build.contextDirectory)}`,
    `--local=dockerfile=${literalArgument(whenKnown(build.dockerfile, folderOf))}`,
    ...Object.entries(options).map(([name, value]) => `--opt=${name}=${literalArgument(value)}`),
    ...exporter(build),
    ...(props.registryCache === false ? [] : cache(build)),
  ];
}

function nameOf(dockerfile: string): string {
  return dockerfile.slice(dockerfile.lastIndexOf('/') + 1);
}

function folderOf(dockerfile: string): string {
  return dockerfile.slice(0, dockerfile.lastIndexOf('/'));
}

function frontendOptions(frontend: BuildKitBuilderProps['frontend']): Record<string, string> {
  if (frontend instanceof ImageName) return { source: frontend.toString() };
  // Given this, the daemon takes the line in the Dockerfile for one that was followed already.
  return frontend === 'builtin' ? { cmdline: 'dockerfile.v0' } : {};
}

function attestations({ provenance = 'min', sbom = false }: BuildKitBuilderProps): Record<string, string> {
  return {
    ...(provenance !== false && { 'attest:provenance': `mode=${provenance}` }),
    ...(sbom !== false && { 'attest:sbom': sbom === true ? '' : `generator=${sbom}` }),
  };
}

function prefixed(prefix: string, values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}

/** All names in one field of the list: they are pushed as one image. */
function exporter({ output, target, bases }: ImageBuild): string[] {
  const names = 'push' in output ? output.push.join() : '';
  const { insecure } = target.registry;
  const fields = ['type=image', `"name=${names}"`, 'push=true', 'oci-mediatypes=true'];
  return [
    `--output=${[...fields, ...plainHttp(insecure)].join()}`,
    ...authorityFiles({ target, bases }).map(
      ({ registry, file }) =>
        `--registry-auth-tlscontext=host=https://${registry.pushHost},ca=${CA_MOUNT}/${file}`,
    ),
  ];
}

/** A daemon that another program configured may not know that the registry speaks plain http. */
function plainHttp(insecure: boolean): string[] {
  return insecure ? ['registry.insecure=true'] : [];
}

function cache({ target, branches }: ImageBuild): string[] {
  const own = cacheTag(placeholder('tag.branch'));
  const [first, ...others] = branches;
  const from = first === undefined || others.length === 0 ? [own] : [own, cacheTag(branchTag(first))];
  const place = (tag: string): string =>
    ['type=registry', `ref=${target.pushName(tag)}`, ...plainHttp(target.registry.insecure)].join();
  return [
    // A registry that takes the image and not the cache must not fail the build.
    `--export-cache=${place(own)},mode=max,ignore-error=true`,
    ...from.map((tag) => `--import-cache=${place(tag)}`),
  ];
}

function cacheTag(branch: string): string {
  return `buildcache-${branch}`;
}

/** A branch whose image had the tag of another branch's cache would poison it. */
function cacheTagProblems(branches: readonly string[], target: ImageTarget): Problem[] {
  const caches = new Set(branches.map((branch) => cacheTag(branchTag(branch))));
  return branches.flatMap((branch) => {
    const tag = target.tag.forBranch(branch);
    if (tag === undefined || !caches.has(tag)) return [];
    const remedy = 'rename the branch, give a fixed tag, or give registryCache: false';
    return [{ property: 'target.tag', value: tag, message: "is the tag of another branch's cache", remedy }];
  });
}

function ownProblems({
  platforms,
  frontend,
  sbom,
  provenance,
  registryCache,
}: BuildKitBuilderProps): Problem[] {
  return [
    ...(platforms === undefined ? [] : platformProblems(platforms)),
    ...(sbom instanceof ImageName ? sbom.problems('sbom') : oneOf('sbom', sbom, [true, false])),
    ...(frontend instanceof ImageName
      ? frontend.problems('frontend')
      : oneOf('frontend', frontend, ['syntax-line', 'builtin'])),
    ...oneOf('provenance', provenance, ['min', 'max', false]),
    ...oneOf('registryCache', registryCache, [true, false]),
  ];
}

function platformProblems(platforms: readonly string[]): Problem[] {
  const remedy = 'give such as linux/amd64, linux/arm64 or linux/arm/v7';
  const problem = { property: 'platforms', message: 'is not a platform', remedy };
  if (platforms.length === 0) return [{ ...problem, value: platforms, message: 'is empty' }];
  return platforms.flatMap((platform) =>
    problemsWhenKnown('platforms', platform, (value) =>
      /^linux\/[a-z0-9]+(\/v[0-9]+)?$/.test(value) ? [] : [{ ...problem, value }],
    ),
  );
}

function oneOf(property: string, value: unknown, choices: readonly (string | boolean)[]): Problem[] {
  if (value === undefined || choices.includes(value as string | boolean)) return [];
  const remedy = `give ${choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : choice)).join(', ')}, or leave it out`;
  return [{ property, value, message: 'is not one of the choices', remedy }];
}
