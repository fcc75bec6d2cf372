import { SKIPPED_EXIT_CODE } from '../../../lib/agent/release.ts';
import { printable } from '../kubernetes/events.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';

/** A Job, as far as its end is told. */
export interface Job extends KubernetesObject {
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
    readonly startTime?: string;
    readonly completionTime?: string;
  };
}

/** How a Job has ended. */
export interface JobOutcome {
  readonly phase: 'Succeeded' | 'Failed' | 'Skipped';
  readonly message?: string;
}

interface Pod extends KubernetesObject {
  readonly status?: {
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: {
    readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string };
    readonly waiting?: { readonly reason?: string; readonly message?: string };
  };
}

const MAX_MESSAGE = 500;

/** Whether a Job has ended. */
export function jobHasEnded({ status }: Job): boolean {
  return condition(status, 'Complete') !== undefined || condition(status, 'Failed') !== undefined;
}

/** How a Job that has ended did so, in the words of the container that failed. */
export async function jobOutcome({ client }: ControllerContext, job: Job): Promise<JobOutcome> {
  if (condition(job.status, 'Complete') !== undefined) return { phase: 'Succeeded' };
  const { reason, message } = condition(job.status, 'Failed') ?? {};
  const { namespace = '', name } = job.metadata;
  const { items } = await client.list<Pod>({
    apiVersion: 'v1',
    kind: 'Pod',
    namespace,
    labelSelector: `batch.kubernetes.io/job-name=${name}`,
  });
  const containers = items.flatMap(({ status }) => [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]);
  for (const { name: container, state } of containers) {
    const { terminated, waiting } = state ?? {};
    if (terminated !== undefined && terminated.exitCode !== 0) {
      const said = last(terminated.message) ?? terminated.reason;
      const text = `${container} ended with exit code ${terminated.exitCode}${said === undefined ? '' : `: ${said}`}`;
      return {
        phase: terminated.exitCode === SKIPPED_EXIT_CODE ? 'Skipped' : 'Failed',
        message: short(text),
      };
    }
    if (waiting?.message !== undefined) {
      return { phase: 'Failed', message: short(`${container}: ${waiting.reason ?? ''} ${waiting.message}`) };
    }
  }
  return { phase: 'Failed', message: short(message ?? reason ?? 'the Job failed') };
}

/** The last line that a container has left: its log may be the rest. */
function last(message: string | undefined): string | undefined {
  return message?.trimEnd().split('\n').at(-1) || undefined;
}

/** What a container says is a stranger's text. */
function short(text: string): string {
  return printable(text).trim().slice(0, MAX_MESSAGE);
}

function condition(
  status: Job['status'],
  type: string,
): { readonly reason?: string; readonly message?: string } | undefined {
  return status?.conditions?.find((found) => found.type === type && found.status === 'True');
}
