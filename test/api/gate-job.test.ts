import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { missing, withoutApi } from '../cluster/provided.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import type { PlayedPod } from '../support/played/pod.ts';
import { digest, type UseOptions, withBuilds } from '../support/played/use.ts';

const QUICK = ['sh', '-c', 'echo ran >> "$RAN"'];
const ENDLESS = ['sh', '-c', 'echo ran >> "$RAN"; exec sleep 600'];
const UNTIL_ENOUGH = ['sh', '-c', 'echo ran >> "$RAN"; while [ ! -e enough ]; do sleep 0.1; done'];

/** Ends a Job's pod as the kubelet does: when the container has ended, its gate is told to. */
async function finish(
  pod: PlayedPod,
  reason: string,
): Promise<{ code: number | null; milliseconds: number }> {
  const { code } = (await pod.containerEnded) ?? {};
  await pod.reportEnd(reason, code ?? 137);
  const { milliseconds } = await pod.stopGate();
  return { code: code ?? null, milliseconds };
}

describe.skipIf(withoutApi)(
  `the gate process of a Job beside the real wrapper, at a real API server${missing}`,
  () => {
    let agent: AgentBundle;
    beforeAll(async () => {
      agent = await bundleAgent();
    });
    afterAll(() => agent.remove());
    const withJob = (
      what: string,
      use: (build: PlayedBuild) => Promise<void>,
      options: UseOptions = {},
    ): void => {
      test.concurrent(what, () => withBuilds(agent.path, { job: true, ...options }, use));
    };

    withJob('runs beside services, ends as its command did, and leaves nothing', async (build) => {
      const pod = await build.pod({
        digest: digest(),
        command: ['sh', '-c', 'echo ran >> "$RAN"; sleep 1; exit 3'],
      });
      await pod.says('go', '1 run');
      expect(await Promise.all(['minio', 'rabbitmq'].map((name) => build.replicas(name)))).toEqual([1, 1]);
      const { code, milliseconds } = await finish(pod, 'Error');
      expect(code).toBe(3);
      expect(milliseconds).toBeLessThan(3000);
      expect((await build.runs())[0]).toMatchObject({ phase: 'Failed', exitCode: 3 });
      expect(await build.remains()).toEqual([]);
    });

    withJob('never skips: the same image runs again', async (build) => {
      const image = digest();
      for (const times of [1, 2]) {
        const pod = await build.pod({ digest: image, command: QUICK });
        expect((await finish(pod, 'Completed')).code).toBe(0);
        expect(pod.runs).toEqual(['ran']);
        expect((await build.runs()).filter(({ phase }) => phase === 'Succeeded')).toHaveLength(times);
      }
    });

    withJob('waits while a try of before holds the Lease', async (build) => {
      const first = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await first.hasRun();
      const second = await build.pod({ digest: digest(), command: QUICK });
      await second.says('attempt', '1');
      await sleep(3000);
      expect(second.runs).toEqual([]);
      first.write('enough');
      await finish(first, 'Completed');
      await second.hasRun();
      await finish(second, 'Completed');
      expect((await build.runs()).map(({ phase }) => phase)).toEqual(['Succeeded', 'Succeeded']);
      expect(await build.remains()).toEqual([]);
    });

    withJob(
      'fails where a service does not answer, and so does its container',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: QUICK });
        expect((await finish(pod, 'Error')).code).toBe(1);
        expect((await build.runs())[0]).toMatchObject({
          phase: 'Failed',
          message: expect.stringContaining('minio does not answer: '),
        });
        expect(pod.runs).toEqual([]);
        expect(await build.remains()).toEqual([]);
      },
      { behaviour: { broken: ['minio'] }, configuration: { servicesTimeoutSeconds: 2 } },
    );

    withJob('whose container ended without a word says how', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await pod.hasRun();
      const ended = pod.endContainer();
      // The kubelet tells the gate to end at once, and reports a moment later.
      const stopped = pod.stopGate();
      await ended;
      await sleep(500);
      await pod.reportEnd('OOMKilled', 137);
      expect((await stopped).milliseconds).toBeLessThan(3000);
      expect((await build.runs())[0]).toMatchObject({
        phase: 'Failed',
        exitCode: 137,
        message: "the build's container ended: OOMKilled",
      });
      expect(await build.remains()).toEqual([]);
    });

    withJob('whose pod is deleted is lost', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await pod.hasRun();
      expect((await pod.delete()).milliseconds).toBeLessThan(3000);
      expect((await build.runs())[0]).toMatchObject({ phase: 'Lost' });
      expect(await build.remains()).toEqual([]);
    });

    withJob('whose pod is evicted is lost, and not failed', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await pod.hasRun();
      await pod.reportDisruption();
      await pod.endContainer();
      await pod.stopGate();
      expect((await build.runs())[0]).toMatchObject({ phase: 'Lost' });
    });

    withJob(
      'whose gate is killed while its command runs is recorded by the gate that is started again',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await build.until(pod, 'Running');
        await pod.killGate();
        await build.repair();
        pod.startGate();
        await waitFor(async () => (await build.replicas('rabbitmq')) === 1);
        pod.write('enough');
        await build.until(pod, 'Succeeded');
        await build.atRest();
        await finish(pod, 'Completed');
        expect(await build.remains()).toEqual([]);
      },
    );
  },
);
