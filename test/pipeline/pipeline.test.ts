import { KeelWatchedBuild, MakisuBuilder, Pipeline, PodSecurity, Tag } from 'keelson';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import {
  existingPlatform,
  image,
  pipeline,
  pipelineConfiguration,
  registry,
  source,
} from '../support/programs.ts';
import { problemsOf, synthesized } from '../support/synthesized.ts';

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

  test('its quota has no room for a way in from outside, nor for a GPU', () => {
    expect(at(output.find('ResourceQuota', 'quota'), 'spec.hard')).toEqual({
      'count/pods': '20',
      'limits.cpu': '16',
      'limits.memory': '64Gi',
      'limits.ephemeral-storage': '200Gi',
      'services.nodeports': '0',
      'services.loadbalancers': '0',
      'requests.nvidia.com/gpu': '0',
      'requests.nvidia.com/gpu.shared': '0',
    });
  });

  test('what the controller writes is not taken away at the next apply', () => {
    expect(output.find('ConfigMap', 'keelson-ledger')).not.toHaveProperty('data');
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
