import { Chart, Duration, Size } from 'cdk8s';
import {
  BuildahBuilder,
  GitSource,
  type KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  Release,
  SecretSource,
  Tag,
  Version,
} from 'keelson';
import { MAKISU_BIN } from './programs.ts';
import { smallBuild, smallImage, smallServices } from './small.ts';

/** Where the platform runs, by name. */
export const NAMESPACES = {
  controller: 'keelson-system',
  registry: 'container-registry',
  keel: 'keel',
  cache: 'makisu-cache',
  pipeline: 'project',
  release: 'project-release',
} as const;

/** The account as which the platform's Keel acts in the pipeline's namespace. */
export const KEEL_ACCOUNT = 'keel-project';

export const REGISTRY_PORT = 32_000;
/** The image that the pipeline builds, and that of its FROM. */
export const REPOSITORY = 'team/project-build';
export const BASE_IMAGE = 'team/base:1';
export const BRANCH = 'main';
/** Where releases are made on GitHub. */
export const REPOSITORY_OF_RELEASES = 'team/project';
/** The Secret with the token of releases. */
export const RELEASE_TOKEN = { name: 'release-github-token', key: 'github_token' } as const;

/** What is known only when the cluster runs. */
export interface PipelineAddresses {
  /** The node's, where its registry has a NodePort. */
  readonly node: string;
  /** The repository on the git server, by plain http. */
  readonly git: string;
  /** The API for releases, by https. */
  readonly github: string;
}

/** What a commit passes: everything is asked for often, and everything is small enough for a node of two cores. */
export function pipelineProgram(app: KeelsonApp, addresses: PipelineAddresses): void {
  const chart = new Chart(app, 'registry', { disableResourceNameHashes: true });
  const registry = new MicroK8sRegistry(chart, 'registry', {
    nodeAddress: addresses.node,
    nodePort: REGISTRY_PORT,
    storage: Size.gibibytes(4),
  });
  const platform = new Platform(app, 'platform', {
    registry,
    cache: { storage: Size.gibibytes(1) },
    keel: { pollInterval: Duration.seconds(2) },
  });
  const pipeline = new Pipeline(app, 'project', {
    platform,
    namespace: NAMESPACES.pipeline,
    source: GitSource.remote(addresses.git, {
      branch: BRANCH,
      allowHttp: true,
      pollInterval: Duration.seconds(5),
      version: Version.fromFile('README.md'),
    }),
  });
  const image = imageBuilder(pipeline, {
    target: registry.image(REPOSITORY, { tag: Tag.branch() }),
    ...smallImage,
    // A registry that is down for a minute is waited for.
    maxAttempts: 5,
  });
  const services = new MinioRabbitTestStack(pipeline, 'services', smallServices);
  const build = new KeelWatchedBuild(pipeline, 'build', {
    image,
    services,
    ...smallBuild,
    timeout: Duration.minutes(1),
  });
  new Release(pipeline, 'release', {
    after: build,
    namespace: NAMESPACES.release,
    assets: ['out/*'],
    timeout: Duration.minutes(3),
    github: {
      repository: REPOSITORY_OF_RELEASES,
      token: SecretSource.existing(RELEASE_TOKEN.name, RELEASE_TOKEN.key),
      tagPrefix: 'v',
      apiUrl: addresses.github,
    },
  });
}

function imageBuilder(
  pipeline: Pipeline,
  props: ConstructorParameters<typeof BuildahBuilder>[2],
): BuildahBuilder | MakisuBuilder {
  if (MAKISU_BIN !== undefined) return new MakisuBuilder(pipeline, 'image', props);
  return new BuildahBuilder(pipeline, 'image', props);
}
