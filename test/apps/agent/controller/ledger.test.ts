import { describe, expect, test } from 'vitest';
import {
  change,
  EMPTY_LEDGER,
  hasEnded,
  hopeless,
  type ImageBuild,
  type Ledger,
  type Request,
  request,
  startable,
} from '../../../../apps/agent/controller/ledger.ts';

const NOW = '2026-11-21T08:00:00Z';

function asked(id: string, given: Partial<Request> = {}): Request {
  const same = { image: 'image', branch: 'main', version: '0.1.0', concurrency: 'queue' } as const;
  return { ...same, commit: `commit of ${id}`, id, target: 'registry/team/build:main', ...given };
}

/** A ledger in which builds were asked for, one after the other. */
function ledgerOf(...requests: readonly Request[]): Ledger {
  return requests.reduce((ledger, one) => request(ledger, [one], NOW), EMPTY_LEDGER);
}

function phases({ builds }: Ledger): Record<string, ImageBuild['phase']> {
  return Object.fromEntries(builds.map(({ id, phase }) => [id, phase]));
}

const nothing = (): readonly string[] => [];

describe('the ledger', () => {
  test('lets the first build of each target start, and none beside one that runs or is canceled', () => {
    const other = asked('c', { target: 'registry/team/build:other' });
    const ledger = ledgerOf(asked('a'), asked('b'), other);
    expect(startable(ledger, nothing).map(({ id }) => id)).toEqual(['a', 'c']);
    for (const phase of ['Running', 'Canceling'] as const) {
      const busy = change(ledger, 'a', { phase });
      expect(startable(busy, nothing).map(({ id }) => id)).toEqual(['c']);
    }
    const ended = change(ledger, 'a', { phase: 'Failed', finishedAt: NOW });
    expect(startable(ended, nothing).map(({ id }) => id)).toEqual(['b', 'c']);
  });

  test('lets a newer commit take the place of builds that wait and of one that runs, of the same target only', () => {
    const other = asked('other', { target: 'registry/team/build:other' });
    const running = change(ledgerOf(asked('a'), other, asked('b')), 'a', { phase: 'Running' });
    const after = request(running, [asked('c', { concurrency: 'supersede' })], NOW);
    expect(phases(after)).toEqual({ a: 'Canceling', other: 'Waiting', b: 'Superseded', c: 'Waiting' });
    expect(startable(after, nothing).map(({ id }) => id)).toEqual(['other']);
  });

  test('keeps at most 50 builds of a target waiting, the newest', () => {
    const ids = Array.from({ length: 60 }, (_, index) => `build-${index}`);
    const waiting = ledgerOf(...ids.map((id) => asked(id))).builds.filter(({ phase }) => phase === 'Waiting');
    expect(waiting.map(({ id }) => id)).toEqual(ids.slice(10));
  });

  test('builds an image after those of the same commit that it names, and not at all where one of them failed', () => {
    const after = ({ image }: ImageBuild): readonly string[] => (image === 'top' ? ['base'] : []);
    const base = asked('base', { image: 'base', target: 'registry/team/base:main' });
    const ledger = request(EMPTY_LEDGER, [asked('top', { image: 'top' }), base], NOW);
    expect(startable(ledger, after).map(({ id }) => id)).toEqual(['base']);
    const there = change(ledger, 'base', { phase: 'Skipped', finishedAt: NOW });
    expect(startable(there, after).map(({ id }) => id)).toEqual(['top']);
    const failed = change(ledger, 'base', { phase: 'Failed', finishedAt: NOW });
    expect(hopeless(failed, after).map(([build, because]) => [build.id, because.id])).toEqual([
      ['top', 'base'],
    ]);
  });

  test('forgets the builds that have ended first, not those that were asked for first', () => {
    const ids = Array.from({ length: 60 }, (_, index) => `build-${index}`);
    const requests = ids.map((id) => asked(id, { target: `registry/team/build:${id}` }));
    const at = (second: number): string => new Date(Date.parse(NOW) + second * 1000).toISOString();
    // The first one takes longest.
    const order = [...ids.slice(1), 'build-0'];
    const ledger = order.reduce(
      (before, id, index) => change(before, id, { phase: 'Succeeded', finishedAt: at(index) }),
      ledgerOf(...requests),
    );
    expect(ledger.builds.every(hasEnded)).toBe(true);
    expect(new Set(ledger.builds.map(({ id }) => id))).toEqual(new Set(order.slice(40)));
  });

  test('remembers builds of each image and branch, and those that others may be built on', () => {
    const at = (minute: number): string => new Date(Date.parse(NOW) + minute * 60_000).toISOString();
    let ledger = ledgerOf();
    for (let round = 0; round < 60; round++) {
      const branch = round === 0 ? 'seldom' : 'main';
      const ids = ['base', 'image'].map((image) => ({ image, id: `${image}-${round}` }));
      ledger = request(
        ledger,
        ids.map(({ image, id }) => ({ ...asked(id), image, branch })),
        at(round),
      );
      // In the second round one of the two never ends.
      for (const { id } of ids)
        if (id !== 'image-1') ledger = change(ledger, id, { phase: 'Succeeded', finishedAt: at(round) });
    }
    const kept = ledger.builds.map(({ id }) => id);
    expect(kept.slice(0, 4)).toEqual(['base-0', 'image-0', 'base-1', 'image-1']);
    expect(kept.slice(4, 6)).toEqual(['base-40', 'image-40']);
    expect(kept).toHaveLength(4 + 40);
  });
});
