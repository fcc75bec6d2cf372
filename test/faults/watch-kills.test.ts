import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { count, report, seed, seeded, spread } from './figures.ts';
import { type BuildJob, WatchedPipeline } from './watched-pipeline.ts';

const BRANCHES = ['main', 'develop', 'feature/x', 'feature-x', 'release-1.0'];

describe.skipIf(withoutApi)(`git-watch, killed at random points, at a real API server${missing}`, () => {
  test('builds every head of five branches exactly once', async () => {
    const random = seeded(seed);
    const commits = count(200, 30);
    const kills = count(200, 30);
    const pipeline = await WatchedPipeline.apply(testApi().kubeconfig, 'kills', BRANCHES);
    const repository = await pipeline.git.createRepository('project');
    const pushed: string[] = [];
    const delays: number[] = [];
    let done = false;

    const killed = async (): Promise<number> => {
      let number = 0;
      let controller = await pipeline.controller();
      while (!done) {
        // From before it has read its configuration to well after it has made a Job.
        await sleep(150 + random() * 1_500);
        if (number >= kills) continue;
        await controller.stop('SIGKILL');
        number++;
        controller = await pipeline.controller();
      }
      await controller.stop();
      expect(controller.exitCode).toBe(0);
      return number;
    };

    const jobOf = async (commit: string): Promise<BuildJob | undefined> =>
      (await pipeline.jobs()).find(({ metadata }) => annotation(metadata, 'commit') === commit);

    const push = async (branch: string, number: number): Promise<void> => {
      for (let index = 0; index < number; index++) {
        const commit = await repository.commit(branch, { file: `${branch} ${index}` });
        pushed.push(commit);
        const startedAt = Date.now();
        const job = await waitFor(() => jobOf(commit), {
          timeout: 120_000,
          interval: 100,
          describe: async () => `no Job for ${commit} of ${branch}`,
        });
        delays.push(Date.now() - startedAt);
        await sleep(random() * 200);
        await pipeline.end(job);
      }
    };

    const killing = killed();
    try {
      await Promise.all(BRANCHES.map((branch) => push(branch, commits / BRANCHES.length)));
      while (pushed.length < commits) await sleep(100);
    } finally {
      done = true;
    }
    const number = await killing;
    const jobs = await pipeline.jobs();
    const built = jobs.map(({ metadata }) => annotation(metadata, 'commit') ?? '').sort();
    await pipeline.close();
    expect(built).toEqual([...pushed].sort());
    const { p50, max } = spread(delays);
    report('git-watch', {
      kills: number,
      commits: pushed.length,
      jobs: jobs.length,
      'ms to Job, p50': p50,
      max,
    });
    expect(number).toBeGreaterThanOrEqual(Math.min(kills, 20));
  });
});

function annotation(metadata: BuildJob['metadata'], name: string): string | undefined {
  return (metadata['annotations'] as Record<string, string> | undefined)?.[`keelson.dev/${name}`];
}
