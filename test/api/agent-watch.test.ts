import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import type { KubernetesObject } from '../../apps/agent/kubernetes/object.ts';
import { isOlder } from '../../apps/agent/kubernetes/resource-version.ts';
import { type Watched, watch } from '../../apps/agent/kubernetes/watch.ts';
import { connect, forEach } from '../apps/agent/kubernetes/connect.ts';
import { accountKubeconfig } from '../cluster/account-kubeconfig.ts';
import { Api, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';

const namespace = `agent-watch-${process.pid}`;
const MAPS = { apiVersion: 'v1', kind: 'ConfigMap', namespace, labelSelector: 'set=watched' } as const;

let api: Api;
let direct: Kubernetes;
let proxy: FaultyProxy;
let folder: string;

function configMap(name: string, value: string): KubernetesObject {
  const metadata = { name, namespace, labels: { set: 'watched' } };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value } };
}

/** Keeps what a watch says: the version of each object that is there. */
class Mirror {
  readonly versions = new Map<string, string>();
  /** How often an object was older than before. */
  backwards = 0;
  lists = 0;
  readonly #newest = new Map<string, string>();

  async run(client: Kubernetes, watched: Watched, signal: AbortSignal): Promise<void> {
    for await (const event of watch(client, watched, signal)) {
      if (event.type === 'listed') {
        this.lists++;
        this.versions.clear();
        for (const object of event.objects) this.#keep(object);
      } else if (event.type === 'changed') this.#keep(event.object);
      else this.versions.delete(event.object.metadata.name);
    }
  }

  #keep({ metadata: { name, resourceVersion = '' } }: KubernetesObject): void {
    this.versions.set(name, resourceVersion);
    if (isOlder(resourceVersion, this.#newest.get(name) ?? '')) this.backwards++;
    else this.#newest.set(name, resourceVersion);
  }
}

/** The heap that is in use, without garbage. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

async function versionsNow(): Promise<Record<string, string>> {
  const { items } = await direct.list(MAPS);
  const versions = items.map(({ metadata }) => [metadata.name, metadata.resourceVersion ?? '']);
  return Object.fromEntries(versions);
}

describe.skipIf(withoutApi)(`the agent's watch, a real API server and a proxy with faults${missing}`, () => {
  beforeAll(async () => {
    const { kubeconfig } = testApi();
    api = await Api.connect(kubeconfig);
    await api.createNamespace(namespace, 'restricted');
    direct = connect(kubeconfig);
    folder = await mkdtemp(join(tmpdir(), 'keelson-watch-'));
    proxy = await startFaultyProxy(kubeconfig, { seed: 11, delay: 3000, retryAfter: 0, longestWatch: 1500 });
  });

  afterAll(async () => {
    await proxy?.close();
    if (folder) await rm(folder, { recursive: true });
    await api?.delete(`/api/v1/namespaces/${namespace}`);
  });

  test('twenty watches see what becomes of 50 objects in 500 changes, through 200 faults and never backwards', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `map-${index}`);
    proxy.setFaults({
      // No watch lasts.
      watchClosed: 0.75,
      watchGone: 0.2,
      unavailable: 0.03,
      closedBefore: 0.02,
      staleList: 0.4,
      truncated: 0.02,
    });
    const stop = new AbortController();
    const client = connect(proxy.kubeconfig, 3000);
    const mirrors = Array.from({ length: 20 }, () => new Mirror());
    const running = Promise.all(mirrors.map((mirror) => mirror.run(client, MAPS, stop.signal)));
    const faults = (): number => {
      const { watchClosed, watchGone, staleList, unavailable, closedBefore, truncated } = proxy.counts;
      return watchClosed + watchGone + staleList + unavailable + closedBefore + truncated;
    };
    await forEach(names, (name) => direct.create(configMap(name, 'ü'.repeat(20_000))));
    const change = async (number: number): Promise<void> => {
      const name = names[(number * 7 + Math.floor(number / 50)) % names.length] ?? '';
      // Every fifth change is the end of an object, which another change brings back.
      if (number % 5 === 0) await direct.delete({ ...MAPS, name });
      else await direct.apply(configMap(name, `${number}`), { fieldManager: 'keelson-test' });
    };
    const deadline = Date.now() + 30_000;
    let changes = 50;
    while ((changes < 500 || faults() < 220) && Date.now() < deadline) {
      await Promise.all(Array.from({ length: 5 }, () => change(changes++)));
      await sleep(100);
    }
    proxy.setFaults({});
    const expected = await versionsNow();
    const upToDate = ({ versions }: Mirror): boolean =>
      JSON.stringify(Object.entries(Object.fromEntries(versions)).sort()) ===
      JSON.stringify(Object.entries(expected).sort());
    await waitFor(async () => mirrors.every(upToDate), { timeout: 25_000 });
    stop.abort();
    await running;
    const lists = mirrors.reduce((sum, mirror) => sum + mirror.lists, 0);
    console.log(`${changes} changes, ${lists} lists, faults: ${JSON.stringify(proxy.counts)}`);
    expect(changes).toBeGreaterThanOrEqual(500);
    expect(faults()).toBeGreaterThanOrEqual(200);
    expect(proxy.counts.staleList).toBeGreaterThan(5);
    expect(mirrors.map(({ backwards }) => backwards)).toEqual(mirrors.map(() => 0));
  }, 59_000);

  test('one object is watched with no more than the rights to get and watch it by its name', async () => {
    await direct.create(configMap('named', '0'));
    const client = connect(await accountThatMay(['get', 'watch'], 'named'));
    const stop = new AbortController();
    const seen: string[] = [];
    const value = (object: KubernetesObject | undefined): string =>
      (object?.['data'] as { value?: string } | undefined)?.value ?? '-';
    const running = (async () => {
      for await (const event of watch(client, { ...MAPS, name: 'named' }, stop.signal))
        seen.push(event.type === 'listed' ? value(event.objects[0]) : `${event.type} ${value(event.object)}`);
    })();
    await waitFor(async () => seen.length === 1);
    const reference = { ...MAPS, name: 'named' };
    await direct.patch(reference, { data: { value: '1' } });
    await direct.delete(reference);
    await direct.create(configMap('named', '2'));
    await waitFor(async () => seen.length === 4);
    stop.abort();
    await running;
    expect(seen).toEqual(['0', 'changed 1', 'deleted 1', 'changed 2']);
    await expect(client.get({ ...MAPS, name: 'map-0' })).rejects.toMatchObject({ status: 403 });
    await expect(client.list(MAPS)).rejects.toMatchObject({ status: 403 });
  });

  test('a hundred watches take less than 10 MB and 5% of a core while nothing happens', async () => {
    const stop = new AbortController();
    const mirrors = Array.from({ length: 100 }, () => new Mirror());
    const heapBefore = heapUsed();
    const running = Promise.all(mirrors.map((mirror) => mirror.run(direct, MAPS, stop.signal)));
    await waitFor(async () => mirrors.every(({ lists }) => lists === 1));
    await sleep(1000);
    const before = process.cpuUsage();
    await sleep(2000);
    const { user, system } = process.cpuUsage(before);
    const heap = heapUsed() - heapBefore;
    stop.abort();
    await running;
    console.log(
      `100 watches: ${(heap / 1e6).toFixed(1)} MB of heap, ${(user + system) / 1000} ms CPU in 2 s`,
    );
    expect(mirrors.every(({ lists }) => lists === 1)).toBe(true);
    expect(heap).toBeLessThan(10e6);
    expect((user + system) / 1000).toBeLessThan(100);
  });
});

/** A kubeconfig for a ServiceAccount that may do that with the ConfigMap of that name, and nothing else. */
async function accountThatMay(verbs: readonly string[], name: string): Promise<string> {
  const metadata = { name: 'reader', namespace };
  const rbac = 'rbac.authorization.k8s.io';
  const rules = [{ apiGroups: [''], resources: ['configmaps'], resourceNames: [name], verbs }];
  await direct.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  await direct.create({ apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules });
  await direct.create({
    apiVersion: `${rbac}/v1`,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', ...metadata }],
  });
  return accountKubeconfig(testApi().kubeconfig, metadata, join(folder, metadata.name));
}
