import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readKubeconfig } from '../cluster/kubeconfig.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import { digest, withBuilds } from '../support/played/use.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { type Counts, GateLane } from './gate-lane.ts';

const LANES = 4;

/** What goes wrong between gates and API server, beside the kills. */
const FAULTS = {
  conflict: 0.03,
  tooManyRequests: 0.01,
  internalError: 0.02,
  unavailable: 0.02,
  closedBefore: 0.02,
  closedAfter: 0.03,
  truncated: 0.02,
};

describe.skipIf(withoutApi)(`gates and build pods that are killed, at a real API server${missing}`, () => {
  let agent: AgentBundle;
  let proxy: FaultyProxy;
  let server: string;
  beforeAll(async () => {
    agent = await bundleAgent();
    proxy = await startFaultyProxy(testApi().kubeconfig, { seed });
    ({ server } = await readKubeconfig(proxy.kubeconfig));
  });
  afterAll(async () => {
    await proxy.close();
    await agent.remove();
  });

  test.each([
    ['directly', {}],
    ['through a proxy that fails', FAULTS],
  ])('each image is built once to its end, and nothing is left of any build: %s', async (what, faults) => {
    proxy.setFaults(faults);
    const needed = count(50, 6);
    const counts: Counts = {
      gateKills: 0,
      podKills: 0,
      erasedHolds: 0,
      builds: 0,
      recoveries: [],
      faults: [],
    };
    const enough = (): boolean => counts.gateKills >= needed && counts.podKills >= needed;
    const lane = (_: unknown, index: number): Promise<void> =>
      GateLane.run(agent.path, server, seeded(seed + index), counts, enough);
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
    } finally {
      proxy.setFaults({});
    }
    const { p50, max } = spread(counts.recoveries);
    const { gateKills, podKills, erasedHolds, builds } = counts;
    report(`gates killed, ${what}`, {
      'kills of gates': gateKills,
      'of pods': podKills,
      'holds erased': erasedHolds,
      builds,
      'ms to recover, p50': p50,
      max,
    });
    expect(counts.faults).toEqual([]);
  });

  test('an API server that is away for longer than a Lease holds good', async () => {
    await withBuilds(agent.path, { server }, async (build) => {
      const command = ['sh', '-c', 'echo ran >> "$RAN"; while [ ! -e enough ]; do sleep 0.1; done'];
      const pod = await build.pod({ digest: digest(), command, timeout: 300 });
      await pod.hasRun();
      proxy.setFaults({ closedBefore: 1 });
      await sleep(count(75_000, 8_000));
      pod.write('enough');
      await pod.says('result', '1 0');
      await sleep(2000);
      proxy.setFaults({});
      const startedAt = Date.now();
      await build.until(pod, 'Succeeded');
      await build.atRest();
      report('an API server that was away', { 'ms to the result after its return': Date.now() - startedAt });
      expect(pod.runs).toEqual(['ran']);
    });
  });
});
