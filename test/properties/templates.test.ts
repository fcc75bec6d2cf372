// Filling job templates: a value is data, whatever is in it.
import fc from 'fast-check';
import { fillTemplate, placeholder, type TemplateValues } from 'keelson';
import { describe, expect, test } from 'vitest';
import { commitOn, expanded } from '../support/commits.ts';
import { text } from './hostile.ts';
import { parameters } from './settings.ts';

const names = Object.keys(commitOn('main')) as (keyof TemplateValues)[];

const values: fc.Arbitrary<TemplateValues> = fc
  .tuple(
    ...names.map((name) =>
      fc.oneof(text, fc.constantFrom(placeholder('url'), `$(${name})`, '$$', '$&', "$'")),
    ),
  )
  .map((texts) => commitOn('main', Object.fromEntries(names.map((name, index) => [name, texts[index]]))));

/** A text of a template: literal parts, and placeholders by their names. */
const parts = fc.array(
  fc.oneof(
    fc.constantFrom('', ' ', 'a=', '--x=', '((', '))', '((keelson.nothing))', '"', "'", '\n', '{{', '$&'),
    fc.constantFrom(...names).map((name) => ({ name })),
  ),
  { maxLength: 5 },
);
type Part = string | { readonly name: keyof TemplateValues };

const written = (of: readonly Part[]): string =>
  of.map((part) => (typeof part === 'string' ? part : placeholder(part.name))).join('');
const meant = (of: readonly Part[], given: TemplateValues): string =>
  of.map((part) => (typeof part === 'string' ? part : given[part.name])).join('');
/** Whether literal parts make a placeholder together: then it is one. */
const ambiguous = (of: readonly Part[]): boolean => {
  const literal = of.map((part) => (typeof part === 'string' ? part : '\0')).join('');
  return (
    literal.includes('((') && /\(\(keelson\.[a-z.]+\)\)/.test(literal.replace('((keelson.nothing))', ''))
  );
};

describe('a filled template', () => {
  test('has the values where the placeholders were, and nothing else is changed', {
    timeout: 600_000,
  }, () => {
    fc.assert(
      fc.property(values, parts, parts, fc.boolean(), (given, one, other, nested) => {
        fc.pre(!ambiguous(one) && !ambiguous(other));
        const inner = { text: written(one), number: 1, none: null, list: [written(other), true] };
        const template = {
          apiVersion: 'v1',
          kind: 'X',
          metadata: { name: written(one) },
          data: nested ? { [written(other)]: inner } : inner,
        };
        const data = { text: meant(one, given), number: 1, none: null, list: [meant(other, given), true] };
        expect(fillTemplate(template, given)).toEqual({
          apiVersion: 'v1',
          kind: 'X',
          metadata: { name: meant(one, given) },
          data: nested ? { [written(other)]: data } : data,
        });
      }),
      parameters('templates'),
    );
  });

  test('gives a container the values, also after the kubelet has expanded them', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(
        values,
        fc.constantFrom(...names),
        fc.constantFrom('command', 'args', 'env'),
        (given, name, field) => {
          const template = {
            [field]: field === 'env' ? [{ name: 'X', value: placeholder(name) }] : [placeholder(name)],
          };
          const [item] = fillTemplate(template, given)[field] as [string | { value: string }];
          const variables = { KEELSON_GIT_URL: 'expanded', HOME: 'expanded', [name]: 'expanded' };
          expect(expanded(typeof item === 'string' ? item : item.value, variables)).toBe(given[name]);
        },
      ),
      parameters('containers'),
    );
  });
});
