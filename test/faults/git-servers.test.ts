import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { GIT_FAULTS, GitFaults } from '../support/git-faults.ts';
import { count, isShort, report, seed, seeded, spread } from './figures.ts';
import { lasting, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, jobFor, pushOneByOne, settled } from './pushing.ts';
import { WatchedPlatform } from './watched-platform.ts';

const BRANCHES = ['main', 'feature/x'];
/** A look-up is given up after 20 s, and the next one comes after a pause. */
const CATCH_UP_MS = 45_000;

describe.skipIf(withoutApi)(`the controller and faulty git servers, at a real API server${missing}`, () => {
  test('every head is built once the server answers, and another pipeline does not notice', async () => {
    const random = seeded(seed);
    const faults = new GitFaults();
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'git', {
      projects: {
        faulty: { branches: BRANCHES, git: { intercept: faults.intercept } },
        other: { branches: ['main'], git: {} },
      },
    });
    const { faulty, other } = platform.projects;
    const jobs = new PlayedJobs(
      platform,
      lasting(() => random() * 500),
    );
    const controller = await platform.controller();
    let done = false;
    const steady = pushOneByOne(other, 'main', 5, { jobs, pause: () => random() * 500, more: () => !done });

    const pushed: string[] = [];
    const caughtUp: number[] = [];
    const tries: Record<string, number> = {};
    for (const fault of GIT_FAULTS) {
      if (isShort && ['silent', 'unfinished', 'page'].includes(fault)) continue;
      faults.fault = fault;
      const before = faults.faults;
      const commits = await Promise.all(
        BRANCHES.map((branch) => faulty.repository.commit(branch, { fault: `${fault} ${branch}` })),
      );
      pushed.push(...commits);
      await waitFor(async () => faults.faults > before);
      await sleep(count(12_000, 2_000));
      tries[fault] = faults.faults - before;
      expect(commits.flatMap((commit) => jobs.of(commit))).toEqual([]);
      faults.fault = undefined;
      const stoppedAt = Date.now();
      await Promise.all(commits.map((commit) => jobFor(jobs, commit, CATCH_UP_MS)));
      caughtUp.push(Date.now() - stoppedAt);
    }
    const events = await faulty.events();
    done = true;
    const others = await steady;
    await settled(platform);
    await controller.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, [...pushed.map((commit) => ({ commit })), ...others]);
    expect(events.filter(({ reason }) => reason === 'RepositoryNotRead').length).toBeGreaterThan(0);
    expect(controller.exitCode).toBe(0);
    report('git servers', {
      commits: pushed.length,
      'ms to catch up, p50': spread(caughtUp).p50,
      max: spread(caughtUp).max,
      ...Object.fromEntries(Object.entries(tries).map(([fault, number]) => [`${fault}, tries`, number])),
      'commits of the other pipeline': others.length,
      'ms to Job, p50': spread(others.map(({ toJob }) => toJob)).p50,
      'max of those': spread(others.map(({ toJob }) => toJob)).max,
    });
    // One look-up and its pauses: 1, 2, 4 and 8 s.
    for (const number of Object.values(tries)) expect(number).toBeLessThan(15);
    expect(spread(others.map(({ toJob }) => toJob)).max).toBeLessThan(10_000);
  });

  test('each push of an older commit is one more build; a branch that comes back with its commit is none', async () => {
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'forced', {
      projects: { project: { branches: ['main', 'gone'] } },
    });
    const { project } = platform.projects;
    const { repository } = project;
    const jobs = new PlayedJobs(platform);
    const controller = await platform.controller();
    const first = await repository.commit('main', { file: '1' });
    await jobFor(jobs, first);
    const second = await repository.commit('main', { file: '2' });
    await jobFor(jobs, second);
    const forced = count(20, 4);
    for (let number = 1; number <= forced; number++) {
      const commit = number % 2 === 1 ? first : second;
      await repository.setRef('refs/heads/main', commit);
      await waitFor(async () => jobs.of(commit).length === 1 + Math.ceil(number / 2));
    }

    const gone = await repository.commit('gone', { file: '3' });
    await jobFor(jobs, gone);
    await repository.deleteBranch('gone');
    await sleep(3_000);
    await repository.setRef('refs/heads/gone', gone);
    await sleep(3_000);
    const again = await repository.commit('gone', { file: '4' }, { parent: gone });
    await jobFor(jobs, again);
    await settled(platform);
    await controller.stop();
    await jobs.close();
    await platform.close();
    expect(jobs.of(first)).toHaveLength(1 + forced / 2);
    expect(jobs.of(second)).toHaveLength(1 + forced / 2);
    expect(jobs.of(gone)).toHaveLength(1);
    expect(jobs.seen).toHaveLength(4 + forced);
    expect(new Set(jobs.seen.map(({ namespace }) => namespace)).size).toBe(4 + forced);
    report('forced pushes', { pushes: forced, jobs: jobs.seen.length - 4 });
  });

  test('a repository of 5,000 refs, and one that is empty at first', async () => {
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'refs', {
      projects: { many: { branches: ['main'] }, empty: { branches: ['main'] } },
    });
    const { many, empty } = platform.projects;
    const base = await many.repository.commit('base', { file: 'base' });
    const names = Array.from({ length: 2_500 }, (_, index) => [
      `refs/heads/main-${index}`,
      `refs/tags/v0.0.${index}`,
    ]);
    many.repository.setRefs(names.flat(), base);
    const jobs = new PlayedJobs(platform);
    const controller = await platform.controller();
    const pushed = await pushOneByOne(many, 'main', count(10, 3), { jobs, pause: () => 200 });
    const polls = many.git.counters.requests;
    const { received, sent } = many.git.counters;
    const first = await pushOneByOne(empty, 'main', 1, { jobs, pause: () => 0 });
    await settled(platform);
    await controller.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(jobs, [...pushed, ...first]);
    report('5,000 refs', {
      commits: pushed.length,
      'ms to Job, max': spread(pushed.map(({ toJob }) => toJob)).max,
      'bytes a request': Math.round((received + sent) / polls),
    });
  });
});
