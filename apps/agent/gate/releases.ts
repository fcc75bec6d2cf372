import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildRun } from '../../../lib/agent/status.ts';
import type { RunRecord } from './run-record.ts';

const POLL_MS = 2_000;
/** How much longer than its time a release may take to be recorded. */
const GRACE_SECONDS = 60;

/** Whether a run has passed, and the controller has not said of each part of its releases what became of it. */
export function awaitsReleases(run: BuildRun | undefined, timeoutSeconds: number | undefined): boolean {
  if (run?.phase !== 'Succeeded' || timeoutSeconds === undefined) return false;
  if (run.releases?.every(({ phase }) => phase !== 'Running')) return false;
  return Date.now() < Date.parse(run.finishedAt ?? '') + (timeoutSeconds + GRACE_SECONDS) * 1000;
}

/** Waits for the releases of this pod's run. */
export async function waitForReleases(
  record: RunRecord,
  timeoutSeconds: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  while (awaitsReleases(await record.own(), timeoutSeconds)) await sleep(POLL_MS, undefined, { signal });
}
