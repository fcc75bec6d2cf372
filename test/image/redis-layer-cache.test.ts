import { Chart, Size } from 'cdk8s';
import {
  ImageName,
  MakisuBuilder,
  Pipeline,
  Platform,
  RedisLayerCache,
  type RedisLayerCacheProps,
  Tag,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { pipelineConfiguration, registry, source } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

/** A cache alone in a chart of somebody else. */
const cache = (props?: RedisLayerCacheProps): Synthesized =>
  synthesized(
    (app) => new RedisLayerCache(new Chart(app, 'foreign', { namespace: 'other' }), 'cache', props),
  );

test('by default it is Redis with 30 GiB in a fenced namespace of its own', () => {
  const { objects, find } = cache();
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)).toEqual(
    [
      'Namespace /makisu-cache',
      'LimitRange makisu-cache/defaults',
      'NetworkPolicy makisu-cache/default-deny',
      'NetworkPolicy makisu-cache/redis',
      'ResourceQuota makisu-cache/quota',
      'ServiceAccount makisu-cache/redis',
      'PersistentVolumeClaim makisu-cache/redis-cache-claim',
      'Service makisu-cache/redis',
      'Deployment makisu-cache/redis',
    ],
  );
  expect(at(find('PersistentVolumeClaim', 'redis-cache-claim'), 'spec')).toEqual({
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '30Gi' } },
  });
  expect(at(find('Service', 'redis'), 'spec')).toMatchObject({ type: 'ClusterIP', ports: [{ port: 6379 }] });
});

test('it forgets the least recently used when its memory is full', () => {
  const [container] = cache().find<Deployment>('Deployment', 'redis').spec?.template.spec?.containers ?? [];
  const args = container?.args?.join(' ');
  expect(args).toContain('--maxmemory 512mb --maxmemory-policy allkeys-lru');
  expect(container?.resources?.limits?.['memory']).toBe('1024Mi');
});

test('each option changes what it says', () => {
  const { find, names } = cache({
    namespace: 'layers',
    storage: Size.gibibytes(5),
    storageClassName: 'fast',
    image: ImageName.parse('quay.io/team/redis:7'),
    maxMemory: Size.gibibytes(2),
    resources: { memory: { limit: Size.gibibytes(3) } },
  });
  expect(names('Namespace')).toEqual(['layers']);
  expect(at(find('PersistentVolumeClaim', 'redis-cache-claim', 'layers'), 'spec')).toMatchObject({
    storageClassName: 'fast',
    resources: { requests: { storage: '5Gi' } },
  });
  const [container] = find<Deployment>('Deployment', 'redis').spec?.template.spec?.containers ?? [];
  expect(container?.image).toBe('quay.io/team/redis:7');
  expect(container?.args).toContain('2048mb');
  expect(container?.resources?.limits?.['memory']).toBe('3Gi');
});

test('a platform hands it to the builders of its pipelines, and a builder may be handed another or none', () => {
  const addresses = [{}, { cache: false as const }].map((props) => {
    const output = synthesized((app) => {
      const platform = new Platform(app, 'platform', { registry: registry(), ...props });
      const ci = new Pipeline(app, 'ci', { platform, source: source() });
      new MakisuBuilder(ci, 'image', { target: registry().image('a', { tag: Tag.branch() }) });
    });
    return JSON.stringify(pipelineConfiguration(output).images).match(/--redis-cache-addr=[^"]*/)?.[0];
  });
  expect(addresses).toEqual(['--redis-cache-addr=redis.makisu-cache.svc.cluster.local:6379', undefined]);
});

test('one that a program made elsewhere is referred to by its address', () => {
  const elsewhere = { address: 'redis.elsewhere:6379', destination: { peers: [], ports: [6379] } };
  const output = synthesized(
    (app) => new Platform(app, 'platform', { registry: registry(), cache: elsewhere }),
  );
  expect(output.names('Namespace')).not.toContain('makisu-cache');
});
