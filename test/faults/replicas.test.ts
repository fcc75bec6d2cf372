import { setTimeout as sleep } from 'node:timers/promises';
import type { ControllerConfiguration, SourceConfiguration } from 'keelson';
import { describe, expect, test } from 'vitest';
import { RepositorySource } from '../../apps/agent/controller/git-credentials.ts';
import { LedgerStore } from '../../apps/agent/controller/ledger-store.ts';
import { watchHeads } from '../../apps/agent/controller/watch-heads.ts';
import { AddressPolicy } from '../../apps/agent/git/address-policy.ts';
import { GitHttp } from '../../apps/agent/git/refs-http.ts';
import type { Lease } from '../../apps/agent/kubernetes/lease.ts';
import { agentContext } from '../cluster/agent-context.ts';
import { serviceAccount, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import type { AgentProcess } from '../support/agent-process.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { lasting, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, pushOneByOne, settled } from './pushing.ts';
import { WatchedPlatform } from './watched-platform.ts';

const BRANCHES = ['main', 'develop', 'feature/x', 'feature-x', 'release-1.0'];
const PODS = ['keelson-controller-a', 'keelson-controller-b'] as const;
type Pod = (typeof PODS)[number];

describe.skipIf(withoutApi)(`two controllers at a real API server${missing}`, () => {
  test('build every head exactly once while leaders are killed, stopped and robbed of their Lease', async () => {
    const random = seeded(seed);
    const projects = { project: { branches: BRANCHES } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'replicas', { projects });
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 2_000),
    );
    const lease = new LeaseOf(platform);
    const replicas = new Map<string, AgentProcess>();
    for (const pod of PODS) replicas.set(pod, await platform.controller({ pod }));
    const waits: Record<string, number[]> = { killed: [], stopped: [], stolen: [], deleted: [] };
    let done = false;
    let deposed = 0;

    const events: Record<string, (leader: Pod, other: Pod) => Promise<number>> = {
      killed: async (leader, other) => {
        await replicas.get(leader)?.stop('SIGKILL');
        const wait = await lease.heldBy(other);
        replicas.set(leader, await platform.controller({ pod: leader }));
        return wait;
      },
      stopped: async (leader, other) => {
        const stopped = replicas.get(leader);
        stopped?.signal('SIGSTOP');
        const wait = await lease.heldBy(other);
        // The new leader has things done that the other knows nothing of.
        await sleep(3_000);
        const lines = stopped?.lines.length ?? 0;
        stopped?.signal('SIGCONT');
        await waitFor(async () => stopped?.lines.slice(lines).some((line) => line.includes('leads no more')));
        deposed++;
        return wait;
      },
      stolen: async (leader) => {
        await lease.giveTo('a-thief');
        await waitFor(async () => replicas.get(leader)?.lines.at(-1)?.includes('leads no more'));
        return lease.heldBy(...PODS);
      },
      deleted: async () => {
        await platform.api.delete(lease.path);
        return lease.heldBy(...PODS);
      },
    };

    const disturb = async (): Promise<void> => {
      for (let round = 0; round < count(4, 1); round++) {
        for (const [name, happen] of Object.entries(events)) {
          if (name === 'stolen' && count(1, 0) === 0) continue;
          const leader = (await waitFor(async () => lease.holder())) as Pod;
          await sleep(1_000 + random() * 3_000);
          const other = PODS.find((pod) => pod !== leader) ?? leader;
          waits[name]?.push(await happen(leader, other));
        }
      }
    };

    const options = { jobs, pause: () => random() * 1_000, more: () => !done };
    const pushing = Promise.all(
      BRANCHES.map((branch) => pushOneByOne(platform.projects.project, branch, 1, options)),
    );
    await disturb().finally(() => {
      done = true;
    });
    const pushed = (await pushing).flat();
    await settled(platform);
    for (const replica of replicas.values()) await replica.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, pushed);
    for (const replica of replicas.values()) expect(replica.exitCode).toBe(0);
    const figures = Object.entries(waits).map(([name, values]) => [
      `${name} (${values.length}), s until there was another leader, max`,
      (spread(values).max / 1000).toFixed(1),
    ]);
    report('two controllers', {
      commits: pushed.length,
      jobs: jobs.seen.length,
      deposed,
      ...(Object.fromEntries(figures) as Record<string, string>),
    });
  });

  test('build every head exactly once while both of them lead', async () => {
    const random = seeded(seed);
    const projects = { project: { branches: BRANCHES } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'leaders', { projects });
    await mayHoldLease(platform, 'another-lease');
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 1_000),
    );
    const [a, b] = PODS;
    const change = (given: ControllerConfiguration) => ({ ...given, lease: 'another-lease' });
    const leaders = [await platform.controller({ pod: a }), await platform.controller({ pod: b, change })];
    for (const leader of leaders) await leader.logged('"leads"');

    const noted = (): readonly number[] =>
      leaders.map(({ lines }) => lines.filter((line) => line.includes('a new head was noted')).length);
    // It may take a while until the one that usually looks later is the first to look.
    const more = (): boolean => Math.min(...noted()) === 0 && jobs.seen.length < 300;
    const options = { jobs, pause: () => random() * 300, more };
    const pushing = BRANCHES.map((branch) =>
      pushOneByOne(platform.projects.project, branch, count(20, 4), options),
    );
    const pushed = (await Promise.all(pushing)).flat();
    await settled(platform);
    for (const leader of leaders) await leader.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, pushed);
    report('two leaders', {
      commits: pushed.length,
      jobs: jobs.seen.length,
      'noted by the one': noted()[0] ?? 0,
      'by the other': noted()[1] ?? 0,
    });
    expect(Math.min(...noted())).toBeGreaterThan(0);
  });

  test('note nothing of the past: one that had looked at heads before the other did', async () => {
    const projects = { project: { branches: ['main'] } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'late', { projects });
    const { project } = platform.projects;
    const as = serviceAccount(platform.namespace, 'keelson-controller');
    const context = agentContext(platform.kubeconfig, as);
    const http = new GitHttp({ addresses: new AddressPolicy({ allow: ['127.0.0.0/8'] }) });
    const signal = new AbortController().signal;
    const configuration = await project.configuration();
    const look = async (reads: () => Promise<void>): Promise<void> => {
      const handle = {
        ...{ name: 'project', namespace: project.home, source: configuration.source as SourceConfiguration },
        configuration: async () => {
          await reads();
          return configuration;
        },
      };
      const ledger = new LedgerStore(context.client, project.home);
      const repository = new RepositorySource(context.client, project.home);
      const noted = (): void => undefined;
      await watchHeads(context, { pipeline: handle, ledger, repository, http, noted, ended: noted, signal });
    };

    const first = await project.repository.commit('main', { file: 'first' });
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let isHeld = false;
    const late = look(() => {
      isHeld = true;
      return held;
    });
    await waitFor(async () => isHeld);
    await look(async () => undefined);
    const second = await project.repository.commit('main', { file: 'second' });
    await look(async () => undefined);
    goOn();
    await late;
    const { builds, heads } = await project.ledger();
    http.close();
    await platform.close();
    expect(builds.map(({ commit }) => commit)).toEqual([first, second]);
    expect(heads).toEqual({ main: second });
  });
});

/** Lets the controller hold a Lease that is not its own. */
async function mayHoldLease({ api, namespace }: WatchedPlatform, lease: string): Promise<void> {
  const metadata = { name: lease, namespace };
  const rbac = 'rbac.authorization.k8s.io';
  const apiVersion = `${rbac}/v1`;
  const rule = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [lease] };
  await api.apply({ apiVersion, kind: 'Role', metadata, rules: [{ ...rule, verbs: ['get', 'patch'] }] });
  await api.apply({
    apiVersion,
    kind: 'RoleBinding',
    metadata,
    roleRef: { apiGroup: rbac, kind: 'Role', name: lease },
    subjects: [{ kind: 'ServiceAccount', name: 'keelson-controller', namespace }],
  });
  await api.apply({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} });
}

/** The Lease of a platform's controllers. */
class LeaseOf {
  readonly path: string;
  readonly #platform: WatchedPlatform;

  constructor(platform: WatchedPlatform) {
    this.#platform = platform;
    this.path = `/apis/coordination.k8s.io/v1/namespaces/${platform.namespace}/leases/keelson-controller`;
  }

  async holder(): Promise<string | undefined> {
    const { status, body } = await this.#platform.api.request<Lease>('GET', this.path);
    return status === 200 ? body.spec?.holderIdentity : undefined;
  }

  /** Waits until one of these holds it, and says how long that took, in milliseconds. */
  async heldBy(...pods: readonly string[]): Promise<number> {
    const startedAt = Date.now();
    await waitFor(async () => pods.includes((await this.holder()) ?? ''), { interval: 50 });
    return Date.now() - startedAt;
  }

  /** Writes another holder, as somebody who does not ask would. */
  async giveTo(holderIdentity: string): Promise<void> {
    const spec = { holderIdentity, renewTime: new Date().toISOString().replace('Z', '000Z') };
    const contentType = 'application/merge-patch+json';
    const { status } = await this.#platform.api.request('PATCH', this.path, { spec }, { contentType });
    expect(status).toBe(200);
  }
}
