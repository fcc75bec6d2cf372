// Our constructs in charts and apps that are not ours, and constructs of others in our app.
import { join } from 'node:path';
import { ApiObject, App, Chart, YamlOutputType } from 'cdk8s';
import { Pipeline } from 'keelson';
import { describe, expect, test } from 'vitest';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import { validateObject } from '../kubernetes/validator.ts';
import { kplusWorkloads } from '../support/kplus.ts';
import { existingPlatform, reference } from '../support/programs.ts';
import {
  inTemporaryDirectory,
  type Manifest,
  objectsIn,
  readFiles,
  synthesized,
} from '../support/synthesized.ts';

const byIdentity = (objects: readonly Manifest[]): Map<string, Manifest> =>
  new Map(
    objects.map((object) => {
      const { kind, metadata } = object;
      return [`${kind} ${metadata.namespace}/${metadata.name}`, object];
    }),
  );

describe('a chart inside a chart', () => {
  const { result, files } = synthesized((app) => {
    const outer = new Chart(app, 'outer');
    const inner = new Chart(outer, 'inner');
    new ApiObject(outer, 'a', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
    new ApiObject(inner, 'b', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } });
  });

  test('has files of its own', () => {
    const objects = result.charts.map(({ name, objects }) => [name, objects.map((one) => one.name)]);
    expect(Object.fromEntries(objects)).toEqual({ outer: ['a'], 'outer/inner': ['b'] });
    expect([...files.keys()].filter((path) => path.includes('configmap'))).toHaveLength(2);
  });
});

test('a chart of cdk8s-plus beside a pipeline is written, valid, with the names that cdk8s gives', () => {
  const { objects } = synthesized((app) => {
    new Pipeline(app, 'ci', { platform: existingPlatform() });
    kplusWorkloads(new Chart(app, 'web', { namespace: 'web' }));
  });
  const theirs = objects.filter(({ metadata }) => metadata.namespace === 'web');
  expect(theirs.length).toBeGreaterThanOrEqual(12);
  expect(theirs.map(({ metadata }) => metadata.name)).toContainEqual(
    expect.stringMatching(/^web-limits-c[0-9a-f]{7}$/),
  );
  for (const object of theirs) expect(validateObject(object, '1.34'), object.kind).toEqual([]);
});

test('an object that can be in no namespace may be in a chart that has one, which cdk8s gives to all its objects', () => {
  const { objects } = synthesized((app) => {
    const chart = new Chart(app, 'chart', { namespace: 'ci' });
    new ApiObject(chart, 'x', { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'x' } });
  });
  expect(objects).toMatchObject([{ kind: 'PersistentVolume' }]);
  expect(objects[0]?.metadata).toEqual({ name: 'x' });
});

describe('the reference pipeline in a plain cdk8s App', () => {
  const plain = (yamlOutputType: YamlOutputType): Manifest[] =>
    inTemporaryDirectory((directory) => {
      const app = new App({ outdir: join(directory, 'out'), yamlOutputType });
      studioGoRunner(app, optionsFromEnvironment({}));
      app.synth();
      return objectsIn(readFiles(join(directory, 'out')));
    });

  test('makes the same objects', () => {
    const ours = byIdentity(reference().objects);
    const theirs = byIdentity(plain(YamlOutputType.FILE_PER_CHART));
    expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
    for (const [identity, object] of theirs) expect(object, identity).toEqual(ours.get(identity));
  });

  test('makes valid objects', () => {
    for (const object of plain(YamlOutputType.FILE_PER_APP)) {
      expect(validateObject(object, '1.34'), `${object.kind} ${object.metadata.name}`).toEqual([]);
    }
  });
});

describe('what is wrong with a program', () => {
  const wrong = (app: App): Pipeline =>
    new Pipeline(app, 'ci', { platform: existingPlatform(), namespace: 'kube-system' });
  const problem =
    'namespace: is a namespace of Kubernetes itself (got "kube-system"); use a namespace of its own for each pipeline';

  test('is said by a plain cdk8s App too', () => {
    inTemporaryDirectory((directory) => {
      const app = new App({ outdir: directory });
      wrong(app);
      expect(() => app.synth()).toThrow(`[ci/namespace] ${problem}`);
    });
  });

  test('is said when a plain cdk8s App gives its manifests as text', () => {
    const app = new App();
    wrong(app);
    expect(() => app.synthYaml()).toThrow(`[ci/namespace] ${problem}`);
  });
});
