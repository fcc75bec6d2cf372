import { setTimeout as sleep } from 'node:timers/promises';
import type { CommonGateConfiguration } from '../../../lib/agent/configuration.ts';
import { TIMEOUT_EXIT_CODE } from '../../../lib/agent/run-files.ts';
import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Log } from '../observe/log.ts';
import type { BuildLease } from './build-lease.ts';
import { containerOf, type OwnPod, readOwnPod } from './own-pod.ts';
import type { RunDirectory } from './run-directory.ts';
import type { RunRecord } from './run-record.ts';
import type { Services } from './services.ts';

/** What a gate works with. */
export interface GateParts {
  readonly configuration: CommonGateConfiguration;
  readonly client: Kubernetes;
  readonly pod: OwnPod;
  readonly files: RunDirectory;
  readonly lease: BuildLease;
  readonly record: RunRecord;
  readonly services: Services;
  readonly log: Log;
  /** Aborted when the pod is to end. */
  readonly signal: AbortSignal;
}

/** How a command ended: with an exit code, or its container did, or neither within its time. */
export type Ending =
  | { readonly exitCode: number }
  | { readonly restarted: string }
  | { readonly overdue: true };

const POLL_MS = 200;
/** How much longer than its time a command may go on before the gate gives up waiting: its wrapper ends it in that time. */
const GRACE_SECONDS = 60;

/** Waits for an attempt of the wrapper later than the given one. */
export async function nextAttempt({ files, signal }: GateParts, after: number): Promise<number> {
  for (;;) {
    const attempt = await files.attempt();
    if (attempt !== undefined && attempt > after) return attempt;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Waits until the command of an attempt has ended. */
export async function ending(
  parts: GateParts,
  attempt: number,
  startedAt: string | undefined,
): Promise<Ending> {
  const { configuration, files, client, pod, signal } = parts;
  const { timeoutSeconds = Number.POSITIVE_INFINITY, container } = configuration;
  const deadline =
    Date.parse(startedAt ?? new Date().toISOString()) + (timeoutSeconds + GRACE_SECONDS) * 1000;
  for (;;) {
    const exitCode = await files.exitCode(attempt);
    if (exitCode !== undefined) return { exitCode };
    if (((await files.attempt()) ?? 0) > attempt) {
      const { lastState } = containerOf(await readOwnPod(client, pod), container) ?? {};
      return { restarted: lastState?.terminated?.reason ?? 'Error' };
    }
    if (Date.now() > deadline) return { overdue: true };
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What the exit code of a command means. */
export function phaseOf(exitCode: number): BuildPhase {
  if (exitCode === 0) return 'Succeeded';
  return exitCode === TIMEOUT_EXIT_CODE ? 'TimedOut' : 'Failed';
}

/** The result of a command that has ended by itself. */
export function result(exitCode: number): Pick<BuildRun, 'exitCode' | 'finishedAt' | 'message'> {
  const timedOut = exitCode === TIMEOUT_EXIT_CODE;
  return {
    exitCode,
    finishedAt: new Date().toISOString(),
    message: timedOut ? 'the command ran out of time' : `the command ended with exit code ${exitCode}`,
  };
}
