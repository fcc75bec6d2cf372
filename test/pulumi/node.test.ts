// The pipeline applied by a real Pulumi engine and Kubernetes provider to a real node, where the agent runs.
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutNode } from '../cluster/provided.ts';
import { programObjects } from '../cluster/reference.ts';
import { volumesFor } from '../cluster/workloads.ts';
import { forTheTest } from '../e2e/for-the-test.ts';
import { printLogsOnFailure, runsOf, waitForRun } from '../e2e/harness.ts';
import { type Apply, type InstalledPipeline, installPipeline } from '../e2e/installed.ts';
import { atRest, isHeld } from '../e2e/observed.ts';
import { NAMESPACES, type PipelineAddresses, pipelineProgram } from '../e2e/pipeline.ts';
import { KEEL_BIN, whatIsReal } from '../e2e/programs.ts';
import { Engine, pulumiVersions } from './engine.ts';

const namespace = NAMESPACES.pipeline;

const program = (addresses: PipelineAddresses): string => `import { KeelsonComponent } from 'keelson/pulumi';
import { forTheTest } from './test/e2e/for-the-test.ts';
import { pipelineProgram } from './test/e2e/pipeline.ts';

new KeelsonComponent('project', {
  program: (app) => pipelineProgram(app, ${JSON.stringify(addresses)}),
  transform: forTheTest,
});
`;

describe.skipIf(withoutNode)(
  `the pipeline on a real node by the real engine (${withoutNode ? '' : pulumiVersions()}), with ${whatIsReal}${missing}`,
  () => {
    let api: Api;
    let installed: InstalledPipeline;
    let engine: Engine;
    /** What `up` printed, and how many pods were available of each Deployment when it ended. */
    let printed: string;
    let available: Readonly<Record<string, number>>;

    const byPulumi: Apply = async (api, addresses) => {
      const objects = await programObjects((app) => pipelineProgram(app, addresses), {
        transform: forTheTest,
      });
      await volumesFor(api, objects);
      engine = new Engine(testApi().kubeconfig, { text: program(addresses) });
      await engine.do('stack', 'init', 'test');
      printed = await engine.up();
      available = await availablePods(api);
      return objects;
    };

    beforeAll(async () => {
      installed = await installPipeline(byPulumi);
      api = installed.api;
    });
    afterAll(async () => {
      await installed?.remove();
      engine?.remove();
    });
    printLogsOnFailure(() => api, Object.values(NAMESPACES));

    test('up waits for controller, registry, cache and Keel, and for nothing that runs later', () => {
      expect(available).toEqual({
        [`${NAMESPACES.controller}/keelson-controller`]: 1,
        [`${NAMESPACES.registry}/registry`]: 1,
        [`${NAMESPACES.cache}/redis`]: 1,
        [`${NAMESPACES.keel}/keel-project`]: KEEL_BIN === undefined ? 0 : 1,
        [`${namespace}/build`]: 0,
        [`${namespace}/minio`]: 0,
        [`${namespace}/rabbitmq`]: 0,
      });
      expect(printed).toContain(`project/${namespace}/build`);
    });

    test('preview, refresh and up change nothing while a build runs, and it passes', async () => {
      const commit = await installed.pushCommit({ version: '0.1.0', seconds: 45 });
      // Keel may roll the pod that has pulled the very first image: that run is lost, and another takes its place.
      const running = await waitFor(
        async () =>
          (await runsOf(api, namespace)).find((run) => run.commit === commit && run.phase === 'Running'),
        { timeout: 240_000, describe: async () => JSON.stringify(await runsOf(api, namespace)) },
      );
      expect(await isHeld(api)).toBe(true);
      await engine.unchanged();
      await engine.do('refresh', '--yes', '--skip-preview', '--expect-no-changes');
      await engine.unchanged();
      expect(await engine.up()).not.toMatch(/created|deleted|replaced|updated/);
      expect(await isHeld(api)).toBe(true);
      const passed = await waitForRun(api, { namespace, commit, phases: ['Succeeded'] });
      expect(passed.id).toBe(running.id);
      await waitFor(async () => installed.github.releases.some(({ tag_name }) => tag_name === 'v0.1.0'), {
        timeout: 120_000,
      });
      await atRest(api);
      await engine.unchanged();
    });

    test('destroy takes all of it away', async () => {
      await engine.do('destroy', '--yes', '--skip-preview');
      const { items } = await api.get<{ items: { metadata: { name: string } }[] }>('/api/v1/namespaces');
      const left = new Set(items.map(({ metadata }) => metadata.name));
      for (const name of Object.values(NAMESPACES)) expect(left).not.toContain(name);
    });
  },
);

async function availablePods(api: Api): Promise<Record<string, number>> {
  const { items } = await api.get<{ items: Deployment[] }>('/apis/apps/v1/deployments');
  return Object.fromEntries(
    items.map(({ metadata, status }) => [
      `${metadata?.namespace}/${metadata?.name}`,
      status?.availableReplicas ?? 0,
    ]),
  );
}
