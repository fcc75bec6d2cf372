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
  readonly status?: { readonly containerStatuses?: readonly ContainerStatus[] };
}

/** What it knows of one of its containers. */
export interface ContainerStatus {
  readonly name: string;
  /** The image that really runs, such as `registry.example.com/team/build@sha256:…`. */
  readonly imageID?: string;
  readonly state?: { readonly terminated?: Terminated };
  readonly lastState?: { readonly terminated?: Terminated };
}

interface Terminated {
  readonly exitCode: number;
  readonly reason?: string;
}

/** Reads the pod that this runs in. */
export async function readOwnPod(client: Kubernetes, { namespace, name, uid }: OwnPod): Promise<Pod> {
  const pod = await client.get<Pod>({ apiVersion: 'v1', kind: 'Pod', namespace, name });
  if (pod?.metadata.uid === uid) return pod;
  throw new KubernetesError(`the pod ${namespace}/${name}`, { status: 404, body: { message: 'is gone' } });
}

/** The state of a container of the pod. */
export function containerOf(pod: Pod, container: string): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.find(({ name }) => name === container);
}

/** Waits until the kubelet has said which digest a container runs, which is a moment after it has started. */
export async function runningDigest(
  client: Kubernetes,
  own: OwnPod,
  container: string,
  signal: AbortSignal,
): Promise<{ readonly digest: string; readonly pod: Pod }> {
  for (;;) {
    const pod = await readOwnPod(client, own);
    const digest = /(sha(?:256|512):[0-9a-f]+)$/.exec(containerOf(pod, container)?.imageID ?? '')?.[1];
    if (digest !== undefined) return { digest, pod };
    await sleep(200, undefined, { signal });
  }
}
