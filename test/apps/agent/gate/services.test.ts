import { expect, test } from 'vitest';
import { Services } from '../../../../apps/agent/gate/services.ts';
import type { Kubernetes } from '../../../../apps/agent/kubernetes/client.ts';
import { createLog } from '../../../../apps/agent/observe/log.ts';
import type { ServiceConfiguration } from '../../../../lib/agent/configuration.ts';

const rabbit: ServiceConfiguration = {
  name: 'rabbitmq',
  deployment: 'rabbitmq',
  readiness: { tcp: { host: 'rabbitmq', port: 5672 } },
};

/** A service of so many replicas whose pods are as said, at one look after the other. */
function serviceOf(
  replicas: number,
  ...looks: readonly (readonly string[])[]
): { services: Services; looked: string[] } {
  const looked: string[] = [];
  const client = {
    get: async () => ({ spec: { replicas, selector: { matchLabels: { app: 'rabbitmq', tier: 'x' } } } }),
    list: async ({ labelSelector }: { labelSelector: string }) => {
      const phases = looks[Math.min(looked.length, looks.length - 1)] ?? [];
      looked.push(labelSelector);
      return { items: phases.map((phase) => ({ status: { phase } })) };
    },
  };
  const log = createLog('test', { write: () => undefined });
  return { services: new Services(client as unknown as Kubernetes, 'ci', [rabbit], log), looked };
}

const never = new AbortController().signal;

test('a service that was stopped is waited for until its pods are gone', async () => {
  const { services, looked } = serviceOf(0, ['Running'], ['Running', 'Succeeded'], ['Succeeded', 'Failed']);
  await services.whenEnded(never);
  expect(looked).toEqual(Array.from({ length: 3 }, () => 'app=rabbitmq,tier=x'));
});

test('a service that runs, for another build, is not', async () => {
  const { services, looked } = serviceOf(1, ['Running']);
  await services.whenEnded(never);
  expect(looked).toEqual([]);
});

test('a gate that is told to end waits no longer', async () => {
  const stop = new AbortController();
  const waiting = serviceOf(0, ['Running']).services.whenEnded(stop.signal);
  stop.abort();
  await expect(waiting).rejects.toThrow();
});
