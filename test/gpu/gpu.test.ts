import { Chart } from 'cdk8s';
import { GpuBuildNode, type GpuBuildNodeProps, Gpus } from 'keelson';
import { describe, expect, test } from 'vitest';
import { synthesized } from '../support/synthesized.ts';

function node(props: GpuBuildNodeProps): { node: GpuBuildNode; output: ReturnType<typeof synthesized> } {
  const made: GpuBuildNode[] = [];
  const output = synthesized((app) =>
    made.push(new GpuBuildNode(new Chart(app, 'foreign', { namespace: 'x' }), 'gpu', props)),
  );
  return { node: made[0] as GpuBuildNode, output };
}

const TOLERATION = { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' };

describe('GPUs', () => {
  test.each<[string, Gpus, string, number]>([
    ['whole ones', Gpus.whole(2), 'nvidia.com/gpu', 2],
    ['a part of one', Gpus.mig('1g.5gb'), 'nvidia.com/mig-1g.5gb', 1],
    ['two parts with media engines', Gpus.mig('1g.5gb.me', 2), 'nvidia.com/mig-1g.5gb.me', 2],
    ['a part as nvidia-smi writes it', Gpus.mig('1g.12gb+me.all'), 'nvidia.com/mig-1g.12gb.me.all', 1],
    ['a part without media engines', Gpus.mig('1g.24gb-me'), 'nvidia.com/mig-1g.24gb-me', 1],
    ['a share', Gpus.shared(), 'nvidia.com/gpu.shared', 1],
    ['a share of a part', Gpus.sharedMig('1g.5gb+me'), 'nvidia.com/mig-1g.5gb.me.shared', 1],
  ])('%s are asked for by the name of the device plugin', (_name, gpus, resourceName, count) => {
    expect(gpus).toMatchObject({ resourceName, count, any: true });
    expect(gpus.problems('gpus')).toEqual([]);
  });

  test('none is nothing to ask for', () => {
    expect(Gpus.none().any).toBe(false);
    expect(Gpus.none().problems('gpus')).toEqual([]);
  });

  test.each([0.5, -1, 65, Number.NaN, Number.POSITIVE_INFINITY, '2' as unknown as number])(
    '%s is no number of them',
    (count) => {
      expect(Gpus.whole(count).problems('gpus')).toMatchObject([{ property: 'gpus', value: count }]);
    },
  );

  test.each([
    '',
    '1g',
    '1g.5',
    '0g.5gb',
    '1G.5GB',
    '1g.5gb ',
    '1g.5gb\n',
    'a/b',
    '1g.5gb+x',
    '1g.5gb+',
    '1g.5gb.shared',
  ])('%j is no profile of a part', (profile) => {
    for (const gpus of [Gpus.mig(profile), Gpus.sharedMig(profile)])
      expect(gpus.problems('gpus')).toMatchObject([{ value: profile, message: 'is not a MIG profile' }]);
  });
});

describe('a node', () => {
  test('with GPUs is found by the request for them', () => {
    const { node: made, output } = node({ gpus: Gpus.whole(1) });
    expect(made.scheduling).toEqual({ tolerations: [TOLERATION], runtimeClassName: 'nvidia' });
    expect(made.runtimeClass).toBeUndefined();
    expect(output.objects).toEqual([]);
  });

  test('without GPUs is any node', () => {
    expect(node({ gpus: Gpus.none() }).node.scheduling).toEqual({});
  });

  test('may be chosen by its labels, taints and runtime', () => {
    const { node: made } = node({
      gpus: Gpus.whole(1),
      nodeSelector: { 'nvidia.com/gpu.product': 'A100' },
      tolerations: [{ key: 'mine', operator: 'Exists' }],
      runtimeClassName: 'nvidia-cdi',
    });
    expect(made.scheduling).toEqual({
      nodeSelector: { 'nvidia.com/gpu.product': 'A100' },
      tolerations: [{ key: 'mine', operator: 'Exists' }],
      runtimeClassName: 'nvidia-cdi',
    });
    expect(node({ gpus: Gpus.whole(1), runtimeClassName: null }).node.scheduling).toEqual({
      tolerations: [TOLERATION],
    });
  });

  test('may bring the class of its runtime, which is in no namespace', () => {
    const { output } = node({ gpus: Gpus.whole(1), runtimeHandler: 'nvidia' });
    expect(output.objects).toEqual([
      { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'nvidia' }, handler: 'nvidia' },
    ]);
  });
});
