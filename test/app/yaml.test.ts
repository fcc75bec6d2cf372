import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { yamlDocument, yamlDocuments } from '../../lib/app/yaml.ts';
import { hostileStrings, hostileValue } from '../yaml/hostile.ts';

describe('layout', () => {
  test('a manifest is in block style, indented as kubectl does it, in the order of its keys', () => {
    const manifest = {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'registry', labels: {}, annotations: { 'keel.sh/pollSchedule': '@every 1m' } },
      spec: {
        replicas: 1,
        paused: false,
        containers: [{ name: 'main', image: 'registry:2.8', args: ['-v', 'serve'], env: [] }],
        nested: [[1, [null]], [], {}, [{ a: 1, b: 2 }]],
      },
    };
    expect(yamlDocument(manifest)).toBe(`kind: Deployment
apiVersion: apps/v1
metadata:
  name: registry
  labels: {}
  annotations:
    keel.sh/pollSchedule: "@every 1m"
spec:
  replicas: 1
  paused: false
  containers:
    - name: main
      image: "registry:2.8"
      args:
        - "-v"
        - serve
      env: []
  nested:
    - - 1
      - - null
    - []
    - {}
    - - a: 1
        b: 2
`);
  });

  test('documents are separated by a line of three dashes', () => {
    expect(yamlDocuments([{ a: 1 }, { b: 2 }])).toBe('a: 1\n---\nb: 2\n');
    expect(yamlDocuments([])).toBe('');
  });

  test('keys whose value is undefined are left out', () => {
    expect(yamlDocument({ a: undefined, b: { c: undefined }, d: 1 })).toBe('b: {}\nd: 1\n');
  });

  test('an object that occurs twice is written twice', () => {
    const labels = { app: 'a' };
    expect(yamlDocument([labels, labels])).toBe('- app: a\n- app: a\n');
  });

  test('objects without a prototype and keys such as __proto__ are written as any other', () => {
    const value = Object.assign(Object.create(null), { a: 1 });
    expect(yamlDocument([value, JSON.parse('{"__proto__": {"b": 2}}')])).toBe(
      '- a: 1\n- "__proto__":\n    b: 2\n',
    );
  });

  test('a key too long for readers is written in the explicit form', () => {
    const key = 'k'.repeat(1025);
    expect(yamlDocument({ a: { [key]: { b: 1 }, c: 2 } })).toBe(`a:\n  ? ${key}\n  :\n    b: 1\n  c: 2\n`);
  });
});

describe('numbers', () => {
  test.each([
    [0, '0'],
    [-0, '0'],
    [-1.5, '-1.5'],
    [2 ** 53, '9007199254740992'],
    [2 ** 63, '9223372036854776000'],
    [1e20, '100000000000000000000'],
    // YAML 1.1 asks for a point and a sign.
    [1e21, '1.0e+21'],
    [1.5e21, '1.5e+21'],
    [1e-7, '1.0e-7'],
    [5e-324, '5.0e-324'],
  ])('%d is written as %s', (value, expected) => {
    expect(yamlDocument(value)).toBe(`${expected}\n`);
    expect(parse(yamlDocument(value))).toBe(value === 0 ? 0 : value);
  });
});

describe('strings', () => {
  test.each(['Deployment', 'apps/v1', '/etc/config.yml', 'a-b_c.d', 'nope', 'nulls', 'e3'])(
    '%s is plain',
    (value) => {
      expect(yamlDocument(value)).toBe(`${value}\n`);
    },
  );

  test.each([
    'no',
    'ON',
    'y',
    'True',
    'null',
    'NaN',
    'inf',
    '',
    '~',
    '0o14',
    '1e3',
    '12:30:45',
    '<<',
    '=',
    '-',
    '.inf',
    'a: b',
  ])('"%s" is quoted', (value) => {
    expect(yamlDocument({ [value]: value })).toBe(`"${value}": "${value}"\n`);
  });

  test.each([
    ['\0\x07\t', '"\\u0000\\u0007\\t"'],
    ['a"\\', '"a\\"\\\\"'],
    ['\x7f\x80\x85\x9f', '"\\u007f\\u0080\\u0085\\u009f"'],
    ['\u2028\u2029\ufeff\ufffe\uffff', '"\\u2028\\u2029\\ufeff\\ufffe\\uffff"'],
    // What people cannot see in a review is spelled out, too.
    ['a\u202eb\u200bc\xad', '"a\\u202eb\\u200bc\\u00ad"'],
    ['é 名前 🚀', '"é 名前 🚀"'],
  ])('%j is written as %s', (value, expected) => {
    expect(yamlDocument(value)).toBe(`${expected}\n`);
  });

  test.each(['1.1', '1.2'] as const)(
    'each hostile string is read back unchanged by a YAML %s reader',
    (version) => {
      for (const string of hostileStrings) {
        for (const value of [
          string,
          { a: string, b: 1 },
          { [string]: 1 },
          [string, [string, { a: string }]],
        ]) {
          expectUnchanged(value, version);
        }
      }
    },
  );

  test('a document mark in a string does not start another document', () => {
    const name = 'x\n---\nkind: ClusterRoleBinding';
    expect(yamlDocument({ metadata: { name } }).split(/^---/m)).toHaveLength(1);
  });
});

describe('literal blocks', () => {
  test('a script keeps its lines', () => {
    const script = '#!/bin/sh\nset -eu\n\nif true; then\n\techo "a: b" # c\nfi\n';
    expect(yamlDocument({ data: { 'run.sh': script, next: 'a\nb' }, list: ['a\nb\n'] })).toBe(`data:
  run.sh: |
    #!/bin/sh
    set -eu

    if true; then
    \techo "a: b" # c
    fi
  next: |-
    a
    b
list:
  - |
    a
    b
`);
  });

  test('text that starts with blanks says how far it is indented', () => {
    expect(yamlDocument({ a: '  a\nb\n', b: '\n\n a', c: '\na\n' })).toBe(
      'a: |2\n    a\n  b\nb: |2-\n\n\n   a\nc: |\n\n  a\n',
    );
  });

  test.each([
    ['\tgo build\n', 'a TAB at the start'],
    ['\n\tgo build\n', 'a TAB at the start of the text'],
    ['a \nb', 'a blank before the end of a line'],
    ['a\nb\t', 'a blank at the end'],
    ['a\n \nb', 'a line of blanks'],
    ['a\n\n', 'blank lines at the end'],
    ['\n', 'nothing but line breaks'],
    ['a\r\nb', 'a carriage return'],
    ['a\x1b[0m\nb', 'a control character'],
    ['a\u2028\nb', 'a line separator'],
    ['\ufeffa\nb', 'a byte order mark'],
  ])('%j is quoted: %s', (value) => {
    expect(yamlDocument({ a: value }).trimEnd()).toMatch(/^a: ".*"$/);
  });

  test('keys and whole documents are quoted', () => {
    expect(yamlDocument({ 'a\nb': 1 })).toBe('"a\\nb": 1\n');
    expect(yamlDocument('a\nb')).toBe('"a\\nb"\n');
  });
});

describe('values that YAML cannot hold', () => {
  class Quantity {}
  const cycle: Record<string, unknown> = { name: 'a' };
  cycle['spec'] = { items: [1, { parent: cycle }] };
  const endless: unknown[] = [];
  endless.push(endless);

  test.each<[unknown, string]>([
    [{ spec: { replicas: Number.NaN } }, 'spec.replicas: cannot write NaN as YAML; give a finite number'],
    [{ a: [1, -Infinity] }, 'a[1]: cannot write -Infinity as YAML; give a finite number'],
    [{ a: 10n }, 'a: cannot write the bigint 10n as YAML; give a number or a string'],
    [{ a: function f() {} }, 'a: cannot write the function f as YAML; call it and give its result'],
    [{ a: Symbol('s') }, 'a: cannot write Symbol(s) as YAML; leave it out, or give null or a string'],
    [[{}, undefined], '[1]: cannot write undefined as YAML; leave it out, or give null or a string'],
    [new Array(1), '[0]: cannot write undefined as YAML; leave it out, or give null or a string'],
    [undefined, 'the document: cannot write undefined as YAML; leave it out, or give null or a string'],
    [{ a: new Date(0) }, 'a: cannot write an instance of Date as YAML; give its toISOString()'],
    [{ a: new Map() }, 'a: cannot write an instance of Map as YAML; give Object.fromEntries(map)'],
    [{ a: new Set() }, 'a: cannot write an instance of Set as YAML; give [...set]'],
    [{ a: new Quantity() }, 'a: cannot write an instance of Quantity as YAML; give a plain object'],
    [{ a: Buffer.from('a') }, 'a: cannot write an instance of Buffer as YAML; give a plain object'],
    [
      { metadata: { annotations: { 'keel.sh/policy': 'a\ud83d' } } },
      'metadata.annotations["keel.sh/policy"]: cannot write a string with half of a surrogate pair as YAML; ' +
        'mend the text or use toWellFormed()',
    ],
    [
      { a: { '\udc00': 1 } },
      'a["\\udc00"]: cannot write a string with half of a surrogate pair as YAML; mend the text or use toWellFormed()',
    ],
    [
      cycle,
      'spec.items[1].parent: cannot write a cycle back to the document as YAML; give a copy without it',
    ],
    [{ a: { b: endless } }, 'a.b[0]: cannot write a cycle back to a.b as YAML; give a copy without it'],
  ])('the error names the path, the value and a remedy: case %#', (value, message) => {
    expect(() => yamlDocument(value)).toThrow(new TypeError(message));
  });

  test('depth has a limit that is an error and not an overflow of the stack', () => {
    const nest = (depth: number) => Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 1);
    expect(() => yamlDocument(nest(500))).not.toThrow();
    expect(() => yamlDocument(nest(100_000))).toThrow('cannot write more than 500 levels as YAML');
  });
});

test.each(['1.1', '1.2'] as const)(
  'any value is read back unchanged by a YAML %s reader',
  { timeout: 60_000 },
  (version) => {
    const property = fc.property(hostileValue, (value) => expectUnchanged(value, version));
    fc.assert(property, { seed: 20261121, numRuns: 3_000 });
  },
);

/** JSON is compared because it shows the order of keys and an own `__proto__`. */
function expectUnchanged(value: unknown, version: '1.1' | '1.2'): void {
  const text = yamlDocument(value);
  if (JSON.stringify(parse(text, { version })) !== JSON.stringify(value)) {
    expect.fail(`read back as another value: ${JSON.stringify(text)}`);
  }
}
