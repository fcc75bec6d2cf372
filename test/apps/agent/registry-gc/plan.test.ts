import { describe, expect, test } from 'vitest';
import { parsePlan, planOf } from '../../../../apps/agent/registry-gc/plan.ts';
import type { ImageConfiguration, PipelineConfiguration } from '../../../../lib/agent/configuration.ts';

const HOST = 'registry.container-registry.svc.cluster.local:5000';
const collection = {
  host: HOST,
  namespace: 'container-registry',
  deployment: 'registry',
  collector: 'registry-garbage-collection',
  everySeconds: 86_400,
  keepPerBranch: 10,
  timeoutSeconds: 900,
};
const NOTHING = { tags: [], digests: [] };

const image = (
  repository: string,
  changes: Partial<ImageConfiguration> = {},
  host = HOST,
): ImageConfiguration => ({
  name: 'image',
  target: { host, repository, tag: '((keelson.tag.branch))', insecure: true },
  jobTemplate: [],
  copySecrets: [],
  concurrency: 'queue',
  maxAttempts: 1,
  ...changes,
});
const pipeline = (images: ImageConfiguration[], branches = ['main']): PipelineConfiguration => ({
  apiVersion: 'agent.keelson.dev/v1alpha1',
  kind: 'Pipeline',
  name: 'ci',
  namespace: 'ci',
  platform: 'platform',
  source: {
    url: 'https://git.example.com/a.git',
    branches,
    pollSeconds: 60,
    version: { from: 'value', value: '1' },
    submodules: false,
    lfs: false,
  },
  images,
  builds: [],
  jobs: [],
  releases: [],
  generatedSecrets: [],
});

describe('a plan', () => {
  test('names the repositories of commits’ images in this registry, and the caches beside them', () => {
    const pipelines = [
      pipeline([image('team/b'), image('team/a'), image('team/a/cache')]),
      pipeline([image('team/a'), image('team/hosted', {}, 'quay.io')]),
    ];
    const { repositories, caches } = planOf(collection, pipelines, NOTHING);
    expect(repositories).toEqual(['team/a', 'team/a/cache', 'team/b']);
    expect(caches).toEqual(['team/a/cache/cache', 'team/b/cache']);
  });

  test('leaves alone repositories of images that are built for their version, whoever pushes there too', () => {
    const pipelines = [
      pipeline([image('team/base', { onlyIfAbsent: true }), image('team/app')]),
      pipeline([image('team/base')]),
    ];
    expect(planOf(collection, pipelines, NOTHING).repositories).toEqual(['team/app']);
  });

  test('keeps what is in use, and the tag of a branch that is called like a commit’s', () => {
    const branch = `main-${'a'.repeat(40)}`;
    const { keepTags, keepDigests } = planOf(collection, [pipeline([image('team/app')], ['main', branch])], {
      tags: ['v1', 'main'],
      digests: ['sha256:b', 'sha256:a', 'sha256:b'],
    });
    expect(keepTags).toEqual(['main', branch, 'v1']);
    expect(keepDigests).toEqual(['sha256:a', 'sha256:b']);
  });

  test('is read as it was written', () => {
    const plan = planOf(collection, [pipeline([image('team/app')])], { tags: ['v1'], digests: ['sha256:a'] });
    expect(parsePlan(JSON.stringify(plan))).toEqual(plan);
  });

  test('that no container’s variable can hold is not made', () => {
    const digests = Array.from({ length: 2000 }, (_, index) => `sha256:${String(index).padStart(64, '0')}`);
    expect(() => planOf(collection, [], { tags: [], digests })).toThrow(/serves too many pipelines/);
  });

  const good = planOf(collection, [pipeline([image('team/app')])], NOTHING);
  test.each<[string, string, string]>([
    ['no JSON', 'CANARY', 'the plan is not JSON'],
    ['null', 'null', 'another version'],
    [
      'of another version',
      JSON.stringify({ ...good, apiVersion: 'agent.keelson.dev/v2' }),
      'another version',
    ],
    ['without a number to keep', JSON.stringify({ ...good, keepPerBranch: 0 }), 'how many images'],
    ['with a path', JSON.stringify({ ...good, repositories: ['../../etc'] }), 'is no repository'],
    ['with a path from the root', JSON.stringify({ ...good, caches: ['/etc'] }), 'is no repository'],
    ['with a number for a tag', JSON.stringify({ ...good, keepTags: [1] }), 'keepTags'],
    ['without what is in use', JSON.stringify({ ...good, keepDigests: undefined }), 'keepDigests'],
  ])('%s is refused', (_what, text, said) => {
    expect(() => parsePlan(text)).toThrow(said);
  });
});
