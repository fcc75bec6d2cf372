import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from '../kubernetes/client.ts';
import { KubernetesError } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';

/** The pod that the gate is in. */
export interface OwnPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** What the API server knows of a pod. */
export interface Pod extends KubernetesObject {
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  /** The image that really runs, such as `registry.example.com/team/build@sha256:…`. */
  readonly imageID?: string;
  readonly restartCount?: number;
  readonly state?: { readonly terminated?: Terminated };
  readonly lastState?: { readonly terminated?: Terminated };
}

interface Terminated {
  readonly exitCode: number;
  readonly reason?: string;
}

/** What runs in a container that the wrapper has begun an attempt in. */
export interface RunningContainer {
  readonly pod: Pod;
  readonly digest: string;
  /** How the container before it ended, such as `OOMKilled`; undefined where it is the first. */
  readonly endedBefore: string | undefined;
}

/** The kubelet reports a container that it has restarted a moment later. */
const LATE_MS = 10_000;
/** A gate that is told to end has no more time than that for it. */
const PROMPT_MS = 1_500;

/**
 * Waits until the kubelet has said which digest the container of an attempt runs: one that was restarted pulls its image
 * again, and may run another than before.
 */
export async function runningContainer(
  client: Kubernetes,
  own: OwnPod,
  container: string,
  attempt: number,
  signal: AbortSignal,
): Promise<RunningContainer> {
  const deadline = Date.now() + LATE_MS;
  for (;;) {
    const pod = await readOwnPod(client, own);
    const { imageID = '', restartCount = 0, lastState } = statusOf(pod, container) ?? {};
    const digest = /(sha(?:256|512):[0-9a-f]+)$/.exec(imageID)?.[1];
    const reported = restartCount >= attempt - 1 || Date.now() > deadline;
    if (digest !== undefined && reported) {
      return {
        pod,
        digest,
        endedBefore: attempt === 1 ? undefined : (lastState?.terminated?.reason ?? 'Error'),
      };
    }
    await sleep(200, undefined, { signal });
  }
}

/** How a container has ended by itself, which the kubelet reports a moment later; undefined where its pod has to go. */
export async function endOfContainer(
  client: Kubernetes,
  own: OwnPod,
  container: string,
): Promise<Terminated | undefined> {
  for (const deadline = Date.now() + PROMPT_MS; ; ) {
    const pod = await readOwnPod(client, own);
    const { conditions = [] } = pod.status ?? {};
    const evicted = conditions.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
    if (evicted || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const end = statusOf(pod, container)?.state?.terminated;
    if (end !== undefined || Date.now() > deadline) return end;
    await sleep(200);
  }
}

async function readOwnPod(client: Kubernetes, { namespace, name, uid }: OwnPod): Promise<Pod> {
  const pod = await client.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  if (pod?.metadata.uid === uid) return pod;
  throw new KubernetesError(`the pod ${namespace}/${name}`, { status: 404, body: { message: 'is gone' } });
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find(({ name }) => name === container);
}
