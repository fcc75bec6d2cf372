import { TIMEOUT_EXIT_CODE } from '../../../lib/agent/run-files.ts';
import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { RunningContainer } from './own-pod.ts';
import type { RunChange } from './run-record.ts';

/** How a run has ended, as it is recorded. */
export type Ended = readonly [BuildPhase, RunChange];

/** How often the command of one pod is begun. */
const MAX_ATTEMPTS = 3;

/** The command has ended by itself, or its wrapper has ended it when its time was over. */
export function ended(digest: string, exitCode: number): Ended {
  const timedOut = exitCode === TIMEOUT_EXIT_CODE;
  const phase = timedOut ? 'TimedOut' : exitCode === 0 ? 'Succeeded' : 'Failed';
  const message = timedOut ? 'the command ran out of time' : `the command ended with exit code ${exitCode}`;
  return [phase, { digest, exitCode, finishedAt: now(), message }];
}

/** The command's time was over, and its wrapper has not ended it. */
export function overdue(digest: string): Ended {
  const message = 'the command ran out of time, and did not end when it was told to';
  return ['TimedOut', { digest, finishedAt: now(), message }];
}

/** What the command needs was not there, or its container did not bear it. */
export function failed(digest: string, message: string): Ended {
  return ['Failed', { digest, finishedAt: now(), message }];
}

/** The pod has to go before the command has ended. */
export function lost(digest: string): Ended {
  return ['Lost', { digest, finishedAt: now(), message: 'the pod went away' }];
}

/** Whether a run is over because its container was restarted; else the command is begun again. */
export function interrupted(
  attempt: number,
  { digest, endedBefore }: RunningContainer,
  run: BuildRun | undefined,
): Ended | undefined {
  const began = run?.startedAt !== undefined && run.digest === digest;
  const unfinished = run?.finishedAt === undefined || run.phase === 'Lost';
  if (!began || !unfinished || endedBefore === undefined) return undefined;
  if (endedBefore !== 'OOMKilled' && attempt <= MAX_ATTEMPTS) return undefined;
  return failed(digest, `the build's container was restarted: ${endedBefore}`);
}

function now(): string {
  return new Date().toISOString();
}
