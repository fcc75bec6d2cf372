// A build that hands over, on a real node: real pods, gates and services in each namespace, and images built in the
// cluster for real commits.
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, waitFor } from '../cluster/api.ts';
import { missing, withoutNode } from '../cluster/provided.ts';
import { HOME, type InstalledHandOver, installHandOver, placesOf } from './hand-over-pipeline.ts';
import { printLogsOnFailure, runsOf, waitForRun } from './harness.ts';
import { imageBuilt } from './observed.ts';
import { NAMESPACES } from './pipeline.ts';
import { whichKeel } from './programs.ts';
import { Timeline } from './timeline.ts';

describe.skipIf(withoutNode)(
  `handing over on a real node, with ${whichKeel}, a real Buildah${missing}`,
  () => {
    let api: Api;
    let installed: InstalledHandOver;

    beforeAll(async () => {
      installed = await installHandOver();
      api = installed.api;
    });
    afterAll(() => installed.remove());
    printLogsOnFailure(() => api, [NAMESPACES.controller, NAMESPACES.registry, HOME]);

    const deployment = (namespace: string, name = 'build'): Promise<Deployment> =>
      api.get<Deployment>(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`);
    const annotation = async (namespace: string, name: string): Promise<string | undefined> =>
      (await deployment(namespace)).metadata?.annotations?.[name];
    const handedOverBy = (namespace: string): Promise<string> =>
      waitFor(() => annotation(namespace, 'keelson.dev/handed-over'), { timeout: 90_000 });
    const replicas = (namespace: string): Promise<(number | undefined)[]> =>
      Promise.all(
        ['build', 'minio', 'rabbitmq', 'build-keel'].map(
          async (name) => (await deployment(namespace, name)).spec?.replicas,
        ),
      );

    /** The namespaces that Keel watches. */
    async function listening(): Promise<readonly string[]> {
      const places = await placesOf(api);
      const policies = await Promise.all(places.map((place) => annotation(place, 'keel.sh/policy')));
      return places.filter((_, index) => (policies[index] ?? 'never') !== 'never');
    }

    test('two full cycles: each commit is built in the namespace that listened for it, beside services of its own', async () => {
      const timeline = new Timeline();
      await waitFor(async () => (await listening())[0] === HOME);
      expect(await placesOf(api)).toEqual([HOME]);
      timeline.mark('home listens');

      const one = await installed.pushCommit({ version: '0.1.0', seconds: 20 });
      await imageBuilt(api, one);
      timeline.mark('first commit: its image is built');
      const first = await handedOverBy(HOME);
      timeline.mark('home has handed over');
      await waitForRun(api, { namespace: HOME, commit: one, phases: ['Running', 'Succeeded'] });
      timeline.mark('it is tested');
      expect(await listening()).toEqual([first]);
      // The listener's first pod has the same image, and waits.
      const skipped = await waitForRun(api, { namespace: first, phases: ['Skipped'] });
      expect(skipped.commit ?? one).toBe(one);
      expect((await replicas(first)).slice(1, 3)).toEqual([0, 0]);
      await waitForRun(api, { namespace: HOME, commit: one, phases: ['Succeeded'] });
      timeline.mark('it has passed');
      await waitFor(async () => (await replicas(HOME)).slice(0, 3).every((number) => number === 0));
      timeline.mark('home is scaled down');

      const two = await installed.pushCommit({ version: '0.2.0', seconds: 5 });
      await imageBuilt(api, two);
      timeline.mark('second commit: its image is built');
      const second = await handedOverBy(first);
      timeline.mark('the first listener has handed over');
      await waitForRun(api, { namespace: first, commit: two, phases: ['Succeeded'] });
      timeline.mark('it has passed');
      expect(await listening()).toEqual([second]);
      const atHome = await waitForRun(api, { namespace: HOME, commit: two, phases: ['Succeeded'] });
      expect(atHome).toMatchObject({ exitCode: 0, branch: 'main' });
      await waitFor(async () => (await replicas(first)).every((number) => number === 0));
      timeline.mark('its namespace is scaled down, and its result is at home');
      await waitForRun(api, { namespace: second, phases: ['Skipped'] });
      timeline.mark('the second listener waits');
      console.log(timeline.toString());

      expect((await placesOf(api)).toSorted()).toEqual([HOME, first, second].toSorted());
      expect(await listening()).toEqual([second]);
      const runs = (await runsOf(api, HOME)).filter(({ phase }) => phase !== 'Skipped');
      expect(runs.map(({ commit, phase }) => [commit, phase])).toEqual([
        [two, 'Succeeded'],
        [one, 'Succeeded'],
      ]);
    }, 600_000);
  },
);
