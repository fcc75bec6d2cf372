// Pipelines of other kinds than the one with a watched build: what their manifests don't make is made here.
import { Chart, Duration, Size } from 'cdk8s';
import {
  BaseImage,
  BuildahBuilder,
  BuildJob,
  GitSource,
  ImageName,
  type KeelsonApp,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  Tag,
  Version,
} from 'keelson';
import { REGISTRY_PORT } from './pipeline.ts';
import { smallBuild, smallImage, smallServices } from './small.ts';

/** The namespaces of the pipelines, by what is special about them. */
export const HOMES = { based: 'based', streamed: 'streamed', copied: 'copied', once: 'once' } as const;

/** What is known only when the cluster runs. */
export interface Places {
  /** The node's address and name. */
  readonly node: string;
  readonly nodeName: string;
  /** The repository on the git server, by plain http. */
  readonly git: string;
  /** A directory on the node. */
  readonly directory: string;
}

/** Images from other sources: on a base image of the same repository, and from a directory, in both ways. */
export function imagesProgram(app: KeelsonApp, { node, nodeName, git, directory }: Places): void {
  const chart = new Chart(app, 'registry', { disableResourceNameHashes: true });
  const registry = new MicroK8sRegistry(chart, 'registry', {
    nodeAddress: node,
    nodePort: REGISTRY_PORT,
    storage: Size.gibibytes(4),
  });
  const platform = new Platform(app, 'platform', { registry, cache: false, keel: false });
  const based = new Pipeline(app, HOMES.based, {
    platform,
    namespace: HOMES.based,
    source: GitSource.remote(git, {
      branch: 'main',
      allowHttp: true,
      pollInterval: Duration.seconds(5),
      version: Version.of('1.0.0'),
    }),
  });
  const base = new BaseImage(based, 'base', {
    ...smallImage,
    repository: 'team/tools',
    version: '7',
    builder: BuildahBuilder,
  });
  new BuildahBuilder(based, 'image', {
    ...smallImage,
    target: registry.image('team/based', { tag: Tag.branch() }),
    baseImages: { BASE_IMAGE: base },
  });
  for (const [home, options] of [
    [HOMES.streamed, {}],
    [HOMES.copied, { nodeName }],
  ] as const) {
    const source = GitSource.local(directory, { ...options, branch: 'trial', version: Version.of('1.0.0') });
    const local = new Pipeline(app, home, { platform, namespace: home, source });
    new BuildahBuilder(local, 'image', { ...smallImage, target: registry.image(`team/${home}`) });
  }
}

/** A build that runs once, of the image that the other program has built, beside services of its own. */
export function onceProgram(app: KeelsonApp, { node }: Pick<Places, 'node'>): void {
  const registry = MicroK8sRegistry.existing({ nodeAddress: node, nodePort: REGISTRY_PORT });
  const platform = Platform.existing({ name: 'platform', registry });
  const once = new Pipeline(app, HOMES.once, { platform, namespace: HOMES.once });
  new BuildJob(once, 'check', {
    image: ImageName.parse(`${node}:${REGISTRY_PORT}/team/based:main`),
    services: new MinioRabbitTestStack(once, 'services', smallServices),
    ...smallBuild,
    timeout: Duration.minutes(1),
  });
}
