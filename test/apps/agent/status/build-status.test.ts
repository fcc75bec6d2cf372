import { describe, expect, test } from 'vitest';
import { withRun } from '../../../../apps/agent/status/build-status.ts';
import { parseImages, withImage } from '../../../../apps/agent/status/known-images.ts';
import type { BuildPhase, BuildRun } from '../../../../lib/agent/status.ts';

function run(id: string, phase: BuildPhase = 'Succeeded'): BuildRun {
  return { id, pod: id, digest: `sha256:${id}`, phase };
}

describe('the runs of a build', () => {
  test('a run is the newest, or in the place of its earlier state', () => {
    const runs = withRun(withRun([], run('a'), 3), run('b', 'Running'), 3);
    expect(runs.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(withRun(runs, run('a', 'Lost'), 3)).toEqual([run('b', 'Running'), run('a', 'Lost')]);
  });

  test('the oldest are left out beyond the limit, skipped ones before all others', () => {
    const runs = [run('d'), run('c', 'Skipped'), run('b'), run('a', 'Skipped')];
    expect(withRun(runs, run('e'), 4).map(({ id }) => id)).toEqual(['e', 'd', 'c', 'b']);
    expect(withRun(runs, run('e'), 3).map(({ id }) => id)).toEqual(['e', 'd', 'b']);
    expect(withRun(runs, run('e'), 2).map(({ id }) => id)).toEqual(['e', 'd']);
  });

  test('pods that skip what was built do not make it forgotten', () => {
    let runs: readonly BuildRun[] = [run('built')];
    for (let number = 0; number < 50; number++) runs = withRun(runs, run(String(number), 'Skipped'), 20);
    expect(runs).toHaveLength(20);
    expect(runs.at(-1)).toEqual(run('built'));
    expect(runs[0]).toEqual(run('49', 'Skipped'));
  });
});

describe('what is known of images', () => {
  test('what is no list of images is as if nothing were known', () => {
    for (const text of [undefined, '', 'x', 'null', '[]', '{"images":{}}', '{"images":[{"commit":"c"}]}']) {
      expect(parseImages(text)).toEqual([]);
    }
  });

  test('an image is known once, the newest first, and fifty of them', () => {
    const images = Array.from({ length: 50 }, (_, number) => ({ digest: String(number) }));
    const more = withImage(images, { digest: '7', commit: 'c' });
    expect(more).toHaveLength(50);
    expect(more[0]).toEqual({ digest: '7', commit: 'c' });
    expect(withImage(images, { digest: 'new' })).toHaveLength(50);
  });
});
