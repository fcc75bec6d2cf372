import fc from 'fast-check';
import {
  branchTag,
  type ImageBuilder,
  ImageName,
  ImageTarget,
  MakisuBuilder,
  RedisLayerCache,
  Tag,
} from 'keelson';
import { hostileBranches } from '../../support/commits.ts';
import { registry } from '../../support/programs.ts';
import { byName, call, fields, one, only, plain, type Values } from '../value.ts';
import {
  as,
  dnsLabel,
  existingSecret,
  type Factories,
  image,
  mebibytes,
  type Recipe,
  type Recipes,
  resources,
  seconds,
  secret,
  storage,
  storageClassName,
} from './recipe.ts';

const text = (...texts: string[]): Values<string> => one(...texts);
const tag: Values<Tag> = fc.oneof(
  only('Tag.branch()', () => Tag.branch()),
  call('Tag.named', (name: string) => Tag.named(name), text('latest', '1.2.3', '_x')),
);

export const factories: Factories = {
  ImageName: call(
    'ImageName',
    (parts: never) => new ImageName(parts),
    fields({ registry: one('quay.io'), repository: one('a/b'), tag: one('x') }, [
      'registry',
      'repository',
      'tag',
    ]),
  ),
  'ImageName.parse': image,
  ImageTarget: call(
    'ImageTarget',
    (repository: string, of: Tag) => new ImageTarget(registry(), repository, of),
    text('a/b', 'team/project-x', 'a__b/c.d'),
    tag,
  ),
  branchTag: call('branchTag', (branch: string) => branchTag(branch), one(...hostileBranches)),
  'Tag.branch': only('Tag.branch()', () => Tag.branch()),
  'Tag.commit': only('Tag.commit()', () => Tag.commit()),
  'Tag.version': only('Tag.version()', () => Tag.version()),
  'Tag.named': tag,
  'RedisLayerCache.existing': call(
    'RedisLayerCache.existing',
    (namespace: string) => RedisLayerCache.existing({ namespace }),
    plain(dnsLabel),
  ),
};

/** What every stage of a pipeline may be told about it. */
export const stageProps: Readonly<Record<string, Values>> = {
  namespace: only('pipeline.namespaceName', (world) => world.pipeline.namespaceName),
  platform: only('pipeline.platform', (world) => world.pipeline.platform),
  source: only('pipeline.source', (world) => world.pipeline.source),
};

/** What every image builder is told. */
export const builderProps: Readonly<Record<string, Values>> = {
  ...stageProps,
  target: factories['ImageTarget'] as Values,
  dockerfile: text('Dockerfile', 'a/b/Dockerfile.x', '$(KEELSON_GIT_URL)/Dockerfile'),
  context: text('.', 'src', 'a b/ c'),
  targetStage: text('test', 'build-stage'),
  buildArgs: byName(
    fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}[A-Z0-9]X$/),
    text('1', 'a b', '$(HOME)', '名前', '-x'),
  ),
  image,
  resources,
  timeout: seconds(1, 7 * 86_400),
  concurrency: text('queue', 'supersede'),
  maxAttempts: plain(fc.integer({ min: 1, max: 10 })),
};

/** An image builder of a pipeline. */
export function builder(
  make: (...args: ConstructorParameters<typeof MakisuBuilder>) => ImageBuilder,
  props: Readonly<Record<string, Values>>,
): Recipe {
  return {
    props: { ...builderProps, ...props },
    required: ['target'],
    make: (world, id, given) => make(world.pipeline, id, as(given)),
  };
}

export const recipes: Recipes = {
  MakisuBuilder: builder((...args) => new MakisuBuilder(...args), {
    cache: factories['RedisLayerCache.existing'] as Values,
    registryConfig: fc.oneof(existingSecret, secret),
  }),
  RedisLayerCache: {
    props: {
      namespace: plain(dnsLabel),
      storage,
      storageClassName,
      image,
      maxMemory: mebibytes(1, 8192),
      resources,
    },
    once: true,
    make: (world, id, props) => new RedisLayerCache(world.chart, id, as(props)),
  },
};
