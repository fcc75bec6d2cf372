// What the controller decides about image builds, at a real API server; the test says how their Jobs end.
import { setTimeout as sleep } from 'node:timers/promises';
import { BuildahBuilder, type ImageBuilderProps, type Pipeline, type Registry, Tag } from 'keelson';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ImageBuild } from '../../apps/agent/controller/ledger.ts';
import { waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type Play, PlayedJobs, type SeenJob } from '../faults/played-jobs.ts';
import { jobFor } from '../faults/pushing.ts';
import {
  type ControllerStart,
  type PlatformOptions,
  type ProjectOptions,
  WatchedPlatform,
} from '../faults/watched-platform.ts';
import type { WatchedProject } from '../faults/watched-project.ts';

/** Longer than it takes until a Job that should not be there would be. */
const A_WHILE_MS = 4_000;

function project(props: Omit<ImageBuilderProps, 'target'> = {}): ProjectOptions {
  return {
    branches: ['main', 'other'],
    parts: (pipeline: Pipeline, registry: Registry) =>
      void new BuildahBuilder(pipeline, 'image', {
        ...props,
        target: registry.image('team/build', { tag: Tag.branch() }),
      }),
  };
}

async function started<Name extends string>(
  title: string,
  options: PlatformOptions<Name>,
  play: Play = async () => undefined,
  start: ControllerStart = {},
): Promise<{ platform: WatchedPlatform<Name>; jobs: PlayedJobs }> {
  const platform = await WatchedPlatform.apply(testApi().kubeconfig, title, options);
  const jobs = new PlayedJobs(platform, play);
  const controller = await platform.controller(start);
  onTestFinished(async () => {
    await controller.stop();
    await jobs.close();
    await platform.close();
  });
  return { platform, jobs };
}

/** Waits until the newest build of a commit is as it should be. */
function buildOf(
  watched: WatchedProject,
  commit: string,
  isSo: (build: ImageBuild) => boolean,
): Promise<ImageBuild> {
  const find = async (): Promise<ImageBuild | undefined> =>
    (await watched.ledger()).builds.findLast((build) => build.commit === commit);
  return waitFor(
    async () => {
      const build = await find();
      return build !== undefined && isSo(build) && build;
    },
    { timeout: 60_000, interval: 100, describe: async () => JSON.stringify(await find()) },
  );
}

const commitTo = (watched: WatchedProject, branch: string, file: string): Promise<string> =>
  watched.repository.commit(branch, { file: `${watched.home} ${file}` });

async function onlyJob(jobs: PlayedJobs, commit: string): Promise<SeenJob> {
  await jobFor(jobs, commit);
  const [job] = jobs.of(commit);
  if (job === undefined) throw new Error(`no Job for ${commit}`);
  return job;
}

describe.skipIf(withoutApi)(`image builds of a controller at a real API server${missing}`, () => {
  test('of one target run one after the other, in the order of the commits; another target does not wait', async () => {
    const { platform, jobs } = await started('queue', { projects: { queue: project() } });
    const watched = platform.projects.queue;
    const first = await commitTo(watched, 'main', '1');
    const job = await onlyJob(jobs, first);
    const second = await commitTo(watched, 'main', '2');
    await buildOf(watched, second, ({ phase }) => phase === 'Waiting');
    const third = await commitTo(watched, 'main', '3');
    await buildOf(watched, third, ({ phase }) => phase === 'Waiting');
    await jobFor(jobs, await commitTo(watched, 'other', '1'));
    await sleep(A_WHILE_MS);
    expect([jobs.of(second), jobs.of(third)]).toEqual([[], []]);
    await jobs.end(job);
    const next = await onlyJob(jobs, second);
    await sleep(A_WHILE_MS);
    expect(jobs.of(third)).toEqual([]);
    await jobs.end(next);
    await jobFor(jobs, third);
  });

  test('that are superseded end; the newer commit starts when the last of their pods is gone, and what waited is left out', async () => {
    const options = { projects: { newest: project({ concurrency: 'supersede' }) } };
    const { platform, jobs } = await started('supersede', options);
    const watched = platform.projects.newest;
    const { api } = platform;
    const first = await commitTo(watched, 'main', '1');
    const { namespace } = await onlyJob(jobs, first);
    // A pod that takes its time to end; nobody else makes the account that each needs.
    await api.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
    const pod = { name: 'pushing', namespace, finalizers: ['example.com/slow'] };
    const restricted = {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      runAsUser: 1000,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    };
    await api.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: pod,
      spec: { containers: [{ name: 'push', image: 'push', securityContext: restricted }] },
    });
    const second = await commitTo(watched, 'main', '2');
    await buildOf(watched, second, ({ phase }) => phase === 'Waiting');
    const third = await commitTo(watched, 'main', '3');
    await buildOf(watched, second, ({ phase }) => phase === 'Superseded');
    await sleep(A_WHILE_MS);
    expect(jobs.of(third)).toEqual([]);
    await api.delete(`/api/v1/namespaces/${namespace}/pods/${pod.name}`);
    const change = { metadata: { finalizers: null } };
    const contentType = 'application/merge-patch+json';
    await api.request('PATCH', `/api/v1/namespaces/${namespace}/pods/${pod.name}`, change, { contentType });
    await jobFor(jobs, third);
    await buildOf(watched, first, ({ phase }) => phase === 'Superseded');
    expect(jobs.of(second)).toEqual([]);
    expect(jobs.seen).toHaveLength(2);
  });

  test('that fail are tried again in a namespace of their own, as often as they may, and an Event says why', async () => {
    const options = { projects: { twice: project({ maxAttempts: 2 }) } };
    const { platform, jobs } = await started('attempts', options, async () => 'Failed');
    const watched = platform.projects.twice;
    const commit = await commitTo(watched, 'main', '1');
    const build = await buildOf(watched, commit, ({ phase }) => phase === 'Failed');
    expect(build.attempt).toBe(2);
    const [first, second] = jobs.of(commit);
    expect(first?.namespace).not.toBe(second?.namespace);
    // What fails for a moment is given time to pass.
    expect((second?.seenAt ?? 0) - (first?.endedAt ?? 0)).toBeGreaterThan(9_000);
    const failed = await waitFor(async () =>
      (await watched.events()).find(({ reason }) => reason === 'ImageBuildFailed'),
    );
    expect(failed.message).toContain(`image of ${commit}`);
    await sleep(A_WHILE_MS);
    expect(jobs.of(commit)).toHaveLength(2);
  });

  test('are no more at once than there may be, over all pipelines', async () => {
    const options = { controller: { maxConcurrentBuilds: 2 }, projects: { a: project(), b: project() } };
    const { platform, jobs } = await started('limit', options, async () => {
      await sleep(1_000);
      return 'Complete';
    });
    const commits: string[] = [];
    for (const watched of Object.values(platform.projects))
      for (const branch of ['main', 'other']) commits.push(await commitTo(watched, branch, branch));
    for (const commit of commits) await jobFor(jobs, commit);
    expect(jobs.mostAtOnce).toBe(2);
  });

  test('that have ended leave their namespaces for a time, and for ever where somebody keeps one', async () => {
    const retention = { succeededSeconds: 1, failedSeconds: 3_600, maxPerPipeline: 10 };
    const outcomes = new Map<string, 'Complete' | 'Failed'>();
    const { platform, jobs } = await started(
      'retention',
      { projects: { kept: project() } },
      async ({ commit }) => outcomes.get(commit) ?? 'Complete',
      { change: (configuration) => ({ ...configuration, retention }) },
    );
    const { api, projects } = platform;
    const namespaces: string[] = [];
    for (const file of ['gone', 'kept', 'failed']) {
      const commit = await commitTo(projects.kept, 'main', file);
      outcomes.set(commit, file === 'failed' ? 'Failed' : 'Complete');
      const { namespace } = await onlyJob(jobs, commit);
      await buildOf(projects.kept, commit, ({ finishedAt }) => finishedAt !== undefined);
      namespaces.push(namespace);
    }
    const [gone = '', kept = '', failed = ''] = namespaces;
    const change = { metadata: { annotations: { 'keelson.dev/keep': 'true' } } };
    const contentType = 'application/merge-patch+json';
    await api.request('PATCH', `/api/v1/namespaces/${kept}`, change, { contentType });
    const isDeleted = async (name: string): Promise<boolean> => {
      const { status, body } = await api.request<{ metadata: { deletionTimestamp?: string } }>(
        'GET',
        `/api/v1/namespaces/${name}`,
      );
      return status === 404 || body.metadata.deletionTimestamp !== undefined;
    };
    await waitFor(() => isDeleted(gone), { timeout: 90_000 });
    await sleep(A_WHILE_MS);
    expect([await isDeleted(kept), await isDeleted(failed)]).toEqual([false, false]);
    // That it is gone is no reason to build its commit once more.
    expect(jobs.seen).toHaveLength(3);
  }, 150_000);
});
