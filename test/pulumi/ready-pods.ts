// What a node would do, where there is none: it says of each pod that it is ready.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from 'kubernetes-types/core/v1.js';
import { Api } from '../cluster/api.ts';

export interface ReadyPods {
  stop(): Promise<void>;
}

/** Says so of all pods of a cluster until it is stopped. */
export async function readyPods(kubeconfig: string): Promise<ReadyPods> {
  const api = await Api.connect(kubeconfig);
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const { items } = await api.get<{ items: Pod[] }>('/api/v1/pods');
      for (const pod of items) if (!isReady(pod)) await makeReady(api, pod);
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
