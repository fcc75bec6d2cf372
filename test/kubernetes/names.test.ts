import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDnsLabel, isDnsSubdomain, toDnsLabel } from '../../lib/kubernetes/names.ts';
import { hostileBranches } from '../support/commits.ts';
import { hostileStrings } from '../yaml/hostile.ts';

const hostile = [
  ...new Set([
    ...hostileStrings.filter(({ length }) => length < 130),
    ...hostileBranches,
    ...[
      'feature/x_y',
      'feature_x',
      'a.b',
      '.a',
      '_',
      '../..',
      'a/b',
      'a--b',
      'a\nb',
      'İ',
      'FEATUREX',
      'featurex',
    ],
    ...['-a', 'a-', '---', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(253), 'é', '２'],
  ]),
];

describe('labels', () => {
  test.each(['a', '0', 'a-b', 'a--b', 'x'.repeat(63)])('%j is one', (text) =>
    expect(isDnsLabel(text)).toBe(true),
  );

  test.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'é', 'a\n', '\na', 'x'.repeat(64), '０'])(
    '%j is none',
    (text) => {
      expect(isDnsLabel(text)).toBe(false);
    },
  );
});

describe('subdomains', () => {
  test.each(['a', 'a.b', 'a-b.c-d', '1.2', 'x'.repeat(253)])('%j is one', (text) =>
    expect(isDnsSubdomain(text)).toBe(true),
  );

  test.each(['', '.', 'a.', '.a', 'a..b', 'a.-b', 'A.b', 'a b', 'a.b\n', 'x'.repeat(254)])(
    '%j is none',
    (text) => {
      expect(isDnsSubdomain(text)).toBe(false);
    },
  );
});

describe('toDnsLabel', () => {
  test('a label stays as it is', () => {
    for (const text of ['main', 'release-1', 'x'.repeat(63)]) expect(toDnsLabel(text)).toBe(text);
  });

  test('what is no label keeps what is valid of it, with a hash', () => {
    expect(toDnsLabel('Feature/X_y')).toMatch(/^feature-x-y-[0-9a-f]{8}$/);
    expect(toDnsLabel('名前')).toMatch(/^x-[0-9a-f]{8}$/);
  });

  test.each(hostile)('it makes a label of %j, of any length that is asked for', (text) => {
    expect(isDnsLabel(toDnsLabel(text))).toBe(true);
    const short = toDnsLabel(text, 20);
    expect(isDnsLabel(short)).toBe(true);
    expect(short.length).toBeLessThanOrEqual(20);
  });

  test('no two hostile texts get one label', () => {
    expect(new Set(hostile.map((text) => toDnsLabel(text))).size).toBe(hostile.length);
  });

  test('what looks like an earlier result is told apart from it', () => {
    const made = toDnsLabel('a!');
    expect(toDnsLabel(made)).not.toBe(made);
  });

  test('any two texts get two labels', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[aA/_-]{0,5}(-[0-9a-f]{8})?$/));
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(one !== other);
        expect(isDnsLabel(toDnsLabel(one))).toBe(true);
        expect(toDnsLabel(one)).not.toBe(toDnsLabel(other));
      }),
    );
  });
});
