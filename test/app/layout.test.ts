import { ApiObject, Chart, YamlOutputType } from 'cdk8s';
import type { KeelsonAppProps } from 'keelson';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

function twoCharts(props: KeelsonAppProps = {}): Synthesized {
  return synthesized((app) => {
    const one = new Chart(app, 'one');
    for (const kind of ['Secret', 'Namespace', 'ConfigMap']) {
      new ApiObject(one, kind, { apiVersion: 'v1', kind, metadata: { name: 'a' } });
    }
    new ApiObject(new Chart(app, 'Two!'), 'x', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'b' },
    });
  }, props);
}

describe('a folder for each chart', () => {
  test('each object has a file of its own', () => {
    const { files } = twoCharts();
    expect([...files.keys()]).toEqual([
      '.keelson-files',
      'graph.mmd',
      'kustomization.yaml',
      'one/00-namespace-a.yaml',
      'one/40-secret-a.yaml',
      'one/45-configmap-a.yaml',
      'one/kustomization.yaml',
      'two-6593dc3e/45-configmap-b.yaml',
      'two-6593dc3e/kustomization.yaml',
    ]);
  });

  test('the kustomization of a chart lists its objects in the order of applying them, and keeps it', () => {
    expect(parse(twoCharts().files.get('one/kustomization.yaml') ?? '')).toEqual({
      apiVersion: 'kustomize.config.k8s.io/v1beta1',
      kind: 'Kustomization',
      sortOptions: { order: 'fifo' },
      resources: ['00-namespace-a.yaml', '40-secret-a.yaml', '45-configmap-a.yaml'],
    });
  });

  test('the kustomization of the app lists the charts', () => {
    const { files, result } = twoCharts();
    expect(parse(files.get('kustomization.yaml') ?? '')).toMatchObject({
      resources: ['one', 'two-6593dc3e'],
    });
    expect(result.charts.map(({ name, path }) => [name, path])).toEqual([
      ['one', 'one'],
      ['Two!', 'two-6593dc3e'],
    ]);
  });

  test('a file holds one document and ends in one line break', () => {
    for (const [path, text] of twoCharts().files) {
      if (!path.endsWith('.yaml')) continue;
      expect(parseAllDocuments(text), path).toHaveLength(1);
      expect(text, path).toMatch(/[^\n]\n$/);
    }
  });
});

describe('a file for each chart', () => {
  const props = { yamlOutputType: YamlOutputType.FILE_PER_CHART } as const;

  test('it has all objects of the chart, in the order of applying them', () => {
    const { files } = twoCharts(props);
    expect([...files.keys()]).toEqual([
      '.keelson-files',
      'graph.mmd',
      'kustomization.yaml',
      'one.k8s.yaml',
      'two-6593dc3e.k8s.yaml',
    ]);
    const kinds = parseAllDocuments(files.get('one.k8s.yaml') ?? '').map((document) => document.toJS().kind);
    expect(kinds).toEqual(['Namespace', 'Secret', 'ConfigMap']);
    expect(parse(files.get('kustomization.yaml') ?? '').resources).toEqual([
      'one.k8s.yaml',
      'two-6593dc3e.k8s.yaml',
    ]);
  });

  test('the objects are those of the other layout', () => {
    expect(twoCharts(props).objects).toEqual(twoCharts().objects);
  });

  test('the extension can be chosen', () => {
    expect(twoCharts({ ...props, outputFileExtension: '.yaml' }).result.charts[0]?.path).toBe('one.yaml');
  });
});

test.each([YamlOutputType.FILE_PER_APP, YamlOutputType.FILE_PER_RESOURCE])(
  'layout %j is refused',
  (yamlOutputType) => {
    expect(problemsOf(() => {}, { yamlOutputType } as unknown as KeelsonAppProps)).toEqual([
      `app: yamlOutputType: is not supported (got ${yamlOutputType}); use FOLDER_PER_CHART_FILE_PER_RESOURCE or FILE_PER_CHART`,
    ]);
  },
);

test('an app without charts writes an empty kustomization and nothing else', () => {
  const { files } = synthesized(() => {});
  expect([...files.keys()]).toEqual(['.keelson-files', 'graph.mmd', 'kustomization.yaml']);
  expect(files.get('kustomization.yaml')).toContain('resources: []');
});
