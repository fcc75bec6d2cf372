import { setTimeout as sleep } from 'node:timers/promises';
import { BuildahBuilder, KeelWatchedBuild, Tag } from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageBuild } from '../../apps/agent/controller/ledger.ts';
import type { KnownImage } from '../../apps/agent/status/known-images.ts';
import { type KubernetesObject, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { push } from '../cluster/registry.ts';
import { type LocalRegistry, startLocalRegistry } from '../support/local-registry.ts';
import { REGISTRY_FAULTS, RegistryFront } from '../support/registry-front.ts';
import { atRegistry } from './at-registry.ts';
import { count, isShort, report, seed, seeded, spread } from './figures.ts';
import { type Play, PlayedJobs } from './played-jobs.ts';
import { expectOneJobEach, jobFor } from './pushing.ts';
import { type ProjectOptions, WatchedPlatform } from './watched-platform.ts';
import type { WatchedProject } from './watched-project.ts';

const BRANCHES = ['main', 'develop'];

describe.skipIf(withoutApi)(`the controller and a faulty registry, at a real API server${missing}`, () => {
  let registry: LocalRegistry;
  let front: RegistryFront;
  /** What was pushed for each commit. */
  const digests = new Map<string, string>();

  beforeAll(async () => {
    registry = await startLocalRegistry();
    front = await RegistryFront.start(registry.host);
  }, 120_000);

  afterAll(async () => {
    await front?.close();
    await registry?.close();
  });

  /** Pushes an image with both tags, as builders do. */
  const builds: Play = async ({ branch, commit }) => {
    const image = { Labels: { 'example.com/commit': commit } };
    await push(registry.host, `team/build:${branch}-${commit}`, [], image);
    digests.set(commit, await push(registry.host, `team/build:${branch}`, [], image));
    return 'Complete';
  };

  const project = (): ProjectOptions => ({
    branches: BRANCHES,
    parts: (pipeline, known) => {
      const target = known.image('team/build', { tag: Tag.branch() });
      const image = new BuildahBuilder(pipeline, 'image', { target });
      new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
    },
    change: (configuration) => atRegistry(configuration, front.host),
  });

  test('images are built meanwhile, and their digests noted when the registry answers again', async () => {
    const random = seeded(seed);
    const options = { projects: { project: project() } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'registry', options);
    const { project: watched } = platform.projects;
    const jobs = new PlayedJobs(platform, builds);
    const controller = await platform.controller();
    const first = await watched.repository.commit('main', { file: 'first' });
    await jobFor(jobs, first);
    const pushed = [first];
    const toJob: number[] = [];
    const caughtUp: number[] = [];
    for (const fault of REGISTRY_FAULTS) {
      if (isShort && ['silent', 'unavailable', 'reset'].includes(fault)) continue;
      await noted(watched, pushed, digests);
      await front.fail(fault);
      const startedAt = Date.now();
      for (const [index, branch] of [...BRANCHES, 'main'].entries()) {
        const commit = await watched.repository.commit(branch, { file: `${fault} ${index}` });
        const pushedAt = Date.now();
        pushed.push(commit);
        toJob.push((await jobFor(jobs, commit)) - pushedAt);
        await buildOf(watched, commit, ({ phase }) => phase === 'Succeeded');
      }
      const longest = fault === 'down' ? count(60_000, 4_000) : count(12_000, 2_000);
      await sleep(longest * (0.8 + random() * 0.2) - (Date.now() - startedAt));
      const unknown = (await watched.ledger()).builds.filter(({ digest }) => digest === undefined);
      expect(unknown.map(({ commit }) => commit)).toEqual(pushed.slice(-3));
      await front.fail(undefined);
      const stoppedAt = Date.now();
      await noted(watched, pushed, digests);
      caughtUp.push(Date.now() - stoppedAt);
    }
    await controller.stop();
    await jobs.close();
    await platform.close();
    expectOneJobEach(
      jobs,
      pushed.map((commit) => ({ commit })),
    );
    report('registry', {
      commits: pushed.length,
      'ms to Job, p50': spread(toJob).p50,
      max: spread(toJob).max,
      'ms until digests were noted, p50': spread(caughtUp).p50,
      'max of those': spread(caughtUp).max,
    });
    expect(spread(toJob).max).toBeLessThan(10_000);
  });

  test('a push that was missed meanwhile is rolled afterwards, once', async () => {
    const options = { projects: { project: project() } };
    const platform = await WatchedPlatform.apply(testApi().kubeconfig, 'missed', options);
    const { api, projects } = platform;
    const { project: watched } = projects;
    const { home } = watched;
    const old = await push(registry.host, 'team/build:main', [], { Labels: { old: home } });
    const path = `/apis/apps/v1/namespaces/${home}/deployments/build`;
    const image = `${front.host}/team/build:main`;
    const spec = { template: { spec: { containers: [{ name: 'build', image }] } } };
    const strategic = { contentType: 'application/strategic-merge-patch+json' };
    await api.request('PATCH', path, { spec }, strategic);
    await playPod(platform, home, `${front.host}/team/build@${old}`);
    const before = await api.get<Deployment>(path);

    const jobs = new PlayedJobs(platform, builds);
    const controller = await platform.controller();
    const first = await watched.repository.commit('develop', { file: 'first' });
    await buildOf(watched, first, ({ digest }) => digest !== undefined);
    await front.fail('down');
    const startedAt = Date.now();
    const commit = await watched.repository.commit('main', { file: home });
    await buildOf(watched, commit, ({ phase }) => phase === 'Succeeded');
    await sleep(count(60_000, 5_000) - (Date.now() - startedAt));
    await front.fail(undefined);
    const stoppedAt = Date.now();
    const rolled = await waitFor(
      async () => {
        const now = await api.get<Deployment>(path);
        return rolledFor(now) === digests.get(commit) && now;
      },
      { timeout: 120_000 },
    );
    const after = Date.now() - stoppedAt;
    // Two more looks.
    await sleep(count(130_000, 7_000));
    const last = await api.get<Deployment>(path);
    await controller.stop();
    await jobs.close();
    await platform.close();
    expect(rolled.metadata['generation']).toBe((before.metadata['generation'] as number) + 1);
    expect(last.metadata['generation']).toBe(rolled.metadata['generation']);
    expect(rolledFor(last)).toBe(digests.get(commit));
    report('missed push', { 's until it was rolled': (after / 1000).toFixed(1), rolls: 1 });
  });
});

interface Deployment extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: object; readonly annotations?: Record<string, string> };
      readonly spec: object;
    };
  };
}

function rolledFor({ spec }: Deployment): string | undefined {
  return spec.template.metadata.annotations?.['keelson.dev/rolled-for'];
}

/** A pod of the build, of which the kubelet would say that it runs an image. */
async function playPod({ api }: WatchedPlatform, namespace: string, imageID: string): Promise<void> {
  const { spec } = await api.get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/build`);
  const { labels } = spec.template.metadata;
  const metadata = { name: 'build-played', namespace, labels };
  await api.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: spec.template.spec });
  const container = { name: 'build', image: 'build', imageID, ready: true, restartCount: 0 };
  const state = { running: { startedAt: new Date().toISOString() } };
  const status = { phase: 'Running', containerStatuses: [{ ...container, state }] };
  const contentType = 'application/merge-patch+json';
  const path = `/api/v1/namespaces/${namespace}/pods/build-played/status`;
  const { status: code } = await api.request('PATCH', path, { status }, { contentType });
  expect(code).toBe(200);
}

/** Waits until the build of a commit is as it should be. */
function buildOf(
  project: WatchedProject,
  commit: string,
  is: (build: ImageBuild) => boolean,
): Promise<ImageBuild> {
  return waitFor(
    async () => (await project.ledger()).builds.find((build) => build.commit === commit && is(build)),
    {
      interval: 100,
      describe: async () =>
        `the build of ${commit}: ${JSON.stringify((await project.ledger()).builds.at(-1))}`,
    },
  );
}

/** Waits until the gate can tell of each commit which image is its own. */
async function noted(
  project: WatchedProject,
  commits: readonly string[],
  digests: ReadonlyMap<string, string>,
): Promise<void> {
  for (const commit of commits)
    await buildOf(project, commit, ({ digest }) => digest !== undefined && digest === digests.get(commit));
  const images = await project.images('build-status');
  const known = images.map(({ commit, digest }) => [commit, digest]);
  for (const commit of commits) expect(known).toContainEqual([commit, digests.get(commit)]);
  expect(images.every(({ branch = '' }: KnownImage) => BRANCHES.includes(branch))).toBe(true);
}
