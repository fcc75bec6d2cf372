// Names that are made of any text: two texts never meet in one.
import fc from 'fast-check';
import { branchTag } from 'keelson';
import { describe, expect, test } from 'vitest';
import { fileNames } from '../../lib/app/file-names.ts';
import { isDnsLabel, isDnsSubdomain, isLabelValue, toDnsLabel } from '../../lib/kubernetes/names.ts';
import { text } from './hostile.ts';
import { parameters } from './settings.ts';

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** A text, and one that a careless mapping would give the same name. */
const near: fc.Arbitrary<readonly [string, string]> = text.chain((one) =>
  fc.tuple(
    fc.constant(one),
    fc.oneof(
      text,
      fc.constantFrom(
        one.toLowerCase(),
        one.toUpperCase(),
        `${one}-`,
        `-${one}`,
        `${one}/`,
        one.slice(0, 63),
      ),
      fc.constantFrom(one.replaceAll('/', '-'), one.replaceAll('.', '-'), one.normalize('NFKC'), one.trim()),
      // What the mapping itself makes of the other.
      fc.constantFrom(branchTag(one), toDnsLabel(one), toDnsLabel(branchTag(one))),
    ),
  ),
);

describe('the tag of a branch', () => {
  test('is a tag, with room for a commit after it, and no other branch has it', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(near, ([one, other]) => {
        const [a, b] = [branchTag(one), branchTag(other)];
        for (const tag of [a, b]) {
          expect(tag).toMatch(TAG);
          expect(`${tag}-${'0'.repeat(64)}`).toMatch(TAG);
        }
        if (one !== other) expect(a).not.toBe(b);
      }),
      parameters('branchTags'),
    );
  });
});

describe('the label of a text', () => {
  test('is a DNS label and a label value, and no other text has it', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(near, fc.integer({ min: 20, max: 63 }), ([one, other], length) => {
        const [a, b] = [toDnsLabel(one, length), toDnsLabel(other, length)];
        for (const label of [a, b]) {
          expect(isDnsLabel(label) && isDnsSubdomain(label) && isLabelValue(label)).toBe(true);
          expect(label.length).toBeLessThanOrEqual(length);
        }
        if (one !== other) expect(a).not.toBe(b);
        // A name that is one already stays as it is, unless it looks as if it had been made.
        if (isDnsLabel(one) && one.length <= length && !/-[0-9a-f]{8}$/.test(one)) expect(a).toBe(one);
      }),
      parameters('names'),
    );
  });
});

describe('file names', () => {
  const name = fc.oneof(text, fc.constantFrom('a', 'a-in-b', 'a.b', 'A', 'system:node', 'a_b'));
  const object = fc.record({
    apiVersion: fc.constantFrom('v1', 'apps/v1', 'a.b/v1'),
    kind: fc.constantFrom('Service', 'Role', 'ROLE', 'Secret'),
    namespace: fc.option(fc.constantFrom('a', 'b', 'b-in-c', 'cluster'), { nil: undefined }),
    name,
    wave: fc.constantFrom(0, 10, 100),
  });
  // A file system may not tell capitals from small letters.
  const identity = (given: {
    apiVersion: string;
    kind: string;
    namespace?: string | undefined;
    name: string;
  }): string => JSON.stringify([given.apiVersion, given.kind, given.namespace, given.name]);

  test('are as many as objects, and such that any file system takes them', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.uniqueArray(object, { maxLength: 12, selector: identity }), (objects) => {
        const names = fileNames(objects);
        expect(new Set(names.map((file) => file.toLowerCase())).size).toBe(objects.length);
        for (const file of names) {
          expect(file).toMatch(/^\d{2,3}-[a-z0-9._-]+\.yaml$/);
          expect(Buffer.byteLength(file)).toBeLessThanOrEqual(255);
        }
      }),
      parameters('fileNames'),
    );
  });
});
