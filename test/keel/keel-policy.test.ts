// What Keel would not understand of a policy is said at synthesis; it says so itself in its log only.
import { ImageName, KeelPolicy } from 'keelson';
import { describe, expect, test } from 'vitest';

const image = (tag: string): ImageName => ImageName.parse(`quay.io/a/b:${tag}`);
const properties = (policy: KeelPolicy, tag = '1.2.3'): string[] =>
  policy.problems('policy', image(tag)).map(({ message }) => message);

describe('is understood', () => {
  test.each<[string, KeelPolicy, string?]>([
    ['the same tag, whatever it is', KeelPolicy.sameTag(), 'main'],
    ['a version', KeelPolicy.semver('patch'), '1.2.3'],
    ['a version with a v and two parts', KeelPolicy.semver('minor'), 'v1.2'],
    ['a pre-release', KeelPolicy.semver('major', { preRelease: true }), '1.2.3-rc.1+5'],
    ['the tag latest, which every version follows', KeelPolicy.semver('all'), 'latest'],
    ['a pattern', KeelPolicy.glob('release-*')],
    ['an expression', KeelPolicy.regexp('^v(?P<compare>[0-9]+)$')],
    ['an expression with flags', KeelPolicy.regexp('(?i)^main-[0-9]+$')],
  ])('%s', (_given, policy, tag) => {
    expect(properties(policy, tag)).toEqual([]);
  });
});

describe('is not understood', () => {
  test.each<[string, KeelPolicy, string?]>([
    ['a version where the tag is none', KeelPolicy.semver('patch'), 'main'],
    ['a part that versions do not have', KeelPolicy.semver('micro' as 'patch')],
    ['a pattern with a colon', KeelPolicy.glob('a:b')],
    ['an empty pattern', KeelPolicy.glob('')],
    ['an expression with a group that is left open', KeelPolicy.regexp('^(a')],
    ["an expression with a look-ahead, which Go's don't have", KeelPolicy.regexp('^(?!dev)')],
    ['an expression that refers back', KeelPolicy.regexp('(a)\\1')],
    ['an empty expression', KeelPolicy.regexp('')],
  ])('%s', (_given, policy, tag) => {
    expect(properties(policy, tag)).toHaveLength(1);
  });
});

test('a version that may not be a pre-release asks Keel to compare their pre-release parts', () => {
  // The name misleads: with matchPreRelease, 1.1.0-rc.1 does not follow 1.0.0.
  expect(KeelPolicy.semver('minor').labels['keel.sh/matchPreRelease']).toBe('true');
});
