import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { Connection } from '../../apps/agent/kubernetes/connection.ts';
import { Events } from '../../apps/agent/kubernetes/events.ts';
import type { KubernetesObject } from '../../apps/agent/kubernetes/object.ts';
import { createLog } from '../../apps/agent/observe/log.ts';
import { connect, forEach } from '../apps/agent/kubernetes/connect.ts';
import { Api } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { type Faults, type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';

const namespace = `agent-client-${process.pid}`;
const FIELD_MANAGER = 'keelson-test';
const MAPS = { apiVersion: 'v1', kind: 'ConfigMap', namespace } as const;

let api: Api;
let direct: Kubernetes;
let proxy: FaultyProxy;

function configMap(name: string, value: string, labels: Record<string, string> = {}): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels }, data: { value } };
}

function numbered(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}

/** About every sixth request fails. */
const SOME: Faults = {
  conflict: 0.02,
  tooManyRequests: 0.02,
  internalError: 0.02,
  unavailable: 0.02,
  closedBefore: 0.03,
  closedAfter: 0.03,
  truncated: 0.02,
  delayed: 0.01,
};

describe.skipIf(withoutApi)(`the agent's client, a real API server and a proxy with faults${missing}`, () => {
  beforeAll(async () => {
    const { kubeconfig } = testApi();
    api = await Api.connect(kubeconfig);
    await api.createNamespace(namespace, 'restricted');
    direct = connect(kubeconfig);
    proxy = await startFaultyProxy(kubeconfig, { seed: 7, delay: 3000, retryAfter: 0, longestWatch: 1500 });
  });

  afterAll(async () => {
    await proxy?.close();
    await api?.delete(`/api/v1/namespaces/${namespace}`);
  });

  /** A client through the proxy, and what the proxy did to its requests. */
  async function withFaults<T>(
    faults: Faults,
    work: (client: Kubernetes) => Promise<T>,
  ): Promise<{ result: T; injected: Partial<FaultyProxy['counts']> }> {
    const before = { ...proxy.counts };
    proxy.setFaults(faults);
    try {
      const result = await work(connect(proxy.kubeconfig, 1500));
      const counts = Object.entries(proxy.counts).map(([fault, count]) => [
        fault,
        count - (before[fault as 'requests'] ?? 0),
      ]);
      return { result, injected: Object.fromEntries(counts) };
    } finally {
      proxy.setFaults({});
    }
  }

  test('100 objects are each created, applied, patched, read, and every other deleted, through every fault', async () => {
    const names = numbered(100, 'written');
    const { injected } = await withFaults(SOME, (client) =>
      forEach(names, async (name) => {
        const reference = { ...MAPS, name };
        // The object may be its own, where the answer to a first try got lost.
        await client.create(configMap(name, 'created')).catch((error: unknown) => {
          expect(error).toMatchObject({ reason: 'AlreadyExists' });
        });
        await client.apply(configMap(name, 'applied'), { fieldManager: FIELD_MANAGER });
        await client.patch(reference, { data: { patched: 'yes' } });
        expect((await client.get(reference))?.['data']).toEqual({ value: 'applied', patched: 'yes' });
        const metadata = await client.getMetadata(reference);
        expect(metadata).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name } });
        if (Number(name.split('-').at(-1)) % 2 === 0) await client.delete(reference, metadata?.metadata.uid);
      }),
    );
    const { items } = await direct.list(MAPS);
    const left = items.filter(({ metadata }) => metadata.name.startsWith('written-'));
    expect(left).toHaveLength(50);
    for (const { data } of left) expect(data).toEqual({ value: 'applied', patched: 'yes' });
    console.log('faults of 550 operations:', JSON.stringify(injected));
    for (const fault of Object.keys(SOME) as (keyof Faults)[])
      expect(injected[fault], fault).toBeGreaterThan(0);
  }, 60_000);

  test('a list of 1,200 objects is read in three pages, whole, also through faults', async () => {
    const labels = { set: 'paged' };
    await forEach(numbered(1200, 'paged'), (name) => direct.create(configMap(name, 'x'.repeat(500), labels)));
    const selection = { ...MAPS, labelSelector: 'set=paged' };
    const plain = await withFaults({}, (client) => client.list(selection));
    // One request for what the API has, and one a page.
    expect(plain.injected.requests).toBe(4);
    const { result, injected } = await withFaults({ ...SOME, truncated: 0.3 }, (client) =>
      client.list(selection),
    );
    for (const list of [plain.result, result]) {
      expect(new Set(list.items.map(({ metadata }) => metadata.name)).size).toBe(1200);
      expect(list.items.every(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'ConfigMap')).toBe(
        true,
      );
    }
    expect(injected.requests).toBeGreaterThanOrEqual(4);
  }, 60_000);

  test('Deployments are scaled through faults, and replicas read', async () => {
    const metadata = { name: 'scaled', namespace };
    const labels = { app: 'scaled' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const spec = { replicas: 0, selector: { matchLabels: labels }, template };
    await direct.create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
    const reference = { apiVersion: 'apps/v1', kind: 'Deployment', ...metadata };
    await withFaults(SOME, async (client) => {
      for (let count = 1; count <= 20; count++) {
        await client.scale(reference, count);
        expect(await client.replicas(reference)).toBe(count);
      }
      await client.scale(reference, 0);
    });
    expect(await direct.replicas(reference)).toBe(0);
    expect(await direct.replicas({ ...reference, name: 'missing' })).toBeUndefined();
  }, 60_000);

  test('only the object with the UID that is meant is deleted, and deleting again is no error', async () => {
    await direct.create(configMap('recreated', '1'));
    const reference = { ...MAPS, name: 'recreated' };
    const first = await direct.getMetadata(reference);
    await direct.delete(reference, first?.metadata.uid);
    await direct.create(configMap('recreated', '2'));
    await direct.delete(reference, first?.metadata.uid);
    expect((await direct.get(reference))?.['data']).toEqual({ value: '2' });
    await direct.delete(reference);
    await direct.delete(reference);
    const name = `${namespace}-deleted`;
    await api.createNamespace(name, 'restricted');
    await direct.delete({ apiVersion: 'v1', kind: 'Namespace', name });
    await direct.delete({ apiVersion: 'v1', kind: 'Namespace', name });
  });

  test('an API server whose certificate is another authority’s gets no request', async () => {
    const config = new KubeConfig();
    config.loadFromFile(testApi().kubeconfig);
    const { server = '', name = '' } = config.getCurrentCluster() ?? {};
    const caData = Buffer.from(CERTIFICATE).toString('base64');
    config.loadFromClusterAndUser(
      { name, server, caData, skipTLSVerify: false },
      config.getCurrentUser() ?? { name },
    );
    const client = new Kubernetes(new Connection(config)).until(AbortSignal.timeout(5000));
    await expect(client.open({ method: 'GET', path: '/version' })).rejects.toThrow(/certificate/);
  });

  test('Events are written through faults, once in ten minutes, about objects of all kinds', async () => {
    const lines: string[] = [];
    const log = createLog('test', { write: (line) => lines.push(line) });
    const about = (await direct.create(configMap('about', '1'))) as KubernetesObject;
    const whole = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
    await withFaults({ ...SOME, closedAfter: 0.3 }, async (client) => {
      const events = new Events(client, 'keelson-test', log);
      for (let count = 0; count < 3; count++) {
        await events.say(about, {
          type: 'Warning',
          reason: 'Tested',
          message: 'branch a\n\u001b[31m\u202eb',
        });
        await events.say(whole, { type: 'Normal', reason: 'Tested', message: '€'.repeat(1000) });
      }
      await forEach(numbered(20, 'said'), (message) =>
        events.say(about, { type: 'Normal', reason: 'Said', message }),
      );
    });
    const { items } = await direct.list({ apiVersion: 'v1', kind: 'Event', namespace });
    const texts = (reason: string): unknown[] =>
      items.filter((event) => event['reason'] === reason).map((event) => event['message']);
    const replaced = '\ufffd';
    expect(texts('Tested').sort()).toEqual([
      `branch a${replaced}${replaced}[31m${replaced}b`,
      '€'.repeat(341),
    ]);
    // One whose six tries have all met a fault is in the log.
    expect(lines.filter((line) => !line.includes('an Event was not written'))).toEqual([]);
    expect(lines.length).toBeLessThan(3);
    const said = texts('Said');
    expect(new Set(said).size).toBe(said.length);
    expect(said.length).toBeGreaterThanOrEqual(20 - lines.length);
  });

  test('an Event about what is gone with its namespace is no error', async () => {
    const lines: string[] = [];
    const events = new Events(
      direct,
      'keelson-test',
      createLog('test', { write: (line) => lines.push(line) }),
    );
    const metadata = { name: 'a', namespace: 'agent-client-never' };
    await events.say(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata },
      { type: 'Normal', reason: 'A', message: 'a' },
    );
    expect(lines).toEqual([]);
  });

  test('the proxy gives the same requests the same faults for one seed, and others for another', async () => {
    const outcomes = async (seed: number): Promise<string> => {
      const seeded = await startFaultyProxy(testApi().kubeconfig, { seed, faults: { ...SOME, delayed: 0 } });
      const client = connect(seeded.kubeconfig);
      const requests = numbered(10, 'path').map(async (name) => {
        let line = '';
        for (let count = 0; count < 30; count++) {
          const path = `/api/v1/namespaces/${namespace}/configmaps/${name}`;
          line += await client.open({ method: 'GET', path }).then(
            () => '.',
            (error: { status: number }) => (error.status === 404 ? '.' : `${error.status}`),
          );
        }
        return line;
      });
      const lines = await Promise.all(requests);
      await seeded.close();
      return lines.join('\n');
    };
    const [first, again, other] = [await outcomes(1), await outcomes(1), await outcomes(2)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(first).toMatch(/429/);
  });
});
