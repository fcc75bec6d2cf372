import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { hasEnded } from '../../apps/agent/controller/ledger.ts';
import { waitFor } from '../cluster/api.ts';
import type { PlayedJobs } from './played-jobs.ts';
import type { WatchedPlatform } from './watched-platform.ts';
import type { WatchedProject } from './watched-project.ts';

/** A commit that was pushed. */
export interface Pushed {
  readonly branch: string;
  readonly commit: string;
  /** How long it took until there was a Job for it, in milliseconds. */
  readonly toJob: number;
}

/** Options of {@link pushOneByOne}. */
export interface PushOptions {
  readonly jobs: PlayedJobs;
  /** How long after a Job the next commit comes, in milliseconds. */
  readonly pause: () => number;
  /** Whether more are pushed when so many are. */
  readonly more?: () => boolean;
  /** How long a Job is waited for, in milliseconds. @default 120_000 */
  readonly timeout?: number;
}

/** Pushes commits to a branch, each when the one before has its Job: so none of them may be skipped. */
export async function pushOneByOne(
  project: WatchedProject,
  branch: string,
  number: number,
  { jobs, pause, more = () => false, timeout = 120_000 }: PushOptions,
): Promise<readonly Pushed[]> {
  const pushed: Pushed[] = [];
  for (let index = 0; index < number || more(); index++) {
    const commit = await project.repository.commit(branch, { file: `${project.home} ${branch} ${index}` });
    const pushedAt = Date.now();
    pushed.push({ branch, commit, toJob: (await jobFor(jobs, commit, timeout)) - pushedAt });
    await sleep(pause());
  }
  return pushed;
}

/** Waits for the Job of a commit, and says when it was seen. */
export async function jobFor(jobs: PlayedJobs, commit: string, timeout = 120_000): Promise<number> {
  const job = await waitFor(async () => jobs.of(commit)[0], {
    timeout,
    interval: 50,
    describe: async () => `no Job for ${commit}`,
  });
  return job.seenAt;
}

/** Waits until everything that was asked for has ended, and says how long that took, in milliseconds. */
export async function settled(platform: WatchedPlatform, timeout = 120_000): Promise<number> {
  const startedAt = Date.now();
  for (const project of Object.values(platform.projects)) {
    const unfinished = async () => (await project.ledger()).builds.filter((build) => !hasEnded(build));
    await waitFor(async () => (await unfinished()).length === 0, {
      timeout,
      describe: async () => JSON.stringify(await unfinished()),
    });
  }
  return Date.now() - startedAt;
}

/** Expects that there was one Job for each commit, and no other, ever. */
export function expectOneJobEach(jobs: PlayedJobs, pushed: readonly Pick<Pushed, 'commit'>[]): void {
  const built = jobs.seen.map(({ commit }) => commit).sort();
  expect(built).toEqual(pushed.map(({ commit }) => commit).sort());
}
