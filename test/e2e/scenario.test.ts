import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, waitFor } from '../cluster/api.ts';
import { missing, withoutNode } from '../cluster/provided.ts';
import { printLogsOnFailure, runsOf, waitForRun } from './harness.ts';
import { type InstalledPipeline, installPipeline } from './installed.ts';
import {
  atRest,
  buildPods,
  changeGate,
  imageBuilt,
  isHeld,
  jobOf,
  jobsOf,
  leaseHolder,
  patch,
  services,
} from './observed.ts';
import { NAMESPACES } from './pipeline.ts';
import { whatIsReal } from './programs.ts';
import { Timeline } from './timeline.ts';

const namespace = NAMESPACES.pipeline;

describe.skipIf(withoutNode)(
  `commits pass the whole pipeline on a real node, with ${whatIsReal}${missing}`,
  () => {
    let api: Api;
    let installed: InstalledPipeline;

    beforeAll(async () => {
      installed = await installPipeline();
      api = installed.api;
    });
    afterAll(() => installed.remove());
    printLogsOnFailure(() => api, Object.values(NAMESPACES));

    test('two of them, the second while the first is tested: each is built once and released', async () => {
      const timeline = new Timeline();
      await waitFor(async () => (await services(api)).every((replicas) => replicas === 0), {
        describe: async () => `services ${await services(api)}`,
      });
      timeline.mark('the services are at rest');
      // The first pod can't pull an image that nobody has pushed.
      expect(await leaseHolder(api)).toBeUndefined();
      expect(await isHeld(api)).toBe(false);

      const first = await installed.pushCommit({ version: '0.1.0', seconds: 40 });
      await jobOf(api, first);
      timeline.mark('first commit: namespace and Job are there');
      await imageBuilt(api, first);
      timeline.mark('its image is built');
      const running = await waitForRun(api, { namespace, phases: ['Running'] });
      timeline.mark('it is tested: the gate has let it run');
      expect(running).toMatchObject({ commit: first, branch: 'main' });
      expect(await isHeld(api)).toBe(true);
      expect(await services(api)).toEqual([1, 1]);

      const second = await installed.pushCommit({ version: '0.2.0' });
      await imageBuilt(api, second);
      timeline.mark('second commit: its image is built meanwhile');
      await sleep(5_000);
      expect(await runsOf(api, namespace)).toMatchObject([{ id: running.id, phase: 'Running' }]);
      expect((await buildPods(api)).map(({ metadata }) => metadata?.uid)).toEqual([running.id]);

      const passed = await waitForRun(api, { namespace, commit: first, phases: ['Succeeded'] });
      timeline.mark('first commit: it has passed');
      expect(passed).toMatchObject({ id: running.id, exitCode: 0 });
      await waitFor(
        async () =>
          installed.github.releases.some((release) => release.tag_name === 'v0.1.0' && !release.draft),
        {
          timeout: 120_000,
          describe: async () => JSON.stringify((await runsOf(api, namespace))[0]),
        },
      );
      timeline.mark('it is released');

      await waitForRun(api, { namespace, commit: second, phases: ['Running', 'Succeeded'] });
      timeline.mark('second commit: it is tested');
      await waitForRun(api, { namespace, commit: second, phases: ['Succeeded'] });
      timeline.mark('it has passed');
      await atRest(api);
      timeline.mark('services are at rest, and Keel is let go');
      console.log(timeline.toString());

      const runs = await runsOf(api, namespace);
      expect(runs.filter(({ phase }) => phase !== 'Skipped')).toMatchObject([
        { commit: second, phase: 'Succeeded', releases: [{ part: 'github-release', phase: 'Succeeded' }] },
        { commit: first, phase: 'Succeeded', releases: [{ part: 'github-release', phase: 'Succeeded' }] },
      ]);
      expect(await jobsOf(api, first)).toHaveLength(1);
      expect(await jobsOf(api, second)).toHaveLength(1);
      const { releases } = installed.github;
      expect(releases.map(({ tag_name, target_commitish }) => [tag_name, target_commitish]).sort()).toEqual([
        ['v0.1.0', first],
        ['v0.2.0', second],
      ]);
    });

    test('a command that fails: the run says so, nothing is released, and all is at rest', async () => {
      const before = installed.github.releases.length;
      const commit = await installed.pushCommit({ version: '0.3.0', exitCode: 3 });
      const run = await waitForRun(api, { namespace, commit, phases: ['Failed'] }, { timeout: 300_000 });
      expect(run).toMatchObject({ exitCode: 3 });
      expect(run.releases).toBeUndefined();
      await atRest(api);
      expect(installed.github.releases).toHaveLength(before);
    });

    test('a command that hangs is ended at its time limit, and all is at rest', async () => {
      const commit = await installed.pushCommit({ version: '0.4.0', seconds: 3600 });
      const run = await waitForRun(api, { namespace, commit, phases: ['TimedOut'] }, { timeout: 300_000 });
      expect(run).toMatchObject({ exitCode: 124 });
      await atRest(api);
    });

    test('a registry that is down for a minute: the commit is built when it is back', async () => {
      const registry = `/apis/apps/v1/namespaces/${NAMESPACES.registry}/deployments/registry`;
      await patch(api, registry, { spec: { replicas: 0 } });
      const commit = await installed.pushCommit({ version: '0.5.0' });
      await jobOf(api, commit);
      await sleep(60_000);
      await patch(api, registry, { spec: { replicas: 1 } });
      const run = await waitForRun(api, { namespace, commit, phases: ['Succeeded'] }, { timeout: 400_000 });
      expect(run).toMatchObject({ exitCode: 0 });
      await atRest(api);
      const runs = await runsOf(api, namespace);
      expect(runs.filter((known) => known.commit === commit && known.phase !== 'Skipped')).toHaveLength(1);
    }, 600_000);

    test('a MinIO that never answers fails the build, in words that say so', async () => {
      await changeGate(api, { servicesTimeoutSeconds: 20 });
      const minio = `/apis/apps/v1/namespaces/${namespace}/deployments/minio`;
      await patch(api, minio, {
        spec: { template: { spec: { nodeSelector: { 'example.com/nowhere': 'true' } } } },
      });
      const commit = await installed.pushCommit({ version: '0.6.0' });
      const run = await waitForRun(api, { namespace, commit, phases: ['Failed'] }, { timeout: 300_000 });
      expect(run.message).toMatch(/^minio does not answer: /);
      await atRest(api);
    });
  },
);
