import { describe, expect, test } from 'vitest';
import { ended, interrupted } from '../../../../apps/agent/gate/ended.ts';
import type { BuildRun } from '../../../../lib/agent/status.ts';

const DIGEST = 'sha256:aa';
const RUN: BuildRun = {
  id: 'uid',
  pod: 'pod',
  phase: 'Running',
  digest: DIGEST,
  startedAt: '2026-11-21T08:00:00Z',
};

describe('how a run ends', () => {
  test.each([
    [0, 'Succeeded', 'the command ended with exit code 0'],
    [1, 'Failed', 'the command ended with exit code 1'],
    [137, 'Failed', 'the command ended with exit code 137'],
    [124, 'TimedOut', 'the command ran out of time'],
  ])('exit code %i is %s', (exitCode, phase, message) => {
    const [of, change] = ended(DIGEST, exitCode);
    expect(of).toBe(phase);
    expect(change).toMatchObject({ exitCode, message, digest: DIGEST });
  });

  const phaseAfter = (
    attempt: number,
    endedBefore: string | undefined,
    run?: Partial<BuildRun>,
  ): string | undefined =>
    interrupted(attempt, { pod: POD, digest: DIGEST, endedBefore }, run && { ...RUN, ...run })?.[0];
  const POD = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod' } };

  test('a container that ran out of memory while its command ran has failed', () => {
    expect(phaseAfter(2, 'OOMKilled', {})).toBe('Failed');
    expect(phaseAfter(2, 'OOMKilled', { phase: 'Lost', finishedAt: '2026-11-21T08:10:00Z' })).toBe('Failed');
  });

  test('another end is tried again, up to three attempts', () => {
    expect([2, 3, 4].map((attempt) => phaseAfter(attempt, 'Error', {}))).toEqual([
      undefined,
      undefined,
      'Failed',
    ]);
  });

  test('nothing has failed where no command ran, it ran to its end, or the image is another', () => {
    expect(phaseAfter(1, undefined, {})).toBeUndefined();
    expect(phaseAfter(9, 'OOMKilled')).toBeUndefined();
    expect(phaseAfter(9, 'OOMKilled', { digest: 'sha256:bb' })).toBeUndefined();
    expect(
      phaseAfter(9, 'OOMKilled', { phase: 'Succeeded', finishedAt: '2026-11-21T08:10:00Z' }),
    ).toBeUndefined();
    const { startedAt: _, ...starting } = RUN;
    expect(interrupted(9, { pod: POD, digest: DIGEST, endedBefore: 'OOMKilled' }, starting)).toBeUndefined();
  });
});
