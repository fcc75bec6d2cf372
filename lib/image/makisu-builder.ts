import type { Construct } from 'constructs';
import type { ConfigMap, Container } from 'kubernetes-types/core/v1.d.ts';
import type { TemplateObject } from '../agent/job-template.ts';
import { makisuRegistries, type RegistryTransport } from '../agent/makisu-registries.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { hidden, problemsWhenKnown, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import { isSecretName } from '../kubernetes/secret-scan.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import { soundProps } from '../props/sound.ts';
import { missingTarget } from '../props/stand-ins.ts';
import type { Registry } from '../registry/registry.ts';
import type { BuildProgram, BuildSteps, ImageBuild } from './build-program.ts';
import { authorityFiles, hostsOf } from './build-registries.ts';
import { ImageBuilder } from './image-builder.ts';
import type { ImageBuilderProps } from './image-builder-props.ts';
import { REGISTRY_CA } from './push-container.ts';
import type { LayerCache } from './redis-layer-cache.ts';
import { literalArgument, rootBuild } from './root-build.ts';

/** Props of {@link MakisuBuilder}. Makisu refuses a "=" in a value of `buildArgs`, and has no `labels`. */
export interface MakisuBuilderProps extends ImageBuilderProps {
  /**
   * The cache of layers.
   * @default - the platform's
   */
  readonly cache?: LayerCache;
  /**
   * Makisu's own registry configuration (a registry.yaml), for what `pullCredentials` can't say. RUN steps
   * can read it, so give it an account that can read and no more.
   * @default - one is made for the target's registry, with the accounts of `pullCredentials`
   */
  readonly registryConfig?: SecretSource;
}

const CA_DIRECTORY = '/registry-ca';
const CONFIG_DIRECTORY = '/registry-config';
const CONFIG_FILE = 'registry.yaml';
const CONFIG_SECRET = 'registry-config';

/**
 * Builds an image for each new commit with Makisu, in a Job of the commit's own namespace. The Job is a
 * template that the platform's controller fills: nothing runs until a commit arrives.
 *
 * Makisu runs the Dockerfile's RUN steps in its own container, as root and with a writable file system, so
 * its namespace needs the Pod Security level `baseline`. No credential that can push is in it: where the
 * registry asks for one, another container pushes what Makisu has built.
 *
 * Its image is gcr.io/uber-container-tools/makisu:v0.4.2 unless given; the project is archived, and this
 * is its last, of 2021.
 *
 * @see https://github.com/uber-archive/makisu/blob/master/docs/COMMAND.md for its flags
 * @example
 * new MakisuBuilder(pipeline, 'image', {
 *   dockerfile: 'Dockerfile_microk8s',
 *   target: platform.registry.image('leafai/studio-go-runner-standalone-build', { tag: Tag.branch() }),
 * });
 */
export class MakisuBuilder extends ImageBuilder {
  /** The level that the namespace of a build needs. */
  static readonly POD_SECURITY: PodSecurity = PodSecurity.baseline(
    'Makisu runs RUN steps as root in its own container',
  );

  constructor(scope: Construct, id: string, given: MakisuBuilderProps) {
    const { props, problems } = soundProps('MakisuBuilderProps', given, { target: missingTarget() }, [
      'labels.*',
      'baseImages.*',
    ]);
    super(scope, id, props, program(props));
    reportProblems(this, problems);
    if (props.registryConfig !== undefined && props.pullCredentials !== undefined) {
      reportProblem(this, {
        property: 'pullCredentials',
        value: hidden,
        message: 'is left out, because registryConfig is all that Makisu reads',
        remedy: 'leave out one of the two',
      });
    }
    for (const name of Object.keys(props.labels ?? {})) {
      reportProblem(this, {
        property: `labels.${name}`,
        value: hidden,
        message: "can't be set by Makisu, which has no option for labels",
        remedy: 'write LABEL in the Dockerfile',
      });
    }
    for (const [name, value] of Object.entries(props.buildArgs ?? {})) {
      const property = `buildArgs.${name}`;
      const message = 'holds "=", which Makisu refuses';
      const remedy = 'set the value in the Dockerfile instead';
      const problems = problemsWhenKnown(property, value, (known) =>
        String(known).includes('=')
          ? [{ property, value: isSecretName(name) ? hidden : known, message, remedy }]
          : [],
      );
      reportProblems(this, problems);
    }
  }
}

function program({ cache, registryConfig }: MakisuBuilderProps): BuildProgram {
  return {
    title: 'Makisu',
    defaultImage: 'gcr.io/uber-container-tools/makisu:v0.4.2',
    podSecurity: MakisuBuilder.POD_SECURITY,
    pushes: 'without-credential',
    ...(registryConfig !== undefined && {
      secrets: () => ({ [CONFIG_SECRET]: { property: 'registryConfig', source: registryConfig } }),
    }),
    accountsForm: (target, bases) => ({
      form: 'makisu-registry-config',
      transports: transports({ target, bases }),
    }),
    steps: (build) => steps(build, cache ?? build.platform.cache),
  };
}

function steps(build: ImageBuild, cache: LayerCache | undefined): BuildSteps {
  const config = build.secrets[CONFIG_SECRET] ?? build.accounts;
  const hasAuthority = authorityFiles(build).length > 0;
  return {
    container: container(build, cache),
    volumes: [
      { name: 'storage', emptyDir: {} },
      config === undefined
        ? { name: 'registry-config', configMap: { name: 'registry-config' } }
        : {
            name: 'registry-config',
            secret: {
              secretName: config.secretName,
              items: [{ key: config.key, path: CONFIG_FILE }],
              defaultMode: 0o400,
            },
          },
      ...(hasAuthority ? [{ name: 'registry-ca', configMap: { name: REGISTRY_CA } }] : []),
    ],
    objects: config === undefined ? [registryConfigMap(build)] : [],
    destinations: cache === undefined ? [] : [cache.destination],
  };
}

type Registries = Pick<ImageBuild, 'target' | 'bases'>;

/** How the registries of the target and the base images are spoken to, by each of their names. */
function transports({ target, bases }: Registries): Record<string, RegistryTransport> {
  const plain = [target.registry, ...bases].filter(({ insecure }) => insecure);
  const entries: (readonly [Registry, RegistryTransport])[] = [
    ...plain.map((registry) => [registry, { insecure: true }] as const),
    ...authorityFiles({ target, bases })
      .filter(({ registry }) => !registry.insecure)
      .map(({ registry, file }) => [registry, { certificateAuthority: `${CA_DIRECTORY}/${file}` }] as const),
  ];
  return Object.fromEntries(
    entries.flatMap(([registry, transport]) => hostsOf(registry).map((host) => [host, transport])),
  );
}

/** Makisu's configuration for registries without accounts; for one that public certificates vouch for none is needed. */
function registryConfigMap(build: ImageBuild): TemplateObject {
  const config = makisuRegistries(new Map(), transports(build));
  const configMap: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'registry-config', namespace: build.namespace },
    // JSON is YAML, and Makisu reads the file as YAML.
    data: { [CONFIG_FILE]: jsonFile(config) },
  };
  return configMap as TemplateObject;
}

function container(build: ImageBuild, cache: LayerCache | undefined): Container {
  return {
    name: 'makisu',
    image: build.image.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: argumentsOf(build, cache),
    securityContext: rootBuild(),
    resources: build.resources,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      ...build.mounts,
      { name: 'registry-config', mountPath: CONFIG_DIRECTORY, readOnly: true },
      { name: 'storage', mountPath: '/makisu-storage' },
      ...(authorityFiles(build).length === 0
        ? []
        : [{ name: 'registry-ca', mountPath: CA_DIRECTORY, readOnly: true }]),
    ],
  };
}

function argumentsOf(build: ImageBuild, cache: LayerCache | undefined): string[] {
  const { target, output, targetStage, buildArgs } = build;
  const [name, ...replicas] = 'push' in output ? output.push : [];
  return [
    'build',
    ...(name === undefined ? [] : [`--push=${name.registry}`]),
    ...replicas.map((replica) => `--replica=${replica}`),
    ...('archive' in output ? [`--dest=${output.archive}`] : []),
    `-t=${target.repository}:${target.tag.template}`,
    `-f=${build.dockerfile}`,
    '--modifyfs=true',
    `--registry-config=${CONFIG_DIRECTORY}/${CONFIG_FILE}`,
    ...(cache === undefined ? [] : [`--redis-cache-addr=${cache.address}`]),
    ...(targetStage === undefined ? [] : [`--target=${targetStage}`]),
    ...Object.entries(buildArgs).map(([arg, value]) => `--build-arg=${arg}=${literalArgument(value)}`),
    build.contextDirectory,
  ];
}
