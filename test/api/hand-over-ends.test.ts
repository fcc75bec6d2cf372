// What becomes of a namespace whose build has ended, and of what died in it, at a real API server with the controller's
// own token. Gates and kubelet are played by exact writes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { deleteHomeless } from '../../apps/agent/controller/hand-over/homeless.ts';
import { repairListeners } from '../../apps/agent/controller/hand-over/repair-listeners.ts';
import { retireListeners } from '../../apps/agent/controller/hand-over/retire.ts';
import { EMPTY_LEDGER } from '../../apps/agent/controller/ledger.ts';
import { passedRuns } from '../../apps/agent/controller/releases/subjects.ts';
import { deleteOldNamespaces } from '../../apps/agent/controller/retention.ts';
import type { ReleaseConfiguration } from '../../lib/agent/release.ts';
import type { KubernetesObject } from '../cluster/api.ts';
import { HandOverStage } from '../cluster/hand-over-stage.ts';
import { PlayedGate, randomDigest, removePod, startPod } from '../cluster/hand-over-world.ts';
import { missing, withoutApi } from '../cluster/provided.ts';

describe.skipIf(withoutApi)(`after a hand-over, at a real API server${missing}`, () => {
  let stage: HandOverStage;
  afterEach(() => stage.remove());

  /** Home has handed over to a first listener and that to a second; both have built. */
  async function twoCycles(): Promise<{ readonly first: string; readonly second: string }> {
    await stage.advance();
    const first = await stage.handOver(stage.pipeline.home);
    const second = await stage.handOver(first);
    return { first, second };
  }

  describe('afterwards', () => {
    test('by default its Deployments are scaled to 0, Keel’s too; at home only the build’s', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      const { first, second } = await twoCycles();
      const all = ['build', 'minio', 'build-keel'];
      const replicas = (namespace: string): Promise<number[]> =>
        Promise.all(all.map((name) => pipeline.replicas(namespace, name)));
      expect(await replicas(first)).toEqual([0, 0, 0]);
      expect(await replicas(second)).toEqual([1, 0, 1]);
      expect((await replicas(pipeline.home))[0]).toBe(0);
    });

    test('with keep nothing is done', async () => {
      stage = await HandOverStage.apply({ handOver: { afterwards: 'keep' } });
      const { first } = await twoCycles();
      expect(await stage.pipeline.replicas(first)).toBe(1);
      expect(await stage.pipeline.replicas(stage.pipeline.home)).toBe(1);
    });

    test('with selfDestruct it is deleted once its result is at home; home is scaled down', async () => {
      stage = await HandOverStage.apply({ handOver: { afterwards: 'selfDestruct' } });
      const { pipeline } = stage;
      const { second } = await twoCycles();
      expect(await pipeline.listeners()).toEqual([second]);
      expect(await pipeline.replicas(pipeline.home)).toBe(0);
      expect((await pipeline.runs(pipeline.home)).map(({ phase }) => phase)).toEqual([
        'Succeeded',
        'Succeeded',
      ]);
      expect(await stage.listening()).toEqual([second]);
      expect(await stage.handOver(second)).not.toBe(second);
    });

    test('it is not deleted while its build runs, nor while it is kept for examination, nor if a person says so', async () => {
      stage = await HandOverStage.apply({ handOver: { afterwards: 'selfDestruct' } });
      const { pipeline } = stage;
      const { build } = stage.options;
      stage.options = { ...stage.options, build: { ...build, keepSeconds: 3 } };
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const gate = await stage.ask(first);
      await stage.advance();
      const second = await gate.begin();
      await stage.advance();
      expect((await pipeline.listeners()).toSorted()).toEqual([first, second].toSorted());
      await gate.end();
      const { next = 0 } = await stage.advance();
      expect(next).toBeGreaterThan(0);
      expect(next).toBeLessThanOrEqual(3000);
      expect(await pipeline.listeners()).toHaveLength(2);
      const namespace = `/api/v1/namespaces/${first}`;
      await pipeline.patch(namespace, { metadata: { annotations: { 'keelson.dev/keep': 'true' } } });
      stage.options = { ...stage.options, build };
      await stage.advance();
      expect(await pipeline.listeners()).toHaveLength(2);
      await pipeline.patch(namespace, { metadata: { annotations: { 'keelson.dev/keep': null } } });
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([second]);
    });

    test('what was copied home stays as releases have left it, and their end is told to the gate', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      const { client } = stage.context;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const gate = await stage.ask(first, 'b'.repeat(40));
      await stage.advance();
      await gate.begin();
      // Its gate holds the Lease on, until the releases have ended.
      await gate.record('Succeeded', { finishedAt: new Date().toISOString(), exitCode: 0 });
      await stage.advance();
      const releases: ReleaseConfiguration[] = [
        {
          name: 'release',
          namespace: 'x',
          after: { build: 'build' },
          images: [],
          jobs: [],
          timeoutSeconds: 60,
        },
      ];
      const subjects = await passedRuns(stage.context, pipeline.home, stage.options.build, releases);
      const subject = subjects.find(({ digest }) => digest === gate.pod.digest);
      // The pod is in the listener's namespace.
      expect(subject?.outputs).toBe(`http://192.0.2.7:8081/${gate.pod.uid}.tar`);
      await subject?.write([{ release: 'release', part: 'github', phase: 'Succeeded' }]);
      await stage.advance();
      const [run] = await pipeline.runs(first);
      expect(run?.releases).toEqual([{ release: 'release', part: 'github', phase: 'Succeeded' }]);
      expect(await pipeline.replicas(first)).toBe(1);
      await gate.end();
      await stage.advance();
      expect((await pipeline.runs(pipeline.home))[0]).toEqual((await pipeline.runs(first))[0]);
      expect(client).toBe(stage.context.client);
    });

    test('the retention of image builds leaves its namespaces alone', async () => {
      stage = await HandOverStage.apply();
      const { pipeline, context } = stage;
      const { first, second } = await twoCycles();
      const retention = { succeededSeconds: 0, failedSeconds: 0, maxPerPipeline: 0 };
      const configuration = { ...context.configuration, retention };
      await deleteOldNamespaces({ ...context, configuration }, async () => EMPTY_LEDGER);
      expect((await pipeline.listeners()).toSorted()).toEqual([first, second].toSorted());
    });
  });

  describe('the most namespaces', () => {
    test('where there are as many, the oldest that has ended goes, and never one that builds', async () => {
      stage = await HandOverStage.apply({ handOver: { afterwards: 'keep', maxNamespaces: 2 } });
      const { pipeline } = stage;
      const { first, second } = await twoCycles();
      const third = await stage.handOver(second);
      expect(await pipeline.listeners()).not.toContain(first);
      expect((await pipeline.listeners()).toSorted()).toEqual([second, third].toSorted());
      const long = await stage.ask(third);
      await stage.advance();
      const fourth = await long.begin();
      expect((await pipeline.listeners()).toSorted()).toEqual([third, fourth].toSorted());
      const waiting = await stage.ask(fourth);
      const { next = 0 } = await stage.advance();
      expect(next).toBeGreaterThan(0);
      expect(await pipeline.listeners()).toHaveLength(2);
      expect(await waiting.handedOverTo()).toBeUndefined();
      const { items } = await pipeline.api.get<{ items: (KubernetesObject & { reason: string })[] }>(
        `/api/v1/namespaces/${fourth}/events`,
      );
      expect(items.map(({ reason }) => reason)).toContain('ListenerWaits');
      await long.end();
      await stage.advance();
      const fifth = await waiting.begin();
      expect((await pipeline.listeners()).toSorted()).toEqual([fourth, fifth].toSorted());
    });

    test('with room for one, a build that waited in vain hands over when it has ended', async () => {
      stage = await HandOverStage.apply({ handOver: { maxNamespaces: 1 } });
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const gate = await stage.ask(first);
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([first]);
      // Its time was up, and it went on all the same.
      await gate.record('Running', {});
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([first]);
      await gate.end();
      await stage.advance();
      const second = (await gate.handedOverTo()) ?? '';
      expect(await stage.listening()).toEqual([second]);
      await stage.advance();
      expect(await pipeline.listeners()).toEqual([second]);
    });
  });

  describe('no more', () => {
    const retire = async (): Promise<boolean> => {
      const { handOver: _, ...build } = stage.options.build;
      return retireListeners(stage.context, { ...stage.options, builds: [build] });
    };

    test('where a build hands over no more, its listeners go when no build runs in them, and home is as its manifests say', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      const { second } = await twoCycles();
      const gate = await stage.ask(second);
      // What its manifests say of Keel then.
      const labels = { 'keel.sh/policy': 'force', 'keel.sh/trigger': 'poll' };
      await pipeline.patch(pipeline.deploymentPath(pipeline.home), { metadata: { labels } });
      expect(await retire()).toBe(true);
      expect(await pipeline.listeners()).toEqual([second]);
      await gate.end();
      expect(await retire()).toBe(false);
      expect(await pipeline.listeners()).toEqual([]);
      expect((await pipeline.runs(pipeline.home))[0]).toMatchObject({ id: gate.pod.uid, phase: 'Succeeded' });
      expect(Object.keys(await pipeline.annotations(pipeline.home)).join()).not.toMatch(
        /keel\.sh|hand|next-listener/,
      );
      expect(await pipeline.replicas(pipeline.home)).toBe(1);
      expect(await retire()).toBe(false);
    });

    test('the listeners of a build that the pipeline has no more are deleted, those of others are not', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      const { first, second } = await twoCycles();
      const { build } = stage.options;
      expect(await retireListeners(stage.context, { ...stage.options, builds: [build] })).toBe(false);
      expect((await pipeline.listeners()).toSorted()).toEqual([first, second].toSorted());
      expect(await retireListeners(stage.context, { ...stage.options, builds: [] })).toBe(false);
      expect(await pipeline.listeners()).toEqual([]);
    });

    test('listeners go after their time where the pipeline’s namespace is gone', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      const { first, second } = await twoCycles();
      const both = [first, second].toSorted();
      await deleteHomeless({ ...stage.context, orphanSeconds: 0 });
      expect((await pipeline.listeners()).toSorted()).toEqual(both);
      await pipeline.api.delete(`/api/v1/namespaces/${pipeline.home}`);
      await deleteHomeless(stage.context);
      expect((await pipeline.listeners()).toSorted()).toEqual(both);
      await deleteHomeless({ ...stage.context, orphanSeconds: 0 });
      expect(await pipeline.listeners()).toEqual([]);
    });
  });

  describe('repair', () => {
    const repair = (): Promise<number | undefined> =>
      repairListeners(
        stage.context,
        stage.pipeline.home,
        [stage.options.build],
        EMPTY_LEDGER,
        () => undefined,
      );

    test('a build whose pod is gone in a liberated namespace is lost, and then put away', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      const gate = await stage.ask(first);
      await stage.advance();
      await gate.begin();
      await removePod(pipeline, gate.pod);
      await stage.advance();
      expect(await pipeline.replicas(first)).toBe(1);
      await repair();
      expect(await pipeline.replicas(first, 'minio')).toBe(0);
      // It stays off the watch.
      expect((await pipeline.annotations(first))['keel.sh/policy']).toBe('never');
      await stage.advance();
      expect((await pipeline.runs(pipeline.home))[0]).toMatchObject({ id: gate.pod.uid, phase: 'Lost' });
      expect(await pipeline.replicas(first)).toBe(0);
    });

    test('services that nobody uses are stopped in a listener’s namespace too', async () => {
      stage = await HandOverStage.apply();
      const { pipeline } = stage;
      await stage.advance();
      const first = await stage.handOver(pipeline.home);
      await pipeline.patch(pipeline.deploymentPath(first, 'minio'), { spec: { replicas: 1 } });
      await repair();
      expect(await pipeline.replicas(first, 'minio')).toBe(0);
    });

    test('an image that Keel has missed is built in the listener’s namespace', async () => {
      const pushed = randomDigest();
      const registry = createServer(({ method }, response) => {
        response.writeHead(method === 'HEAD' ? 200 : 404, { 'docker-content-digest': pushed }).end();
      });
      await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void registry.close());
      stage = await HandOverStage.apply({
        registry: `127.0.0.1:${(registry.address() as AddressInfo).port}`,
      });
      const { pipeline } = stage;
      const { first, second } = await twoCycles();
      const rolledFor = async (namespace: string): Promise<string | undefined> => {
        const { spec } = await pipeline.api.get<{
          spec: { template: { metadata: { annotations: Record<string, string> } } };
        }>(pipeline.deploymentPath(namespace));
        return spec.template.metadata.annotations['keelson.dev/rolled-for'];
      };
      await new PlayedGate(pipeline, await startPod(pipeline, second, randomDigest())).skip();
      const minuteAgo = new Date(Date.now() - 60_000).toISOString();
      const status = `/api/v1/namespaces/${second}/configmaps/build-status`;
      const { data } = await pipeline.api.get<{ data: Record<string, string> }>(status);
      const runs = data['status.json']?.replace(/"finishedAt": "[^"]+"/, `"finishedAt": "${minuteAgo}"`);
      await pipeline.patch(status, { data: { 'status.json': runs } });
      await repair();
      expect(await rolledFor(second)).toBe(pushed);
      expect(await rolledFor(first)).toBeUndefined();
    });
  });
});
