import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { type Cluster, startApi } from '../cluster/cluster.ts';
import { missing, withoutApi } from '../cluster/provided.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { lasting, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, jobFor, pushOneByOne, settled } from './pushing.ts';
import { WatchedPlatform } from './watched-platform.ts';

const BRANCHES = ['main', 'develop', 'feature/x', 'feature-x', 'release-1.0'];
const POLL_SECONDS = 5;

describe.skipIf(withoutApi)(`the controller while its control plane is restarted${missing}`, () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startApi();
  }, 120_000);

  afterAll(() => cluster?.stop());

  test('builds every head exactly once while API server and etcd are killed and started again', async () => {
    const random = seeded(seed);
    const { kubeconfig } = cluster.controlPlane;
    const projects = Object.fromEntries(
      ['a', 'b'].map((name) => [name, { branches: BRANCHES, pollSeconds: POLL_SECONDS }]),
    );
    const platform = await WatchedPlatform.apply(kubeconfig, 'restarts', { projects });
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 3_000),
    );
    const controller = await platform.controller();
    const all = Object.values(platform.projects);
    const isReady = async (): Promise<boolean> =>
      (await platform.api.request('GET', '/readyz')).status === 200;
    let done = false;
    const away: number[] = [];

    const restarting = (async () => {
      for (let number = 0; number < count(12, 3); number++) {
        await sleep(2_000 + random() * 6_000);
        const name = number % 3 === 2 ? 'etcd' : 'kube-apiserver';
        const startedAt = Date.now();
        // Told to end, an API server waits up to a minute for its watches: once is enough.
        const graceful = name === 'etcd' ? random() < 0.5 : number === 4;
        await cluster.restart(name, graceful ? 'SIGTERM' : 'SIGKILL');
        await waitFor(isReady, { timeout: 90_000, describe: () => cluster.logs(name) });
        away.push(Date.now() - startedAt);
      }
    })().finally(() => {
      done = true;
    });

    const options = { jobs, pause: () => random() * 1_000, more: () => !done };
    const pushing = all.flatMap((project) =>
      BRANCHES.map((branch) => pushOneByOne(project, branch, 1, options)),
    );
    await restarting;
    const pushed = (await Promise.all(pushing)).flat();

    // What is pushed while there is no API server is found when there is one again.
    const gone = cluster.restart('kube-apiserver');
    const last = await Promise.all(
      all.map((project) => project.repository.commit('main', { last: project.home })),
    );
    await gone;
    await waitFor(isReady, { timeout: 90_000 });
    const readyAt = Date.now();
    await Promise.all(last.map((commit) => jobFor(jobs, commit)));
    await settled(platform);
    const caughtUp = Date.now() - readyAt;

    await controller.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, [...pushed, ...last.map((commit) => ({ commit }))]);
    expect(controller.exitCode).toBe(0);
    const { p50, max } = spread(pushed.map(({ toJob }) => toJob));
    report('control plane restarted', {
      restarts: away.length + 1,
      's away, p50': (spread(away).p50 / 1000).toFixed(1),
      'max of those': (spread(away).max / 1000).toFixed(1),
      commits: pushed.length + last.length,
      jobs: jobs.seen.length,
      'ms to Job, p50': p50,
      max,
      'ms to catch up': caughtUp,
    });
    expect(caughtUp).toBeLessThan(30_000);
  });
});
