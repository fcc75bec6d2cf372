import { ApiObject, Chart } from 'cdk8s';
import { describe, expect, test } from 'vitest';
import { problemsOf, synthesized } from '../support/synthesized.ts';

type Props = Record<string, unknown>;

/** A program with one plain object. */
function plain(kind: string, metadata: Props, rest: Props = {}, apiVersion = 'v1') {
  return (app: Parameters<Parameters<typeof synthesized>[0]>[0]): void => {
    const all: unknown = { apiVersion, kind, metadata: { name: 'x', ...metadata }, ...rest };
    new ApiObject(new Chart(app, 'chart'), 'x', all as ConstructorParameters<typeof ApiObject>[2]);
  };
}

const accepted = (build: ReturnType<typeof plain>): number => synthesized(build).objects.length;
const RBAC = 'rbac.authorization.k8s.io/v1';

describe('names', () => {
  test.each([
    ['ConfigMap', 'a'],
    ['ConfigMap', '0'],
    ['ConfigMap', 'a.b-c.d'],
    ['ConfigMap', 'x'.repeat(253)],
    ['Namespace', 'x'.repeat(63)],
    ['Service', 'a-b'],
  ])('a %s may be called %j', (kind, name) => {
    expect(accepted(plain(kind, { name }))).toBe(1);
  });

  test.each([
    ['ConfigMap', 'BAD NAME!'],
    ['ConfigMap', 'a_b'],
    ['ConfigMap', '-a'],
    ['ConfigMap', 'a.'],
    ['ConfigMap', 'a..b'],
    ['ConfigMap', 'x'.repeat(254)],
    ['ConfigMap', 'é'],
    ['ConfigMap', 'a\nb'],
    ['ConfigMap', 'ａ'],
    ['Namespace', 'a.b'],
    ['Namespace', 'x'.repeat(64)],
    ['Service', 'a.b'],
  ])('a %s may not be called %j', (kind, name) => {
    const [problem] = problemsOf(plain(kind, { name }));
    expect(problem).toContain(`chart/x: metadata.name: is not a valid name for a ${kind} (got `);
    expect(problem).toMatch(/; use .*lower-case letters/);
  });

  test.each(['system:node', 'A b', 'x'.repeat(254)])('a ClusterRole may be called %j', (name) => {
    expect(accepted(plain('ClusterRole', { name }, {}, RBAC))).toBe(1);
  });

  test.each(['.', '..', 'a/b', 'a%b', ''])('a ClusterRole may not be called %j', (name) => {
    expect(problemsOf(plain('ClusterRole', { name }, {}, RBAC))[0]).toContain('is not a valid name');
  });
});

describe('namespaces', () => {
  test('an object may be in a namespace', () => {
    expect(accepted(plain('ConfigMap', { namespace: 'ci' }))).toBe(1);
  });

  test.each(['CI', 'a.b', 'x'.repeat(64), ''])('an object may not be in the namespace %j', (namespace) => {
    expect(problemsOf(plain('ConfigMap', { namespace }))[0]).toContain(
      'metadata.namespace: is not a valid namespace',
    );
  });

  test.each(['Namespace', 'ClusterRole', 'PersistentVolume', 'RuntimeClass', 'ValidatingAdmissionPolicy'])(
    'a %s may not be in a namespace',
    (kind) => {
      const [problem] = problemsOf(plain(kind, { namespace: 'ci' }));
      expect(problem).toBe(
        `chart/x: metadata.namespace: is given to a ${kind}, which is in no namespace (got "ci"); leave it out`,
      );
    },
  );
});

describe('labels and annotations', () => {
  test.each<[Props]>([
    [{ labels: { a: '', 'example.com/b': 'x'.repeat(63), 'c_d.e-f': 'A.b_c-d' } }],
    [{ annotations: { a: 'anything at all\n\u0000', 'a.b/c': 'x'.repeat(200_000) } }],
  ])('%j are accepted', (metadata) => {
    expect(accepted(plain('ConfigMap', metadata))).toBe(1);
  });

  test.each<[string, Props, string]>([
    [
      'a value of 64 characters',
      { labels: { a: 'x'.repeat(64) } },
      'metadata.labels.a: is not a valid label value',
    ],
    ['a value with a blank', { labels: { a: 'b c' } }, 'metadata.labels.a: is not a valid label value'],
    ['a value that ends in a dash', { labels: { a: 'b-' } }, 'metadata.labels.a: is not a valid label value'],
    [
      'a value with a line break at its end',
      { labels: { a: 'b\n' } },
      'metadata.labels.a: is not a valid label value',
    ],
    ['a number', { labels: { a: 1 } }, 'metadata.labels.a: is no text (got 1); write it as a text'],
    ['a boolean', { annotations: { a: true } }, 'metadata.annotations.a: is no text (got true)'],
    ['a key with a blank', { labels: { 'a b': 'c' } }, 'metadata.labels: is not a valid key (got "a b")'],
    ['an empty key', { annotations: { '': 'c' } }, 'metadata.annotations: is not a valid key (got "")'],
    ['a key with two slashes', { annotations: { 'a/b/c': 'd' } }, 'metadata.annotations: is not a valid key'],
    ['a prefix in upper case', { labels: { 'A.com/b': 'c' } }, 'metadata.labels: is not a valid key'],
    ['a key of 64 characters', { labels: { ['k'.repeat(64)]: 'c' } }, 'metadata.labels: is not a valid key'],
    ['too much text', { annotations: { a: 'x'.repeat(256 * 1024) } }, 'is more than the 262144 bytes'],
    ['too many bytes', { annotations: { a: '名'.repeat(100 * 1024) } }, 'is more than the 262144 bytes'],
  ])('%s is refused', (_name, metadata, problem) => {
    const problems = problemsOf(plain('ConfigMap', metadata));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`chart/x: `);
    expect(problems[0]).toContain(problem);
  });
});

describe('a ConfigMap', () => {
  test.each([
    ['just below 1 MiB', { a: 'x'.repeat(1024 * 1024 - 1) }],
    ['with a URL and an address', { a: '{"url":"https://example.com","mail":"me@example.com"}' }],
    ['with a list of brokers', { a: 'kafka://one.example.com:9092,two.example.com:9092' }],
    ['with a public key', { a: '-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n' }],
  ])('%s is accepted', (_name, data) => {
    expect(accepted(plain('ConfigMap', {}, { data }))).toBe(1);
  });

  test.each([
    ['letters', 'x'.repeat(1024 * 1024)],
    ['characters of three bytes', '名'.repeat(400_000)],
  ])('of more than 1 MiB of %s is refused', (_name, a) => {
    expect(problemsOf(plain('ConfigMap', {}, { data: { a } }))[0]).toMatch(
      /^chart\/x: data: is more than the 1 MiB that Kubernetes stores \(got "\d+ bytes"\); divide it$/,
    );
  });

  test.each([
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nCANARY\n'],
    ['a GitHub token', `token: ghp_${'CANARY'.repeat(6)}`],
    ['a password in a URL', 'amqp://user:CANARY@broker:5672'],
  ])('with %s in it is refused, and the value is not shown', (_name, value) => {
    const problems = problemsOf(plain('ConfigMap', {}, { data: { settings: value } }));
    expect(problems).toEqual([
      'chart/x: data.settings: holds a secret in plain text (got a hidden value); put it into a Secret, by a SecretSource',
    ]);
  });
});

describe('duplicates', () => {
  const two = (one: Props, other: Props) => (app: Parameters<ReturnType<typeof plain>>[0]) => {
    for (const [index, props] of [one, other].entries()) {
      const { apiVersion = 'v1', kind = 'ConfigMap', namespace } = props;
      const all: unknown = { apiVersion, kind, metadata: { name: 'x', namespace } };
      new ApiObject(new Chart(app, `chart${index}`), 'x', all as ConstructorParameters<typeof ApiObject>[2]);
    }
  };

  test('two objects of one kind, namespace and name are refused, in two charts too', () => {
    expect(problemsOf(two({ namespace: 'a' }, { namespace: 'a' }))).toEqual([
      'chart1/x: metadata.name: is the name of the ConfigMap that chart0/x makes too (got "x"); give one of them another name or namespace',
    ]);
  });

  test('two versions of one API are one object', () => {
    const [one, other] = ['autoscaling/v1', 'autoscaling/v2'].map((apiVersion) => ({
      apiVersion,
      kind: 'A',
    }));
    expect(problemsOf(two(one as Props, other as Props))).toHaveLength(1);
  });

  test.each<[string, Props, Props]>([
    ['namespaces', { namespace: 'a' }, { namespace: 'b' }],
    ['kinds', { kind: 'ConfigMap' }, { kind: 'Secret' }],
    ['API groups', { apiVersion: 'a.io/v1' }, { apiVersion: 'b.io/v1' }],
  ])('two objects of different %s may share a name', (_name, one, other) => {
    expect(synthesized(two(one, other)).objects).toHaveLength(2);
  });
});

test.each<[string, unknown]>([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['a bigint', 1n],
  ['a function', () => {}],
  ['a Date', new Date(0)],
  ['a Map', new Map()],
  ['half a surrogate pair', '\ud800'],
])('%s in a plain object is refused with the path of its construct', (_name, value) => {
  const [problem, ...others] = problemsOf(plain('ConfigMap', {}, { spec: { deep: [{ value }] } }));
  expect(others).toEqual([]);
  expect(problem).toMatch(/^chart\/x: /);
});
