import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { lasting, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, pushOneByOne, settled } from './pushing.ts';
import { WatchedPlatform } from './watched-platform.ts';

const BRANCHES = ['main', 'develop', 'feature/x', 'feature-x', 'release-1.0'];

describe.skipIf(withoutApi)(`git-watch, killed at random points, at a real API server${missing}`, () => {
  test('builds every head of five branches exactly once', async () => {
    const random = seeded(seed);
    const commits = count(200, 30);
    const kills = count(200, 20);
    const projects = { project: { branches: BRANCHES } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'kills', { projects });
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 500),
    );
    let done = false;
    let number = 0;

    const killing = (async (): Promise<void> => {
      let controller = await platform.controller();
      while (!done) {
        // From before it has read its configuration to well after it has made a Job.
        await sleep(150 + random() * 1_200);
        if (number >= kills) continue;
        await controller.stop('SIGKILL');
        number++;
        controller = await platform.controller();
      }
      await settled(platform);
      await controller.stop();
      expect(controller.exitCode).toBe(0);
    })();

    const options = { jobs, pause: () => random() * 200, more: () => number < kills };
    const pushing = BRANCHES.map((branch) =>
      pushOneByOne(platform.projects.project, branch, commits / BRANCHES.length, options),
    );
    const pushed = (
      await Promise.all(pushing).finally(() => {
        done = true;
      })
    ).flat();
    await killing;
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, pushed);
    const { p50, max } = spread(pushed.map(({ toJob }) => toJob));
    report('git-watch', {
      kills: number,
      commits: pushed.length,
      jobs: jobs.seen.length,
      'ms to Job, p50': p50,
      max,
    });
  });
});
