import { ApiObject, App, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { PodField, SecretSource } from 'keelson';
import { describe, expect, test } from 'vitest';
import { environment } from '../../lib/kubernetes/environment.ts';
import { formatProblem, formatValue, hidden, redact } from '../../lib/kubernetes/problem.ts';
import { literalSecretProblem, looksSecret } from '../../lib/kubernetes/secret-scan.ts';

const chart = (): Chart => new Chart(new App(), 'chart');
const objects = (scope: Construct): unknown[] =>
  scope.node
    .findAll()
    .filter(ApiObject.isApiObject)
    .map((object) => object.toJson());
const problems = (scope: Construct): string[] =>
  scope.node.findAll().flatMap((construct) => construct.node.validate());

describe('a secret that exists', () => {
  test('is referred to by name and key, and nothing is made', () => {
    const scope = chart();
    expect(SecretSource.existing('account', 'password').bind(scope, 'id', 'password')).toEqual({
      secretName: 'account',
      key: 'password',
      optional: false,
    });
    expect(SecretSource.existing('a', 'b', { optional: true }).bind(scope, 'id', 'p').optional).toBe(true);
    expect([objects(scope), problems(scope)]).toEqual([[], []]);
  });
});

describe('a secret that is generated', () => {
  test('is synthesized with a recipe and no value', () => {
    const scope = chart();
    expect(SecretSource.generated().bind(scope, 'key', 'p')).toEqual({
      secretName: 'key',
      key: 'value',
      optional: false,
    });
    expect(objects(scope)).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: {
          name: 'key',
          annotations: { 'keelson.dev/generate': '{"value":{"password":{"length":32}}}' },
        },
        type: 'Opaque',
      },
    ]);
  });
});

describe('a secret in plain text', () => {
  test('is a Secret that says why it may be one', () => {
    const scope = chart();
    expect(
      SecretSource.literal('guest', { allowPlaintext: 'test only' }).bind(scope, 'user', 'p').secretName,
    ).toBe('user');
    expect(objects(scope)).toMatchObject([
      {
        metadata: { annotations: { 'keelson.dev/plaintext-reason': 'test only' } },
        stringData: { value: 'guest' },
      },
    ]);
  });

  test.each([undefined, {}, { allowPlaintext: '' }])(
    'is refused with the reason %j, and never shown',
    (options) => {
      const scope = chart();
      const literal = SecretSource.literal('CANARY', options as never);
      literal.bind(scope, 'user', 'credentials.user');
      expect(problems(scope)).toEqual([
        'credentials.user: would stand in plain text in the manifest (got a hidden value); use SecretSource.existing or SecretSource.generated, or give the reason as allowPlaintext',
      ]);
      expect(objects(scope)).toEqual([]);
      expect(JSON.stringify(literal) + String(literal) + formatValue(literal)).not.toContain('CANARY');
    },
  );
});

describe('environment variables', () => {
  test('texts, secrets and fields of the pod keep their order', () => {
    const scope = chart();
    const variables = environment(
      scope,
      'env',
      {
        B: 'text',
        A: SecretSource.existing('s', 'k', { optional: true }),
        C: PodField.NODE_NAME,
        D: '$(B)',
      },
      'ci',
    );
    expect(variables).toEqual([
      { name: 'B', value: 'text' },
      { name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k', optional: true } } },
      { name: 'C', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
      { name: 'D', value: '$(B)' },
    ]);
    expect(problems(scope)).toEqual([]);
  });

  test('the fields of a pod are those that Kubernetes knows', () => {
    const { NAME, NAMESPACE, UID, NODE_NAME } = PodField;
    expect([NAME, NAMESPACE, UID, NODE_NAME].map(({ fieldPath }) => fieldPath)).toEqual([
      'metadata.name',
      'metadata.namespace',
      'metadata.uid',
      'spec.nodeName',
    ]);
  });
});

describe('what is recognized as a secret', () => {
  test.each([
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nabc',
    `ghp_${'a'.repeat(36)}`,
    `ghs_${'a'.repeat(36)}`,
    `github_pat_${'a'.repeat(22)}`,
    `glpat-${'a'.repeat(20)}`,
    'AKIAIOSFODNN7EXAMPLE',
    `xoxb-${'1'.repeat(12)}`,
    'postgres://user:secret@host/db',
    'https://:secret@host/',
  ])('%j is', (text) => expect(looksSecret(text)).toBe(true));

  test.each([
    '',
    'https://host/path',
    'https://host:8080/a@b',
    'amqp://$(USER):$(PASS)@host',
    'git@host:path',
    '-----BEGIN CERTIFICATE-----',
    'ghp_short',
    '{"url":"https://example.com","mail":"me@example.com"}',
    'see https://example.com, or ask: me@example.com',
  ])('%j is not', (text) => expect(looksSecret(text)).toBe(false));

  test.each([
    'PASSWORD',
    'DB_PASSWD',
    'MY_SECRET',
    'API_KEY',
    'ApiKey',
    'GITHUB_TOKEN',
    'AWS_ACCESS_KEY_ID',
    'DB_PASS',
    'PASSPHRASE',
    'PRIVATE_KEY',
  ])('a variable named %s is', (name) => {
    expect(literalSecretProblem('env', name, 'value')).toMatchObject({ value: hidden });
    expect(literalSecretProblem('env', name, '')).toBeUndefined();
    expect(literalSecretProblem('env', name, '$(OTHER)')).toBeUndefined();
  });

  test.each(['PATH', 'COMPASS', 'PASSES', 'KEYBOARD', 'LOGXI', 'MINIO_TEST_SERVER'])(
    'a variable named %s is not',
    (name) => {
      expect(literalSecretProblem('env', name, 'value')).toBeUndefined();
    },
  );
});

describe('what is shown of a value', () => {
  test.each<[string, unknown]>([
    ['"text"', 'text'],
    ['"two\\nlines"', 'two\nlines'],
    ['nothing', undefined],
    ['null', null],
    ['NaN', Number.NaN],
    ['12', 12n],
    ['{"a":1}', { a: 1 }],
    ['a hidden value', hidden],
    // As bundlers write `class Gpus`, where it makes one of its own.
    ['an instance of Gpus', new (class _Gpus {})()],
    ['an instance of _gpus', new (class _gpus {})()],
    ['an instance of a class', new (class {})()],
  ])('it may be %s', (shown, value) => expect(formatValue(value)).toBe(shown));

  test('what is long is cut, and a cycle is no fault', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(formatValue('x'.repeat(1000)).length).toBeLessThan(130);
    expect(formatValue(cycle)).toBe('an instance of Object');
  });

  test.each([
    'https://user:CANARY@host/path',
    'https://CANARY@host/path',
    'see HTTPS://user:CANARY@host',
    'https://user:pa/CANARY@host/path',
    'https://user:pa CANARY@host/path',
    'https://user:pa"CANARY@host/path',
    'https://user:p@CANARY@host/path',
  ])('the credentials of %j are not shown', (text) => {
    expect(redact(text)).not.toContain('CANARY');
    expect(redact(text)).toContain('host');
  });

  test('a problem is one line: property, what is wrong, the value, the remedy', () => {
    const problem = { property: 'a.b', value: 'c\nd', message: 'is wrong', remedy: 'write e' };
    expect(formatProblem(problem)).toBe('a.b: is wrong (got "c\\nd"); write e');
  });
});
