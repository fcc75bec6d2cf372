import {
  GpuBuildNode,
  Gpus,
  KeelWatchedBuild,
  MakisuBuilder,
  MinioRabbitTestStack,
  SecretSource,
  Tag,
} from 'keelson';
import type { PolicyRule } from 'kubernetes-types/rbac/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import {
  existingPlatform,
  foreignChart,
  image,
  pipeline,
  pipelineConfiguration,
  registry,
} from '../support/programs.ts';
import { problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

function rules({ find }: Synthesized): string[] {
  const role = find<{ rules: PolicyRule[] }>('Role', 'keelson-controller');
  return role.rules.map(
    ({ resources, resourceNames = ['*'], verbs }) => `${resources}[${resourceNames}]: ${verbs}`,
  );
}

test('the controller may read what describes it, and write what it notes', () => {
  expect(rules(synthesized((app) => pipeline(app)))).toEqual([
    'configmaps[keelson-pipeline]: get,watch',
    'configmaps[keelson-ledger]: get,patch',
    'events[*]: create,patch',
  ]);
});

describe('stages', () => {
  test('add themselves to what the controller knows and may do', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      const built = new MakisuBuilder(ci, 'image', {
        target: registry().image('a', { tag: Tag.branch() }),
        registryConfig: SecretSource.existing('account', 'registry.yaml'),
      });
      const services = new MinioRabbitTestStack(ci, 'services');
      new KeelWatchedBuild(ci, 'build', { image: built, command: ['x'], services });
    });
    expect(pipelineConfiguration(output)).toMatchObject({
      kind: 'Pipeline',
      name: 'ci',
      namespace: 'ci',
      platform: 'shared',
      images: [{ name: 'image' }],
      builds: [
        {
          deployment: 'build',
          image: '172.31.39.52:32000/a:main',
          services: [{ name: 'minio' }, { name: 'rabbitmq' }],
        },
      ],
      generatedSecrets: ['minio-credentials', 'rabbitmq-credentials'],
    });
    expect(rules(output)).toEqual([
      'configmaps[keelson-pipeline]: get,watch',
      'configmaps[keelson-ledger,build-status]: get,patch',
      'events[*]: create,patch',
      'secrets[minio-credentials,rabbitmq-credentials]: get,patch',
      'secrets[account]: get',
      'pods[*]: get,list,watch',
      'deployments[build,minio,rabbitmq]: get,watch',
      'deployments[build]: patch',
      'deployments/scale[build,minio,rabbitmq]: get,patch',
      'leases[build]: create,get,patch',
    ]);
  });

  test('may be added after the pipeline was looked at', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      expect(ci.record.configuration().builds).toEqual([]);
      new KeelWatchedBuild(ci, 'late', { image: image(), command: ['x'] });
    });
    expect(pipelineConfiguration(output).builds).toMatchObject([{ deployment: 'late' }]);
  });

  test('with GPUs get room for all of them', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      for (const id of ['one', 'two']) {
        const node = new GpuBuildNode(ci, `gpu-${id}`, { gpus: Gpus.whole(2) });
        new KeelWatchedBuild(ci, id, { image: image(id), command: ['x'], node });
      }
    });
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toMatchObject({
      'requests.nvidia.com/gpu': '4',
    });
  });
});

test('stages of a chart that is no pipeline share one record', () => {
  const output = synthesized((app) => {
    const chart = foreignChart(app, 'tests');
    for (const id of ['one', 'two']) {
      new KeelWatchedBuild(chart, id, { image: image(id), command: ['x'], platform: existingPlatform() });
    }
  });
  expect(output.names('ConfigMap')).toContain('tests/keelson-pipeline');
  expect(pipelineConfiguration(output).builds.map(({ deployment }) => deployment)).toEqual(['one', 'two']);
});

test('a namespace that is given to a stage of a pipeline is used or refused, never ignored', () => {
  const outcome = (): string[] => {
    try {
      return synthesized((app) => {
        new KeelWatchedBuild(pipeline(app), 'build', {
          image: image(),
          command: ['x'],
          namespace: 'elsewhere',
        });
      }).names('Deployment');
    } catch (error) {
      return [String(error)];
    }
  };
  expect(outcome().join()).toMatch(/^elsewhere\/build$|namespace/);
});

test('two builds of one image are refused, because each would lose pushes to the other', () => {
  const problems = problemsOf((app) => {
    const ci = pipeline(app);
    for (const id of ['one', 'two']) new KeelWatchedBuild(ci, id, { image: image(), command: ['x'] });
  });
  expect(problems).toEqual([
    expect.stringMatching(
      /^ci\/record: builds: is watched by two builds, .*\(got "quay.io\/team\/build:main"\)/,
    ),
  ]);
});
