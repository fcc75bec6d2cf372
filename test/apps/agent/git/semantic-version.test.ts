import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareVersions, semanticVersion } from '../../../../apps/agent/git/semantic-version.ts';

test('versions are ordered as semver.org has it', () => {
  const ordered = [
    ...['0.0.0-g0123456789ab', '0.0.0', '1.0.0-0', '1.0.0-9', '1.0.0-10', '1.0.0-99999999999999999999'],
    ...['1.0.0--', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2'],
    ...['1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.0+build', '1.0.1', '1.2.0', '1.10.0', '2.0.0'],
    ...['9007199254740993.0.0', '9007199254740994.0.0'],
  ];
  for (const version of ordered) expect(semanticVersion(version)).toBe(version);
  expect([...ordered].reverse().sort(compareVersions)).toEqual(ordered);
});

test('the order is total, whatever the versions', () => {
  const identifier = fc.constantFrom('0', '1', '9', '10', 'a', 'b', '-', 'a1');
  const version = fc
    .tuple(
      fc.nat(3),
      fc.nat(3),
      fc.nat(3),
      fc.array(identifier, { maxLength: 3 }),
      fc.array(identifier, { maxLength: 1 }),
    )
    .map(([a, b, c, pre, build]) => {
      const tail = (sign: string, parts: string[]): string =>
        parts.length === 0 ? '' : sign + parts.join('.');
      return `${a}.${b}.${c}${tail('-', pre)}${tail('+', build)}`;
    });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(semanticVersion(a)).toBe(a);
      expect(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a))).toBe(0);
      expect(compareVersions(a, b) === 0).toBe(a === b);
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0)
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});

test.each([
  '',
  'v',
  'vv1.0.0',
  'V1.0.0',
  '1',
  '1.0',
  '01.0.0',
  '1.0.0-',
  '1.0.0-01',
  '1.0.0+',
  '1.0.0 ',
  '1.0.0\n',
  '１.0.0',
])('%j is no version', (text) => {
  expect(semanticVersion(text)).toBeUndefined();
});

test('a version has at most 128 characters, and a long text is refused at once', () => {
  expect(semanticVersion(`1.0.0-${'x'.repeat(122)}`)).toHaveLength(128);
  expect(semanticVersion(`1.0.0-${'x'.repeat(123)}`)).toBeUndefined();
  expect(semanticVersion(`1.0.0-${'1'.repeat(10_000_000)}`)).toBeUndefined();
});
