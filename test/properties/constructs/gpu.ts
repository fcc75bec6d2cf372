import fc from 'fast-check';
import { GpuBuildNode, GpuRuntimeClass, GpuSharing, Gpus, NvidiaDevicePlugin } from 'keelson';
import { call, fields, list, one, only, plain, type Values } from '../value.ts';
import { as, dnsLabel, type Factories, freshName, image, labels, type Recipes, resources } from './recipe.ts';

const count = plain(fc.integer({ min: 1, max: 64 }));
const profile = one('1g.5gb', '3g.40gb', '1g.10gb+me', '7g.80gb');

export const factories: Factories = {
  'Gpus.whole': call('Gpus.whole', (n: number) => Gpus.whole(n), count),
  'Gpus.mig': call('Gpus.mig', (p: string, n: number) => Gpus.mig(p, n), profile, count),
  'Gpus.shared': call('Gpus.shared', (n: number) => Gpus.shared(n), count),
  'Gpus.sharedMig': call('Gpus.sharedMig', (p: string, n: number) => Gpus.sharedMig(p, n), profile, count),
  'Gpus.none': only('Gpus.none()', () => Gpus.none()),
  'GpuSharing.timeSlicing': call(
    'GpuSharing.timeSlicing',
    (options: never) => GpuSharing.timeSlicing(options),
    fields(
      { replicas: plain(fc.integer({ min: 2, max: 64 })), failRequestsGreaterThanOne: one(true, false) },
      ['replicas'],
    ),
  ),
  'NvidiaDevicePlugin.of': only(
    'NvidiaDevicePlugin.of',
    (world) => NvidiaDevicePlugin.of(world.app)[0] ?? null,
  ),
};

const gpus: Values = fc.oneof(
  ...['whole', 'mig', 'shared', 'sharedMig', 'none'].map((kind) => factories[`Gpus.${kind}`] as Values),
);

export const tolerations: Values = list(
  fc.oneof(
    one<unknown>({ operator: 'Exists' }, { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }),
    one<unknown>({ key: 'a', operator: 'Equal', value: 'b', effect: 'NoExecute' }, { key: 'a', value: 'b' }),
  ),
);

export const recipes: Recipes = {
  GpuBuildNode: {
    props: {
      gpus,
      nodeSelector: labels,
      tolerations,
      runtimeClassName: freshName,
      runtimeHandler: one('nvidia', 'runc'),
      devicePlugin: one(null),
    },
    required: ['gpus', 'devicePlugin'],
    make: (world, id, props) => {
      const { runtimeClassName = world.next('runtime'), ...others } = props;
      return new GpuBuildNode(world.pipeline, id, as({ ...others, runtimeClassName }));
    },
  },
  GpuRuntimeClass: {
    props: { name: freshName, handler: one('nvidia', 'runc', 'a-b') },
    make: (world, id, props) => new GpuRuntimeClass(world.chart, id, as(props)),
    required: ['name'],
  },
  NvidiaDevicePlugin: {
    props: {
      namespace: plain(dnsLabel),
      nodeSelector: labels,
      tolerations,
      mig: one('none', 'mixed'),
      sharing: factories['GpuSharing.timeSlicing'] as Values,
      deviceListStrategy: one('envvar', 'volume-mounts'),
      runtimeClassName: one(null, 'nvidia'),
      runtimeHandler: one('nvidia'),
      priorityClassName: one(null, 'system-node-critical', 'high'),
      image,
      resources,
    },
    // Without one of its own, it refers to the class that everybody names.
    required: ['runtimeClassName'],
    once: true,
    make: (world, id, props) => {
      const { runtimeHandler, ...others } = props;
      const handler = others['runtimeClassName'] === 'nvidia' ? { runtimeHandler } : {};
      return new NvidiaDevicePlugin(world.chart, id, as({ ...others, ...handler }));
    },
  },
};
