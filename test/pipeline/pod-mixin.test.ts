// A change of pods reaches every pod: those of workloads, of cdk8s-plus, and of Jobs that the controller makes.
import { ApiObject, App, Chart, Testing } from 'cdk8s';
import { Deployment } from 'cdk8s-plus-27';
import { KeelsonApp, PodMixin, type PodTemplate } from 'keelson';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { validateObject } from '../kubernetes/validator.ts';
import { commitOn } from '../support/commits.ts';
import { templated } from '../support/image-build.ts';
import { listeners } from '../support/listeners.ts';
import { podsOf } from '../support/pods.ts';
import { foreignChart, imageBuild, pipeline } from '../support/programs.ts';
import { type Manifest, problemsOf, synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

const onPool = (pod: PodTemplate): PodTemplate => ({
  ...pod,
  metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, 'example.com/a': 'b' } },
  spec: { ...pod.spec, nodeSelector: { ...pod.spec.nodeSelector, pool: 'ci' }, priorityClassName: 'ci' },
});
const withTemplates = (objects: readonly Manifest[]): Manifest[] => [
  ...objects,
  ...templated(objects, commitOn('main')).flat(),
  ...listeners(objects),
];

describe.each([...variants])('in %s', (_name, synthesize) => {
  afterEach(() => vi.restoreAllMocks());

  test('it changes every pod, nothing else, and what comes out is still valid', () => {
    const before = withTemplates(synthesize().objects);
    const synth = KeelsonApp.prototype.synth;
    vi.spyOn(KeelsonApp.prototype, 'synth').mockImplementation(function (this: KeelsonApp) {
      this.with(new PodMixin(onPool));
      return synth.call(this);
    });
    const after = withTemplates(synthesize().objects);
    const pods = podsOf(after);
    expect(pods.length).toBe(podsOf(before).length);
    for (const { of, spec } of pods) {
      expect(spec.nodeSelector, of).toMatchObject({ pool: 'ci' });
      expect(spec.priorityClassName, of).toBe('ci');
    }
    for (const object of after) {
      expect(validateObject(object, '1.34'), `${object.kind} ${object.metadata.name}`).toEqual([]);
    }
    expect(after.map(undone)).toEqual(before.map(undone));
  });
});

/** An object without what the mixin adds, and without the configuration that holds templates as text. */
function undone(object: Manifest): unknown {
  if (object.metadata.name === 'keelson-pipeline') return object.metadata;
  // It has the hash of its template.
  if (object.kind === 'Namespace' && object.metadata.name.startsWith('listener-'))
    return object.metadata.labels;
  return JSON.parse(
    JSON.stringify(object, (key, value) => {
      if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
      const { 'example.com/a': _a, pool: _b, priorityClassName: _c, ...rest } = value;
      const added = key === 'annotations' || key === 'nodeSelector';
      return added && Object.keys(rest).length === 0 ? undefined : rest;
    }),
  );
}

describe('pods of other makers', () => {
  const spec: PodSpec = { containers: [{ name: 'a', image: 'b' }] };
  const kinds: readonly [string, string, object][] = [
    ['v1', 'Pod', spec],
    ['apps/v1', 'StatefulSet', { template: { spec } }],
    ['apps/v1', 'DaemonSet', { template: { metadata: { labels: { a: 'b' } }, spec } }],
    ['batch/v1', 'CronJob', { jobTemplate: { spec: { template: { spec } } } }],
  ];

  test.each(kinds)('a %s %s', (apiVersion, kind, body) => {
    const app = new App();
    const object = new ApiObject(new Chart(app, 'chart'), 'x', { apiVersion, kind, spec: body });
    app.with(new PodMixin(onPool));
    const text = JSON.stringify(object.toJson());
    expect(text).toContain('"nodeSelector":{"pool":"ci"}');
    expect(text.match(/pool/g)).toHaveLength(1);
  });

  test('a Deployment of cdk8s-plus, under a plain App', () => {
    const app = Testing.app();
    const chart = new Chart(app, 'chart');
    new Deployment(chart, 'x', { containers: [{ image: 'b', portNumber: 80 }] });
    chart.with(new PodMixin(onPool));
    const [deployment] = Testing.synth(chart);
    expect(deployment.spec.template.spec.nodeSelector).toEqual({ pool: 'ci' });
  });

  test('what only looks like a pod is left alone', () => {
    const app = new App();
    const chart = new Chart(app, 'chart');
    const made = [
      new ApiObject(chart, 'a', { apiVersion: 'example.com/v1', kind: 'Job', spec: { template: { spec } } }),
      new ApiObject(chart, 'b', { apiVersion: 'batch/v1', kind: 'Job', spec: {} }),
      new ApiObject(chart, 'c', { apiVersion: 'apps/v1', kind: 'Deployment', spec: null }),
    ];
    const before = made.map((object) => object.toJson());
    app.with(new PodMixin(onPool));
    expect(made.map((object) => object.toJson())).toEqual(before);
  });
});

test('it reaches as far as the construct that it is applied to', () => {
  const output = synthesized((app) => {
    const chart = foreignChart(app, 'other');
    const object = (id: string): ApiObject =>
      new ApiObject(chart, id, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: id },
        spec: { containers: [{ name: 'a', image: 'b' }] },
      });
    object('a').with(new PodMixin(onPool));
    object('b');
    const image = imageBuild(app);
    image.with(new PodMixin(onPool));
  });
  const spec = (name: string): unknown => output.find<{ spec: PodSpec }>('Pod', name).spec.nodeSelector;
  expect([spec('a'), spec('b')]).toEqual([{ pool: 'ci' }, undefined]);
  expect(
    podsOf(templated(output.objects, commitOn('main')).flat()).map(({ spec }) => spec.nodeSelector),
  ).toEqual([{ pool: 'ci' }]);
});

test('several come one after the other, and patches before them', () => {
  const output = synthesized((app) => {
    const image = imageBuild(app);
    const add = (value: string): PodMixin =>
      new PodMixin((pod) => ({
        ...pod,
        spec: { ...pod.spec, hostname: `${pod.spec.hostname ?? ''}${value}` },
      }));
    image.with(add('a'), add('b'));
  });
  const [pod] = podsOf(templated(output.objects, commitOn('main')).flat());
  expect(pod?.spec.hostname).toBe('ab');
});

test('a mixin that throws is a problem of what it was applied to', () => {
  const no = new PodMixin(() => {
    throw new Error('no such pool');
  });
  expect(problemsOf((app) => imageBuild(app).with(no))).toEqual(['ci/image: jobTemplate.Job: no such pool']);
  expect(
    problemsOf((app) => {
      const chart = foreignChart(app, 'other');
      pipeline(app);
      new ApiObject(chart, 'a', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: {} });
      chart.with(no);
    }),
  ).toEqual(['foreign/a: no such pool']);
});
