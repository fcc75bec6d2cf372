import { describe, expect, test } from 'vitest';
import { decide, type Situation } from '../../../../apps/agent/gate/decide.ts';
import type { BuildPhase, BuildRun } from '../../../../lib/agent/status.ts';

const [A, B] = ['sha256:aa', 'sha256:bb'];

function run(phase: BuildPhase, image: Partial<BuildRun>): BuildRun {
  return { id: `uid-${phase}`, pod: `pod-${phase}`, digest: A, phase, ...image };
}

function decided(situation: Partial<Situation>): string {
  const decision = decide({ digest: A, images: [], runs: [], ...situation });
  if (decision.answer === 'skip') return 'skip';
  return decision.unsure ? 'run, unsure' : 'run';
}

describe('whether there is anything to build', () => {
  test('the first image ever is built, without waiting for its commit', () => {
    expect(decided({})).toBe('run');
  });

  test.each(['Succeeded', 'Failed', 'TimedOut'] as const)(
    'a digest whose run is %s is not built again',
    (phase) => {
      expect(decided({ runs: [run(phase, { digest: A })] })).toBe('skip');
    },
  );

  test.each(['Starting', 'Running', 'Lost', 'Skipped'] as const)(
    'a digest whose run is %s is built',
    (phase) => {
      expect(decided({ runs: [run(phase, { digest: A })] })).toBe('run');
    },
  );

  test('a commit is not built again with another digest', () => {
    const images = [{ digest: A, commit: 'c1' }];
    expect(decided({ images, runs: [run('Failed', { digest: B, commit: 'c1' })] })).toBe('skip');
    expect(decided({ images, runs: [run('Failed', { digest: B, commit: 'c2' })] })).toBe('run');
  });

  test('the commit of a run may be known by its image alone', () => {
    const images = [
      { digest: A, commit: 'c1' },
      { digest: B, commit: 'c1' },
    ];
    expect(decided({ images, runs: [run('Succeeded', { digest: B })] })).toBe('skip');
  });

  test('where commits are known at all, that of the image is worth waiting for', () => {
    const runs = [run('Succeeded', { digest: B, commit: 'c1' })];
    expect(decided({ runs })).toBe('run, unsure');
    expect(decided({ runs, images: [{ digest: A, commit: 'c2' }] })).toBe('run');
    expect(decided({ runs, images: [{ digest: A }] })).toBe('run');
    expect(decided({ runs: [run('Succeeded', { digest: B })] })).toBe('run');
    expect(decided({ runs: [run('Lost', { digest: B, commit: 'c1' })] })).toBe('run');
  });

  test('two images without a commit are not of the same one', () => {
    expect(decided({ images: [{ digest: A }, { digest: B }], runs: [run('Succeeded', { digest: B })] })).toBe(
      'run',
    );
  });

  test('the first pod of a listener builds neither the commit nor the digest of the build before', () => {
    const images = [{ digest: A, commit: 'c1' }];
    expect(decided({ before: { digest: A, commit: undefined } })).toBe('skip');
    expect(decided({ images, before: { digest: B, commit: 'c1' } })).toBe('skip');
    expect(decided({ images, before: { digest: B, commit: 'c2' } })).toBe('run');
    expect(decided({ before: { digest: B, commit: 'c1' } })).toBe('run, unsure');
    expect(decided({ before: { digest: undefined, commit: undefined } })).toBe('run');
  });
});
