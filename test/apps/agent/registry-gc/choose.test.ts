import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  chooseOldCommits,
  chooseOldLayers,
  GRACE_MS,
  type Kept,
  type RepositoryContent,
} from '../../../../apps/agent/registry-gc/choose.ts';

vi.setConfig({ testTimeout: 30_000 });

const NOW = Date.parse('2026-11-21T08:00:00Z');
const DAY = 86_400_000;
const digestOf = (number: number): string => `sha256:${number.toString(16).padStart(64, '0')}`;
const commitOf = (number: number): string => number.toString(16).padStart(40, '0');

/** Repositories as they might be: few branches and digests, so that tags meet in images and indexes share parts. */
const content: fc.Arbitrary<RepositoryContent> = fc
  .record({
    manifests: fc.array(
      fc.record({
        age: fc.integer({ min: 0, max: 40 * DAY }),
        references: fc.array(fc.nat(24), { maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 20 },
    ),
    tags: fc.array(
      fc.record({
        branch: fc.constantFrom('main', 'feature-x', 'v1.2', 'buildcache-main', `a-${commitOf(7)}`),
        commit: fc.option(fc.nat(30), { freq: 4 }),
        image: fc.nat(19),
        age: fc.integer({ min: 0, max: 40 * DAY }),
      }),
      { maxLength: 40 },
    ),
  })
  .map(({ manifests, tags }) => ({
    manifests: new Map(
      manifests.map(({ age, references }, index) => [
        digestOf(index),
        { pushedAt: NOW - age, references: references.map(digestOf) },
      ]),
    ),
    tags: new Map(
      tags.map(({ branch, commit, image, age }) => [
        commit === null ? branch : `${branch}-${commitOf(commit)}`,
        { digest: digestOf(image % manifests.length), pushedAt: NOW - age },
      ]),
    ),
  }));

const kept: fc.Arbitrary<Kept> = fc
  .record({
    digests: fc.array(fc.nat(19), { maxLength: 3 }),
    tags: fc.array(fc.nat(30), { maxLength: 3 }),
  })
  .map(({ digests, tags }) => ({
    digests: new Set(digests.map(digestOf)),
    tags: new Set(tags.map((commit) => `main-${commitOf(commit)}`)),
  }));

/** What can be pulled by a digest. */
function parts({ manifests }: RepositoryContent, digest: string, seen = new Set<string>()): Set<string> {
  if (seen.has(digest)) return seen;
  seen.add(digest);
  for (const reference of manifests.get(digest)?.references ?? [])
    parts({ manifests, tags: new Map() }, reference, seen);
  return seen;
}

const OF_COMMIT = /^(.+)-[0-9a-f]{40}$/;

describe('of any repository', () => {
  const always = (
    check: (
      content: RepositoryContent,
      kept: Kept,
      keep: number,
      gone: { tags: Set<string>; manifests: Set<string> },
    ) => void,
  ): void => {
    void fc.assert(
      fc.property(content, kept, fc.integer({ min: 1, max: 5 }), (given, keep, count) => {
        const choice = chooseOldCommits(given, count, keep, NOW);
        check(given, keep, count, { tags: new Set(choice.tags), manifests: new Set(choice.manifests) });
      }),
      { numRuns: 500 },
    );
  };

  test('every tag that stays has its manifest, and all that this refers to', () => {
    always((given, _kept, _count, gone) => {
      for (const [tag, { digest }] of given.tags) {
        if (gone.tags.has(tag)) continue;
        for (const part of parts(given, digest)) expect(gone.manifests).not.toContain(part);
      }
    });
  });

  test('nothing is deleted that is in use, or that an image in use is made of', () => {
    always((given, { tags, digests }, _count, gone) => {
      for (const tag of tags) expect(gone.tags).not.toContain(tag);
      for (const digest of digests) {
        for (const part of parts(given, digest)) expect(gone.manifests).not.toContain(part);
        for (const [tag, image] of given.tags)
          if (image.digest === digest) expect(gone.tags).not.toContain(tag);
      }
    });
  });

  test('no tag is deleted but those of commits, and of these not the newest of a branch', () => {
    always((given, kept, count, gone) => {
      const left = new Map<string, number>();
      for (const tag of gone.tags) expect(tag).toMatch(OF_COMMIT);
      for (const tag of given.tags.keys()) {
        const branch = OF_COMMIT.exec(tag)?.[1] ?? '';
        if (!gone.tags.has(tag)) left.set(branch, (left.get(branch) ?? 0) + 1);
      }
      for (const tag of gone.tags) {
        const branch = OF_COMMIT.exec(tag)?.[1] ?? '';
        expect(left.get(branch)).toBeGreaterThanOrEqual(count);
        const newer = [...given.tags].filter(
          ([other, { pushedAt }]) =>
            OF_COMMIT.exec(other)?.[1] === branch &&
            pushedAt >= (given.tags.get(tag)?.pushedAt ?? 0) &&
            other !== tag,
        );
        expect(newer.length).toBeGreaterThanOrEqual(Math.min(count, 1));
        expect(
          newer.filter(([other]) => !gone.tags.has(other)).length + kept.tags.size,
        ).toBeGreaterThanOrEqual(count);
      }
    });
  });

  test('nothing of the last day is deleted', () => {
    always((given, _kept, _count, gone) => {
      for (const tag of gone.tags)
        expect(NOW - (given.tags.get(tag)?.pushedAt ?? NOW)).toBeGreaterThan(GRACE_MS);
      for (const digest of gone.manifests) {
        expect(NOW - (given.manifests.get(digest)?.pushedAt ?? NOW)).toBeGreaterThan(GRACE_MS);
      }
    });
  });

  test('a second collection finds nothing more', () => {
    always((given, keep, count, gone) => {
      const after: RepositoryContent = {
        tags: new Map([...given.tags].filter(([tag]) => !gone.tags.has(tag))),
        manifests: new Map([...given.manifests].filter(([digest]) => !gone.manifests.has(digest))),
      };
      expect(chooseOldCommits(after, count, keep, NOW)).toEqual({ tags: [], manifests: [] });
    });
  });

  test('what no tag, no use and no youth protects is deleted', () => {
    always((given, { digests }, _count, gone) => {
      const roots = [
        ...digests,
        ...[...given.tags].filter(([tag]) => !gone.tags.has(tag)).map(([, { digest }]) => digest),
        ...[...given.manifests]
          .filter(([, { pushedAt }]) => NOW - pushedAt <= GRACE_MS)
          .map(([digest]) => digest),
      ];
      const reached = new Set(roots.flatMap((digest) => [...parts(given, digest)]));
      for (const digest of given.manifests.keys())
        expect(gone.manifests.has(digest)).toBe(!reached.has(digest));
    });
  });
});

describe('examples', () => {
  const old = (number: number, days: number): [string, { digest: string; pushedAt: number }] => [
    `main-${commitOf(number)}`,
    { digest: digestOf(number), pushedAt: NOW - days * DAY },
  ];
  const manifest = (references: string[] = []): { pushedAt: number; references: string[] } => ({
    pushedAt: NOW - 30 * DAY,
    references,
  });
  const nothing: Kept = { tags: new Set(), digests: new Set() };

  test('a commit of a repository with SHA-256 is known by its first 63 digits', () => {
    const tags = new Map(
      [1, 2].map((number) => [
        `main-${String(number).padStart(63, '0')}`,
        { digest: digestOf(number), pushedAt: NOW - (10 - number) * DAY },
      ]),
    );
    expect(chooseOldCommits({ tags, manifests: new Map() }, 1, nothing, NOW).tags).toEqual([
      `main-${'1'.padStart(63, '0')}`,
    ]);
  });

  test.each([
    'main',
    '1.2.3',
    'latest',
    commitOf(1),
    `main-${commitOf(1).slice(1)}`,
    `main-${commitOf(1)}-amd64`,
    `sha256-${'a'.repeat(64)}.sig`,
  ])('the tag %s stays, however old', (tag) => {
    const tags = new Map([
      old(2, 1.5),
      old(3, 1.2),
      [tag, { digest: digestOf(1), pushedAt: NOW - 900 * DAY }],
    ]);
    const manifests = new Map([[digestOf(1), manifest()]]);
    expect(chooseOldCommits({ tags, manifests }, 1, nothing, NOW)).toEqual({
      tags: [old(2, 0)[0]],
      manifests: [],
    });
  });

  test('an index and a manifest that refer to each other don’t keep each other, nor the collector, for ever', () => {
    const manifests = new Map([
      [digestOf(1), manifest([digestOf(2)])],
      [digestOf(2), manifest([digestOf(1)])],
    ]);
    expect(chooseOldCommits({ tags: new Map(), manifests }, 1, nothing, NOW).manifests).toEqual([
      digestOf(1),
      digestOf(2),
    ]);
  });

  test('of Kaniko’s cache only keys are deleted, after two weeks', () => {
    const key = (digit: string): string => digit.repeat(64);
    const tags = new Map([
      [key('a'), { digest: digestOf(1), pushedAt: NOW - 14.1 * DAY }],
      [key('b'), { digest: digestOf(2), pushedAt: NOW - 13.9 * DAY }],
      ['latest', { digest: digestOf(3), pushedAt: NOW - 100 * DAY }],
    ]);
    const manifests = new Map([1, 2, 3].map((number) => [digestOf(number), manifest()]));
    expect(chooseOldLayers({ tags, manifests }, nothing, NOW)).toEqual({
      tags: [key('a')],
      manifests: [digestOf(1)],
    });
  });
});
