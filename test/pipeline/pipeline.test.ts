import {
  GpuBuildNode,
  Gpus,
  KeelWatchedBuild,
  MakisuBuilder,
  MinioRabbitTestStack,
  Pipeline,
  PodSecurity,
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
  source,
} from '../support/programs.ts';
import { problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const LEVEL = 'pod-security.kubernetes.io/enforce';
const build = (ci: Pipeline, id: string, podSecurity?: PodSecurity): KeelWatchedBuild =>
  new KeelWatchedBuild(ci, id, { image: image(id), command: ['x'], ...(podSecurity && { podSecurity }) });

describe('by default', () => {
  const output = synthesized((app) => pipeline(app));

  test('it is a fenced namespace with what the controller has to know', () => {
    expect(
      output.objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`),
    ).toEqual([
      'Namespace /ci',
      'LimitRange ci/defaults',
      'NetworkPolicy ci/default-deny',
      'ResourceQuota ci/quota',
      'Role ci/keelson-controller',
      'RoleBinding ci/keelson-controller',
      'ConfigMap ci/keelson-ledger',
      'ConfigMap ci/keelson-pipeline',
    ]);
  });

  test('every object says which pipeline it belongs to', () => {
    for (const { kind, metadata } of output.objects) {
      expect(metadata.labels, kind).toMatchObject({
        'keelson.dev/pipeline': 'ci',
        'app.kubernetes.io/part-of': 'ci',
      });
    }
    expect(output.find('ConfigMap', 'keelson-pipeline').metadata.labels).toMatchObject({
      'keelson.dev/platform': 'shared',
    });
  });

  test('its quota has no room for a way in from outside', () => {
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toEqual({
      'count/pods': '20',
      'limits.cpu': '16',
      'limits.memory': '64Gi',
      'limits.ephemeral-storage': '200Gi',
      'services.nodeports': '0',
      'services.loadbalancers': '0',
    });
  });

  test('what the controller writes is not taken away at the next apply', () => {
    expect(output.find('ConfigMap', 'keelson-ledger')).not.toHaveProperty('data');
  });

  test('the controller may read what describes it, and write what it notes', () => {
    expect(rules(output)).toEqual([
      'configmaps[keelson-pipeline]: get,watch',
      'configmaps[keelson-ledger]: get,patch',
      'events[*]: create,patch',
    ]);
  });
});

function rules({ find }: Synthesized): string[] {
  const role = find<{ rules: PolicyRule[] }>('Role', 'keelson-controller');
  return role.rules.map(
    ({ resources, resourceNames = ['*'], verbs }) => `${resources}[${resourceNames}]: ${verbs}`,
  );
}

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
      'leases[build]: get,patch',
    ]);
  });

  test('may be added after the pipeline was looked at', () => {
    const output = synthesized((app) => {
      const ci = pipeline(app);
      expect(ci.record.configuration().builds).toEqual([]);
      build(ci, 'late');
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

describe('the Pod Security level', () => {
  const level = (make: (ci: Pipeline) => void, podSecurity?: PodSecurity): Record<string, unknown> => {
    const { metadata } = synthesized((app) => make(pipeline(app, podSecurity && { podSecurity }))).find(
      'Namespace',
      'ci',
    );
    return {
      level: metadata.labels?.[LEVEL],
      reason: metadata.annotations?.['keelson.dev/pod-security-reason'],
    };
  };

  test('is the strictest without stages', () => {
    expect(level(() => {})).toEqual({ level: 'restricted', reason: undefined });
  });

  test('is the highest that a stage needs, with the reasons of those that need it', () => {
    const both = level((ci) => {
      build(ci, 'a', PodSecurity.baseline('one'));
      build(ci, 'b');
      build(ci, 'c', PodSecurity.baseline('two'));
      build(ci, 'd', PodSecurity.baseline('one'));
    });
    expect(both).toEqual({ level: 'baseline', reason: 'one; two' });
  });

  test('may be given', () => {
    expect(level((ci) => build(ci, 'a'), PodSecurity.baseline('later'))).toEqual({
      level: 'baseline',
      reason: 'later',
    });
  });

  test('may not be given stricter than a stage can live with', () => {
    const problems = problemsOf((app) =>
      build(
        pipeline(app, { podSecurity: PodSecurity.restricted() }),
        'a',
        PodSecurity.baseline('it runs as root'),
      ),
    );
    expect(problems).toEqual([
      'ci: podSecurity: is stricter than its stages can live with: it runs as root (got "restricted"); raise it to baseline, or change the stage',
    ]);
  });

  test('is not raised by an image build, whose pods are in namespaces of commits', () => {
    expect(
      level((ci) => new MakisuBuilder(ci, 'image', { target: registry().image('a', { tag: Tag.branch() }) })),
    ).toMatchObject({ level: 'restricted' });
  });
});

describe('options', () => {
  test('of its namespace, labels and quota', () => {
    const output = synthesized((app) => {
      pipeline(app, {
        namespace: 'elsewhere',
        labels: { team: 'ci' },
        quota: { 'limits.cpu': '64', 'count/jobs.batch': '3' },
      });
    });
    expect(output.names('Namespace')).toEqual(['elsewhere']);
    expect(output.find('Namespace', 'elsewhere').metadata.labels).toMatchObject({ team: 'ci' });
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toMatchObject({
      'limits.cpu': '64',
      'count/jobs.batch': '3',
      'count/pods': '20',
    });
  });

  test('without a source, the controller watches no repository', () => {
    const output = synthesized((app) => new Pipeline(app, 'ci', { platform: existingPlatform() }));
    expect(pipelineConfiguration(output)).not.toHaveProperty('source');
  });
});

test('two pipelines live beside each other', () => {
  const { names } = synthesized((app) => {
    for (const id of ['one', 'two'])
      build(new Pipeline(app, id, { platform: existingPlatform(), source: source() }), 'build');
  });
  expect(names('Deployment')).toEqual(['one/build', 'two/build']);
});

test('two pipelines in one namespace are refused', () => {
  const problems = problemsOf((app) => {
    for (const id of ['one', 'two'])
      new Pipeline(app, id, { platform: existingPlatform(), namespace: 'same' });
  });
  expect(problems.length).toBeGreaterThan(3);
  for (const problem of problems) expect(problem).toMatch(/^two\/.* makes too /);
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
