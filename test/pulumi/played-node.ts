// What a node and a provisioner of volumes would do, where there is none: each pod is ready, and each claim gets a volume.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PersistentVolumeClaim, Pod } from 'kubernetes-types/core/v1.js';
import { Api } from '../cluster/api.ts';

export interface PlayedNode {
  stop(): Promise<void>;
}

/** Does so for a cluster until it is stopped. */
export async function playNode(kubeconfig: string): Promise<PlayedNode> {
  const api = await Api.connect(kubeconfig);
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      for (const pod of await list<Pod>(api, 'pods')) if (!isReady(pod)) await makeReady(api, pod);
      const claims = await list<PersistentVolumeClaim>(api, 'persistentvolumeclaims');
      for (const claim of claims) if (claim.status?.phase === 'Pending') await makeVolume(api, claim);
      await sleep(300);
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

async function list<T>(api: Api, resource: string): Promise<readonly T[]> {
  return (await api.get<{ items: T[] }>(`/api/v1/${resource}`)).items;
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type }) => type === 'Ready') ?? false;
}

/** A pod that is gone since is no error. */
async function makeReady(api: Api, { metadata }: Pod): Promise<void> {
  const path = `/api/v1/namespaces/${metadata?.namespace}/pods/${metadata?.name}/status`;
  const conditions = ['Ready', 'ContainersReady'].map((type) => ({ type, status: 'True' }));
  const body = { status: { phase: 'Running', conditions } };
  await api.request('PATCH', path, body, { contentType: 'application/merge-patch+json' });
}

async function makeVolume(api: Api, { metadata, spec }: PersistentVolumeClaim): Promise<void> {
  await api.apply({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${metadata?.uid}` },
    spec: {
      capacity: { storage: spec?.resources?.requests?.['storage'] },
      accessModes: spec?.accessModes,
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace: metadata?.namespace, name: metadata?.name },
      hostPath: { path: '/volume' },
    },
  });
}
