import fc from 'fast-check';
import { branchTag, ImageName, Tag } from 'keelson';
import { describe, expect, test } from 'vitest';
import { COMMIT, hostileBranches } from '../support/commits.ts';
import { hostileStrings } from '../yaml/hostile.ts';

const valid = (tag: string): boolean =>
  new ImageName({ registry: 'q.io', repository: 'a', tag }).problems('i').length === 0;
const short = hostileStrings.filter(({ length }) => length < 130);
const texts = [
  ...new Set([
    ...hostileBranches,
    ...short,
    'feature-x',
    'feature_x',
    'Feature/x',
    'a.',
    '.a',
    '-a',
    'x'.repeat(128),
    'x'.repeat(129),
  ]),
];

describe('the tag of a branch', () => {
  test('is the branch where that is a tag', () => {
    for (const branch of ['main', 'v1.0', 'release_1', 'no']) expect(branchTag(branch)).toBe(branch);
  });

  test('keeps what is valid of any other, with a hash', () => {
    expect(branchTag('feature/x')).toMatch(/^feature-x-[0-9a-f]{8}$/);
    expect(branchTag('名前')).toMatch(/^_-[0-9a-f]{8}$/);
  });

  test.each(texts)('%j makes a valid tag', (branch) => expect(valid(branchTag(branch))).toBe(true));

  test('no two hostile branches share a tag', () => {
    expect(new Set(texts.map(branchTag)).size).toBe(texts.length);
  });

  test('any two branches have two tags, each valid', () => {
    const branch = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[aA/._-]{0,6}(-[0-9a-f]{8})?$/),
    );
    fc.assert(
      fc.property(branch, branch, (one, other) => {
        fc.pre(one !== other);
        expect(valid(branchTag(one))).toBe(true);
        expect(branchTag(one)).not.toBe(branchTag(other));
      }),
    );
  });

  test('a branch that looks like the tag of another has a tag of its own', () => {
    const made = branchTag('feature/x');
    expect(branchTag(made)).not.toBe(made);
  });

  test.each([0, 1, 40, 63, 64, 87, 88, 119, 120, 128, 129, 250])(
    '%i letters leave room for the commit in the second tag',
    (length) => {
      for (const branch of ['x'.repeat(length), '/'.repeat(length)]) {
        for (const commit of [COMMIT, 'a'.repeat(63)])
          expect(valid(`${branchTag(branch)}-${commit}`)).toBe(true);
      }
    },
  );
});

describe('kinds of tags', () => {
  test('one of the branch is known for each branch', () => {
    expect([Tag.branch().template, Tag.branch().forBranch('a/b')]).toEqual([
      '((keelson.tag.branch))',
      branchTag('a/b'),
    ]);
  });

  test('one of the commit or the version is known for no branch', () => {
    expect([Tag.commit().template, Tag.commit().forBranch('main')]).toEqual([
      '((keelson.tag.commit))',
      undefined,
    ]);
    expect([Tag.version().template, Tag.version().forBranch('main')]).toEqual([
      '((keelson.tag.version))',
      undefined,
    ]);
  });

  test('a fixed one is the same for every branch', () => {
    expect([Tag.named('latest').template, Tag.named('latest').forBranch('main')]).toEqual([
      'latest',
      'latest',
    ]);
    expect(Tag.named('latest').problems('tag')).toEqual([]);
  });

  test.each(['', '-a', '.a', 'a b', 'a/b', 'a:b', 'x'.repeat(129), '名', 'a\n'])('%j is no tag', (name) => {
    expect(Tag.named(name).problems('tag')).toMatchObject([{ property: 'tag', value: name }]);
  });
});
