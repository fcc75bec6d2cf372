// Objects are written without being rendered by cdk8s first, which takes most of a synthesis' time. What is written
// has to be what cdk8s would have rendered, whatever it was made of.
import { ApiObject, Chart, type IResolver, JsonPatch, Lazy, type ResolutionContext } from 'cdk8s';
import { k8s } from 'cdk8s-plus-27';
import { describe, expect, test } from 'vitest';
import { optionsFromEnvironment } from '../../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../../apps/studio-go-runner/pipeline.ts';
import { at } from '../support/at.ts';
import { kplusWorkloads } from '../support/kplus.ts';
import { renderedBoth } from '../support/rendered.ts';
import { problemsOf, synthesized } from '../support/synthesized.ts';

type Props = Record<string, unknown>;

/** A ConfigMap named `x`, for which the compiler asks no questions. */
function object(chart: Chart, props: Props = {}, metadata: Props = {}): ApiObject {
  const all: unknown = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...props,
    metadata: { name: 'x', ...metadata },
  };
  return new ApiObject(chart, 'x', all as ConstructorParameters<typeof ApiObject>[2]);
}

const lazy = (value: unknown): Lazy => Lazy.any({ produce: () => value }) as Lazy;
/** What cdk8s calls an implicit token: anything that can resolve itself. */
const token = (value: unknown): object => ({ resolve: () => value });

/** The object that `make` adds to a chart, as it was written, after a comparison with cdk8s. */
function same(make: (chart: Chart) => unknown, resolvers: IResolver[] = []): unknown {
  const [only, ...others] = renderedBoth((app) => make(new Chart(app, 'chart')), { resolvers });
  expect(others).toEqual([]);
  expect(only?.written).toBeDefined();
  expect(only?.written).toEqual(only?.rendered);
  return only?.written;
}

test('every object of the reference pipeline is written as cdk8s renders it', () => {
  const both = renderedBoth((app) =>
    studioGoRunner(app, optionsFromEnvironment({ NVIDIA_VISIBLE_DEVICES: 'all' })),
  );
  expect(both.length).toBeGreaterThanOrEqual(40);
  for (const { path, written, rendered } of both) expect(written, path).toEqual(rendered);
});

test('objects of cdk8s-plus are written as cdk8s renders them', () => {
  const both = renderedBoth((app) => kplusWorkloads(new Chart(app, 'chart', { labels: { team: 'ci' } })));
  expect(both.length).toBeGreaterThanOrEqual(12);
  for (const { path, written, rendered } of both) expect(written, path).toEqual(rendered);
});

describe('the body', () => {
  test.each<[string, unknown, unknown]>([
    ['a lazy value', lazy('a'), 'a'],
    ['a lazy value in a lazy value', lazy(lazy([lazy(1)])), [1]],
    ['a lazy value that is undefined', lazy(undefined), undefined],
    ['a lazy value that is null', lazy(null), undefined],
    ['a lazy value with a null in it', lazy({ a: null, b: 1 }), { b: 1 }],
    ['a token', token('a'), 'a'],
    ['a token within a list', [token(1), token({ a: 2 })], [1, { a: 2 }]],
    ['a number or text', k8s.IntOrString.fromNumber(80), { value: 80 }],
    ['null', null, undefined],
    ['an empty map', {}, {}],
    ['an empty list', [], []],
    ['a map of nulls', { a: null }, {}],
    ['false, zero and an empty text', [false, 0, ''], [false, 0, '']],
  ])('may hold %s', (_name, given, expected) => {
    expect(
      at(
        same((chart) => object(chart, { field: given })),
        'field',
      ),
    ).toEqual(expected);
    expect(
      at(
        same((chart) => object(chart, { deep: { field: given } })),
        'deep.field',
      ),
    ).toEqual(expected);
  });

  test.each<[string, unknown]>([
    ['null', null],
    ['a lazy null', lazy(null)],
  ])('a list with %s in it is refused or written alike, with and without a transform', (_name, item) => {
    const outcome = (transform: boolean): string => {
      try {
        const props = transform ? { transform: <T>(given: T): T => given } : {};
        return JSON.stringify(
          synthesized((app) => object(new Chart(app, 'chart'), { list: [1, item] }), props).objects,
        );
      } catch (error) {
        return String(error);
      }
    };
    expect(outcome(true)).toBe(outcome(false));
  });

  test('keys are sorted after apiVersion, kind and metadata', () => {
    const { files } = synthesized((app) =>
      object(new Chart(app, 'chart'), { z: 1, a: { c: 1, b: 2 }, kind: 'X' }),
    );
    expect(files.get('chart/80-x-x.yaml')).toBe(
      'apiVersion: v1\nkind: X\nmetadata:\n  name: x\na:\n  b: 2\n  c: 1\nz: 1\n',
    );
  });

  test('an object with a toJson of its own is written as that says', () => {
    class Own extends ApiObject {
      override toJson(): unknown {
        return { ...super.toJson(), own: true };
      }
    }
    const metadata = { name: 'x' };
    expect(
      same((chart) => new Own(chart, 'x', { apiVersion: 'v1', kind: 'ConfigMap', metadata })),
    ).toHaveProperty('own', true);
  });

  test('a Service of the generated classes has its ports as numbers and texts', () => {
    const ports = [k8s.IntOrString.fromNumber(80), k8s.IntOrString.fromString('web')];
    const spec = { ports: ports.map((targetPort, index) => ({ port: 80 + index, targetPort })) };
    const written = same((chart) => new k8s.KubeService(chart, 'x', { spec }));
    expect(at(written, 'spec.ports.0.targetPort')).toBe(80);
    expect(at(written, 'spec.ports.1.targetPort')).toBe('web');
  });

  test('JSON patches are applied', () => {
    const written = same((chart) =>
      object(chart, { a: { b: 1 } }).addJsonPatch(
        JsonPatch.replace('/a/b', 2),
        JsonPatch.remove('/metadata/labels'),
        JsonPatch.add('/c', []),
      ),
    );
    expect(written).toMatchObject({ a: { b: 2 }, c: [] });
  });
});

describe('metadata', () => {
  test.each<[string, (made: ApiObject) => void]>([
    ['an added label', (made) => made.metadata.addLabel('a', 'b')],
    ['a label that replaces one of the chart', (made) => made.metadata.addLabel('team', 'other')],
    ['an added annotation', (made) => made.metadata.addAnnotation('a', 'b')],
    ['finalizers', (made) => made.metadata.addFinalizers('a.example.com/b', 'c.example.com/d')],
    [
      'an owner',
      (made) =>
        made.metadata.addOwnerReference({
          apiVersion: 'v1',
          kind: 'Pod',
          name: 'a',
          uid: 'b',
          controller: true,
        }),
    ],
    ['another field', (made) => made.metadata.add('generateName', 'x-')],
    ['a lazy other field', (made) => made.metadata.add('generateName', lazy('x-'))],
    ['an empty other field', (made) => made.metadata.add('managedFields', [])],
    ['a lazy label', (made) => made.metadata.addLabel('a', lazy('b') as unknown as string)],
    [
      'a lazy label in a lazy label',
      (made) => made.metadata.addLabel('a', lazy(lazy('b')) as unknown as string),
    ],
    [
      'a lazy label that is undefined',
      (made) => made.metadata.addLabel('a', lazy(undefined) as unknown as string),
    ],
    ['a label that is a token', (made) => made.metadata.addLabel('a', token('b') as unknown as string)],
    [
      'an annotation that is a token',
      (made) => made.metadata.addAnnotation('a', token('b') as unknown as string),
    ],
  ])('may have %s', (_name, change) => {
    const both = renderedBoth((app) => change(object(new Chart(app, 'chart', { labels: { team: 'ci' } }))));
    expect(both).toHaveLength(1);
    expect(both[0]?.written).toEqual(both[0]?.rendered);
  });

  test.each<[string, Props]>([
    ['a lazy name', { name: lazy('lazy') }],
    ['a name that is a token', { name: token('lazy') }],
    ['a lazy namespace', { namespace: lazy('ci') }],
    ['empty maps and lists', { labels: {}, annotations: {}, finalizers: [], ownerReferences: [] }],
    ['nulls', { creationTimestamp: null, namespace: undefined }],
  ])('may be given with %s', (_name, metadata) => {
    expect(
      at(
        same((chart) => object(chart, {}, metadata)),
        'metadata.creationTimestamp',
      ),
    ).toBeUndefined();
  });

  test('the namespace and labels of the chart are those of the object', () => {
    const both = renderedBoth((app) =>
      object(new Chart(app, 'chart', { namespace: 'ci', labels: { a: 'b' } })),
    );
    expect(at(both[0]?.written, 'metadata')).toEqual({ name: 'x', namespace: 'ci', labels: { a: 'b' } });
    expect(both[0]?.written).toEqual(both[0]?.rendered);
  });
});

test('resolvers of the app are asked about body and metadata', () => {
  const shout: IResolver = {
    resolve(context: ResolutionContext): void {
      if (context.value === 'quiet') context.replaceValue('LOUD');
    },
  };
  const written = same(
    (chart) => object(chart, { data: { a: 'quiet' } }, { annotations: { a: 'quiet' } }),
    [shout],
  );
  expect(written).toMatchObject({ data: { a: 'LOUD' }, metadata: { annotations: { a: 'LOUD' } } });
});

test('what cdk8s refuses to render is refused with the path of the construct', () => {
  const [problem] = problemsOf((app) => object(new Chart(app, 'chart'), { data: { since: new Date(0) } }));
  expect(problem).toMatch(/^chart\/x: .*Date/);
});
