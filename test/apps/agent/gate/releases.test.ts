import { describe, expect, test } from 'vitest';
import { awaitsReleases } from '../../../../apps/agent/gate/releases.ts';
import type { BuildRun, ReleasePhase } from '../../../../lib/agent/status.ts';

function run(change: Partial<BuildRun>): BuildRun {
  const finishedAt = new Date().toISOString();
  return { id: 'uid', pod: 'pod', phase: 'Succeeded', digest: 'sha256:aa', finishedAt, ...change };
}

function releases(...phases: ReleasePhase[]): Partial<BuildRun> {
  return { releases: phases.map((phase) => ({ release: 'release', part: phase, phase })) };
}

describe('whether a gate waits for releases', () => {
  test('only a run that has passed has any', () => {
    expect(awaitsReleases(run({}), 60)).toBe(true);
    expect(awaitsReleases(run({}), undefined)).toBe(false);
    expect(awaitsReleases(run({ phase: 'Failed' }), 60)).toBe(false);
    expect(awaitsReleases(undefined, 60)).toBe(false);
  });

  test('they have ended when none of them is running any more, or there is none', () => {
    expect(awaitsReleases(run(releases('Succeeded', 'Running')), 60)).toBe(true);
    expect(awaitsReleases(run(releases('Succeeded', 'Failed', 'TimedOut', 'Skipped')), 60)).toBe(false);
    expect(awaitsReleases(run(releases()), 60)).toBe(false);
  });

  test('they are waited for a minute longer than they may take', () => {
    const ago = (seconds: number): Partial<BuildRun> => ({
      finishedAt: new Date(Date.now() - seconds * 1000).toISOString(),
    });
    expect(awaitsReleases(run(ago(110)), 60)).toBe(true);
    expect(awaitsReleases(run(ago(130)), 60)).toBe(false);
    expect(awaitsReleases(run({ finishedAt: 'never' }), 60)).toBe(false);
  });
});
