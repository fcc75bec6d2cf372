import { ApiObject, Chart } from 'cdk8s';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileNames } from '../../lib/app/file-names.ts';
import { synthesized } from '../support/synthesized.ts';

type Named = Parameters<typeof fileNames>[0][number];

const object = (name: string, namespace?: string, kind = 'ConfigMap', wave = 45): Named => ({
  apiVersion: 'v1',
  name,
  namespace,
  kind,
  wave,
});

test('a file is named after the wave, kind and name of its object', () => {
  expect(fileNames([object('settings', 'ci')])).toEqual(['45-configmap-settings.yaml']);
});

test('objects of the same kind and name are told apart by their namespace', () => {
  expect(fileNames([object('a', 'one'), object('a', 'two'), object('a')])).toEqual([
    '45-configmap-a-in-one.yaml',
    '45-configmap-a-in-two.yaml',
    '45-configmap-a-in-cluster.yaml',
  ]);
});

test('the wave is as wide as the widest, so that the order of names is the order of applying', () => {
  const names = fileNames([
    object('a', 'ci', 'A', 5),
    object('b', 'ci', 'B', 70),
    object('c', 'ci', 'C', 2044),
  ]);
  expect(names).toEqual(['0005-a-a.yaml', '0070-b-b.yaml', '2044-c-c.yaml']);
  expect([...names].sort()).toEqual(names);
});

test.each(['system:node', 'a/b', 'A', 'ä', 'a b', '..%', 'a\nb'])(
  'the name %j makes a safe file name',
  (name) => {
    const [file = ''] = fileNames([object(name, 'ci', 'ClusterRole', 30)]);
    expect(file).toMatch(/^30-clusterrole-[a-z0-9._-]+-[0-9a-f]{8}\.yaml$/);
  },
);

test('names that a case-insensitive file system takes for one get different files', () => {
  const names = fileNames(['Admin', 'admin', 'ADMIN'].map((name) => object(name, undefined, 'ClusterRole')));
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(3);
});

test('a name of 253 characters, in two namespaces of 63, makes file names that every file system takes', () => {
  const names = fileNames(['a', 'b'].map((letter) => object('x'.repeat(253), letter.repeat(63))));
  expect(new Set(names).size).toBe(2);
  for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
});

test('long names that differ in their last character only get different files', () => {
  expect(new Set(fileNames(['a', 'b'].map((end) => object(`${'x'.repeat(252)}${end}`)))).size).toBe(2);
});

test('no object is called as the file of another object that is told apart by its namespace', () => {
  const names = fileNames([object('a', 'b'), object('a', 'c'), object('a-in-b', 'c')]);
  expect(new Set(names).size).toBe(3);
});

test('objects with other names or namespaces never share a file', () => {
  const name = fc.stringMatching(/^[ab]([ab-]{0,6}[ab])?$|^[ab]-in-[ab]$/);
  const all = fc.uniqueArray(fc.record({ name, namespace: fc.constantFrom('a', 'b', 'a-in-b') }), {
    selector: ({ name, namespace }) => `${name} ${namespace}`,
    maxLength: 12,
  });
  fc.assert(
    fc.property(all, (objects) => {
      const names = fileNames(objects.map(({ name, namespace }) => object(name, namespace)));
      expect(new Set(names).size).toBe(objects.length);
    }),
  );
});

test('objects of two API groups that share kind, name and namespace are both written', () => {
  const { objects } = synthesized((app) => {
    const chart = new Chart(app, 'chart');
    for (const apiVersion of ['v1', 'serving.knative.dev/v1']) {
      new ApiObject(chart, apiVersion, {
        apiVersion,
        kind: 'Service',
        metadata: { name: 'web', namespace: 'ci' },
      });
    }
  });
  expect(objects.map(({ apiVersion }) => apiVersion).sort()).toEqual(['serving.knative.dev/v1', 'v1']);
});

test('the longest names that Kubernetes takes are written', () => {
  const { objects } = synthesized((app) => {
    const chart = new Chart(app, 'chart');
    for (const letter of ['a', 'b']) {
      const metadata = { name: 'x'.repeat(253), namespace: letter.repeat(63) };
      new ApiObject(chart, letter, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    }
  });
  expect(objects).toHaveLength(2);
});
