import type { ServiceConfiguration } from '../../../../lib/agent/configuration.ts';
import { holderOf, type Lease } from '../../kubernetes/lease.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { ControllerContext } from '../context.ts';

/** A build, or a build that runs once, as far as both are repaired alike. */
export interface Run {
  readonly name: string;
  readonly lease: string;
  readonly statusConfigMap: string;
  readonly services: readonly ServiceConfiguration[];
}

/** A pod of a build. */
export interface BuildPod extends KubernetesObject {
  readonly status?: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly name: string;
      readonly imageID?: string;
      readonly state?: { readonly running?: object; readonly waiting?: { readonly reason?: string } };
    }[];
  };
}

/** Who holds a build's Lease, and whether it still can. */
export interface Holding {
  readonly lease: Lease | undefined;
  readonly holder: string | undefined;
  readonly stale: boolean;
}

/** The pods of builds in a namespace. */
export async function listBuildPods(
  { client }: ControllerContext,
  namespace: string,
  name: string,
): Promise<readonly BuildPod[]> {
  const labelSelector = `app.kubernetes.io/name=${name},keelson.dev/stage=build`;
  return (await client.list<BuildPod>({ apiVersion: 'v1', kind: 'Pod', namespace, labelSelector })).items;
}

/**
 * Reads who holds a Lease. It is stale where no pod has that UID, that pod has ended, or it was not renewed in time.
 *
 * @param pods read after the Lease would be too late: a pod may be gone by then that held it
 */
export async function readHolding(
  { client, leases }: ControllerContext,
  namespace: string,
  name: string,
  pods: () => Promise<readonly BuildPod[]>,
): Promise<Holding> {
  const lease = await client.get<Lease>({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    namespace,
    name,
  });
  const holder = holderOf(lease);
  if (lease === undefined || holder === undefined) return { lease, holder, stale: false };
  const pod = (await pods()).find(({ metadata }) => metadata.uid === holder);
  const ended = pod === undefined || pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return { lease, holder, stale: ended || leases.isExpired(lease) };
}

/** The digest that a pod runs. */
export function digestOfPod({ status }: BuildPod, container: string): string | undefined {
  const { imageID = '', state } = status?.containerStatuses?.find(({ name }) => name === container) ?? {};
  return state?.running === undefined ? undefined : /sha(?:256|512):[0-9a-f]+$/.exec(imageID)?.[0];
}

/** Whether the kubelet could not pull a container's image, and pauses before its next try. */
export function canNotPull({ status }: BuildPod, container: string): boolean {
  const { state } = status?.containerStatuses?.find(({ name }) => name === container) ?? {};
  return state?.waiting?.reason === 'ImagePullBackOff' || state?.waiting?.reason === 'ErrImagePull';
}
