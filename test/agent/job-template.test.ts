import fc from 'fast-check';
import { fillTemplate, placeholder } from 'keelson';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { yamlDocument } from '../../lib/app/yaml.ts';
import { commitOn, expanded, hostileBranches } from '../support/commits.ts';
import { hostileStrings } from '../yaml/hostile.ts';

const everywhere = {
  metadata: { annotations: { branch: placeholder('branch') } },
  list: [{ text: `a ${placeholder('branch')} b` }],
  container: {
    command: [placeholder('branch')],
    args: [`--tag=${placeholder('branch')}`],
    env: [{ name: 'BRANCH', value: placeholder('branch') }],
  },
};
/** What a branch could reach for. */
const VARIABLES = { KEELSON_GIT_URL: 'LEAKED', HOME: 'LEAKED', X: 'LEAKED', '': 'LEAKED' };

describe('placeholders', () => {
  test('every value has one, in any string, as often as it occurs', () => {
    const values = commitOn('main');
    for (const name of Object.keys(values) as (keyof typeof values)[]) {
      const text = placeholder(name);
      expect(fillTemplate({ a: [`${text}-${text}`] }, values)).toEqual({
        a: [`${values[name]}-${values[name]}`],
      });
    }
  });

  test.each([
    '((keelson.unknown))',
    '((keelson.tag))',
    '((branch))',
    '(( keelson.branch ))',
    '((keelson.tagxbranch))',
  ])('%s is none', (text) => {
    expect(fillTemplate({ text }, commitOn('main'))).toEqual({ text });
  });

  test('keys, numbers, booleans and nulls stay, and the template too', () => {
    const template = { '((keelson.branch))': [1, true, null, { a: undefined }], n: 0 };
    expect(fillTemplate(template, commitOn('main'))).toEqual(template);
    expect(fillTemplate(everywhere, commitOn('other'))).not.toEqual(everywhere);
    expect(everywhere.list[0]?.text).toBe('a ((keelson.branch)) b');
  });

  test('keys that JavaScript treats specially stay keys', () => {
    const template = JSON.parse(
      '{"__proto__": {"a": "((keelson.branch))"}, "constructor": "((keelson.commit))"}',
    );
    expect(JSON.stringify(fillTemplate(template, commitOn('main', { commit: 'c' })))).toBe(
      '{"__proto__":{"a":"main"},"constructor":"c"}',
    );
  });
});

/** The value, in every place, as a container or a reader of the object sees it. */
function seen(branch: string): string[] {
  const { metadata, list, container } = fillTemplate(everywhere, commitOn(branch));
  return [
    metadata.annotations.branch,
    (list[0]?.text ?? '').slice(2, -2),
    ...container.command.map((text) => expanded(text, VARIABLES)),
    ...container.args.map((text) => expanded(text, VARIABLES).slice('--tag='.length)),
    ...container.env.map(({ value }) => expanded(value, VARIABLES)),
  ];
}

describe('a value is only ever data', () => {
  test.each([
    ...new Set([
      ...hostileBranches,
      ...hostileStrings.filter(({ length }) => length < 130),
      '$',
      '$$',
      '$$$(X)',
      '$($(X))',
      'a$',
      '$()',
      '$(X',
      '$&',
      "$'",
      '$1',
    ]),
  ])('the branch %j arrives as it is', (branch) => {
    expect(new Set(seen(branch))).toEqual(new Set([branch]));
  });

  test('any branch arrives as it is', () => {
    const text = fc
      .array(fc.constantFrom('$', '(', ')', 'X', 'HOME', '((keelson.url))', 'a', '\\', '&'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (branch) => {
        expect(new Set(seen(branch))).toEqual(new Set([branch]));
      }),
    );
  });

  test('a value that looks like a placeholder is not filled again', () => {
    const values = commitOn('((keelson.commit))', { url: '((keelson.branch))' });
    expect(fillTemplate(['((keelson.url)) ((keelson.branch))'], values)).toEqual([
      '((keelson.branch)) ((keelson.commit))',
    ]);
  });

  test('it stays one value when the object is written as YAML', () => {
    for (const branch of [...hostileBranches, 'x\n---\nkind: ClusterRoleBinding', 'a: b', '- a', '"']) {
      const filled = fillTemplate({ a: placeholder('branch') }, commitOn(branch));
      expect(parse(yamlDocument(filled))).toEqual({ a: branch });
    }
  });
});

test('the expansion that these tests assume is that of the kubelet', () => {
  const variables = { A: '1', EMPTY: '' };
  expect(
    ['$(A)', '$$(A)', '$$$(A)', '$(B)', '$A', 'a$', '$$', '$(A', '-$(A)$(A)-'].map((text) =>
      expanded(text, variables),
    ),
  ).toEqual(['1', '$(A)', '$1', '$(B)', '$A', 'a$', '$', '$(A', '-11-']);
});
