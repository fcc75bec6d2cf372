import { KubeConfig } from '@kubernetes/client-node';
import { Kubernetes } from '../../../../apps/agent/kubernetes/client.ts';
import { Connection } from '../../../../apps/agent/kubernetes/connection.ts';

/** A client for the API server of a kubeconfig, which waits so long for an answer. */
export function connect(kubeconfig: string, timeout?: number): Kubernetes {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return new Kubernetes(new Connection(config, timeout));
}

/** Does something with each, twenty at a time. */
export async function forEach<T>(all: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  const left = [...all];
  const workers = Array.from({ length: 20 }, async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await work(next);
  });
  await Promise.all(workers);
}
