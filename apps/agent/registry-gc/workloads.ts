import {
  COLLECT_CONTAINER,
  type GarbageCollectionConfiguration,
  PRUNE_CONTAINER,
} from '../../../lib/agent/garbage-collection.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';

interface Scale {
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly selector?: string };
}

interface State {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: { readonly exitCode: number; readonly message?: string };
}

interface ContainerStatus {
  readonly name: string;
  readonly state?: State;
  readonly lastState?: State;
}

interface Pod extends KubernetesObject {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly message?: string;
    }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** One of the two Deployments that take turns at the volume. */
export class Workload {
  readonly name: string;
  readonly #client: Kubernetes;
  readonly #namespace: string;

  constructor(client: Kubernetes, namespace: string, name: string) {
    this.#client = client;
    this.#namespace = namespace;
    this.name = name;
  }

  /** The registry's, and that which collects. */
  static of(
    client: Kubernetes,
    { namespace, deployment, collector }: GarbageCollectionConfiguration,
  ): { readonly registry: Workload; readonly collector: Workload } {
    return {
      registry: new Workload(client, namespace, deployment),
      collector: new Workload(client, namespace, collector),
    };
  }

  /** What Events about it are about. */
  get object(): KubernetesObject {
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: this.name, namespace: this.#namespace },
    };
  }

  /** How many pods it is to have. */
  async replicas(): Promise<number> {
    return (await this.#scale()).spec?.replicas ?? 0;
  }

  /** Says how many pods it is to have. */
  async scaleTo(replicas: number): Promise<void> {
    const { apiVersion, kind } = this.object;
    await this.#client.scale({ apiVersion, kind, namespace: this.#namespace, name: this.name }, replicas);
  }

  /** Its pods that have not ended, those that are on their way out too. */
  async pods(): Promise<readonly Pod[]> {
    const labelSelector = (await this.#scale()).status?.selector ?? '';
    if (labelSelector === '')
      throw new Error(`the Deployment ${this.name} does not say which pods are its own`);
    const pods = { apiVersion: 'v1', kind: 'Pod', namespace: this.#namespace, labelSelector };
    const { items } = await this.#client.list<Pod>(pods);
    return items.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  }

  async #scale(): Promise<Scale> {
    const path = `${await this.#client.pathOf(this.object)}/scale`;
    return this.#client.request<Scale>({ method: 'GET', path });
  }
}

/** How far a collection has come, by its pod. */
export type Progress =
  | { readonly phase: 'Starting'; readonly message: string }
  /** Its image is there, and it waits for the plan. */
  | { readonly phase: 'Waiting' }
  | { readonly phase: 'Running' }
  | { readonly phase: 'Ended'; readonly message: string }
  | { readonly phase: 'Failed'; readonly message: string };

/** Reads it from the pods of the Deployment that collects. */
export function progressOf(pods: readonly Pod[]): Progress {
  const status = pods.find(({ metadata }) => metadata.deletionTimestamp === undefined)?.status;
  const prune = find(status?.initContainerStatuses, PRUNE_CONTAINER);
  const collect = find(status?.containerStatuses, COLLECT_CONTAINER);
  for (const container of [prune, collect]) {
    const { exitCode = 0, message = '' } = lastEnd(container) ?? {};
    if (exitCode !== 0)
      return { phase: 'Failed', message: `${container?.name} ended with ${exitCode}: ${message}` };
  }
  // Kubernetes starts it again until the Deployment is scaled down.
  if (lastEnd(collect) !== undefined) return { phase: 'Ended', message: lastEnd(prune)?.message ?? '' };
  const { reason, message } = prune?.state?.waiting ?? {};
  if (reason === 'CreateContainerConfigError') return { phase: 'Waiting' };
  if (prune?.state !== undefined && prune.state.waiting === undefined) return { phase: 'Running' };
  const unscheduled = status?.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  )?.message;
  return { phase: 'Starting', message: [reason, message ?? unscheduled].filter(Boolean).join(': ') };
}

function find(statuses: readonly ContainerStatus[] | undefined, name: string): ContainerStatus | undefined {
  return statuses?.find((status) => status.name === name);
}

function lastEnd(status: ContainerStatus | undefined): State['terminated'] {
  return status?.state?.terminated ?? status?.lastState?.terminated;
}
