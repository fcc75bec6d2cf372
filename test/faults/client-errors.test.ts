import { describe, expect, test } from 'vitest';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type Faults, startFaultyProxy } from '../support/faulty-proxy.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { lasting, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, jobFor, pushOneByOne, settled } from './pushing.ts';
import { WatchedPlatform } from './watched-platform.ts';

const BRANCHES = ['main', 'develop', 'feature/x', 'feature-x', 'release-1.0'];
const POLL_SECONDS = 20;

const FAULTS: Faults = {
  conflict: 0.05,
  tooManyRequests: 0.04,
  internalError: 0.05,
  unavailable: 0.04,
  closedBefore: 0.03,
  closedAfter: 0.04,
  truncated: 0.03,
  delayed: 0.005,
  staleList: 0.3,
  watchClosed: 0.4,
  watchGone: 0.3,
};

describe.skipIf(withoutApi)(`the controller behind a faulty way to a real API server${missing}`, () => {
  test('builds every head exactly once, follows each build to its end, and catches up when faults stop', async () => {
    const random = seeded(seed);
    const projects = Object.fromEntries(
      Array.from({ length: count(4, 2) }, (_, index) => [
        `project-${index}`,
        { branches: BRANCHES, pollSeconds: POLL_SECONDS },
      ]),
    );
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'errors', { projects });
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 5_000),
    );
    const proxy = await startFaultyProxy(platform.accountKubeconfig, { seed, faults: FAULTS });
    const controller = await platform.controller({ kubeconfig: proxy.kubeconfig });

    const options = { jobs, pause: () => random() * 1_000, timeout: 300_000 };
    const perBranch = count(6, 2);
    const all = Object.values(platform.projects);
    const pushing = all.flatMap((project) =>
      BRANCHES.map((branch) => pushOneByOne(project, branch, perBranch, options)),
    );
    const pushed = (await Promise.all(pushing)).flat();

    // The last commits are pushed amid the faults.
    const last = await Promise.all(
      all.map((project) => project.repository.commit('main', { last: project.home })),
    );
    proxy.setFaults({});
    const stoppedAt = Date.now();
    await Promise.all(last.map((commit) => jobFor(jobs, commit)));
    await settled(platform);
    const caughtUp = Date.now() - stoppedAt;

    await controller.stop();
    await jobs.close();
    await proxy.close();
    await platform.close();
    expectOneJobEach(jobs, [...pushed, ...last.map((commit) => ({ commit }))]);
    expect(controller.exitCode).toBe(0);
    const { p50, max } = spread(pushed.map(({ toJob }) => toJob));
    const { requests, watches, ...faults } = proxy.counts;
    const injected = Object.values(faults).reduce((sum, number) => sum + number, 0);
    report('client errors', {
      commits: pushed.length + last.length,
      jobs: jobs.seen.length,
      requests,
      watches,
      'faulty answers': injected,
      ...faults,
      'ms to Job, p50': p50,
      max,
      'ms to catch up': caughtUp,
    });
    expect(caughtUp).toBeLessThan(2 * POLL_SECONDS * 1000);
  });
});
