import { describe, expect, test } from 'vitest';
import { isResult, withResult } from '../../../../../apps/agent/controller/hand-over/results.ts';
import type { BuildRun } from '../../../../../lib/agent/status.ts';

function run(id: number, change: Partial<BuildRun> = {}): BuildRun {
  const finishedAt = new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString();
  return {
    id: String(id),
    pod: `build-${id}`,
    phase: 'Succeeded',
    digest: `sha256:${id}`,
    finishedAt,
    ...change,
  };
}
const ids = (runs: readonly BuildRun[]): string[] => runs.map(({ id }) => id);
const { finishedAt: _, ...unfinished } = run(9, { phase: 'Running' });

describe('the results of a listener at home', () => {
  test('are those of runs that have ended, but for those that built nothing', () => {
    expect(
      (['Succeeded', 'Failed', 'TimedOut', 'Lost'] as const).map((phase) => isResult(run(1, { phase }))),
    ).toEqual([true, true, true, true]);
    expect(isResult(run(1, { phase: 'Skipped' }))).toBe(false);
    expect(isResult(unfinished)).toBe(false);
  });
  test('stand by when they ended, the newest first, after what runs', () => {
    expect(ids(withResult([unfinished, run(5), run(3)], run(4)))).toEqual(['9', '5', '4', '3']);
    expect(ids(withResult([unfinished, run(5)], run(6)))).toEqual(['9', '6', '5']);
    expect(ids(withResult([], run(6)))).toEqual(['6']);
  });
  test('are taken once', () => {
    const runs = [run(5), run(3)];
    expect(withResult(runs, run(3))).toBe(runs);
  });
  test('change where a run that was taken for lost has ended after all', () => {
    const runs = [run(5), run(3, { phase: 'Lost', message: 'the pod went away' })];
    expect(withResult(runs, run(3))).toEqual([run(5), run(3)]);
  });
  test('keep what became of their releases, of which home alone knows', () => {
    const releases = [{ release: 'release', part: 'github', phase: 'Running' }] as const;
    const runs = [run(3, { releases })];
    expect(withResult(runs, run(3))).toBe(runs);
    expect(withResult([], run(3, { releases }))).toEqual([run(3)]);
  });
  test('are at most twenty: one that is older than all of them does not come again', () => {
    const runs = Array.from({ length: 20 }, (_, index) => run(40 - index));
    expect(withResult(runs, run(1))).toBe(runs);
    expect(ids(withResult(runs, run(50)))).toEqual(['50', ...ids(runs).slice(0, 19)]);
  });
});
