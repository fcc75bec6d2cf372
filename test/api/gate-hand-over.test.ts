import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { missing, withoutApi } from '../cluster/provided.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import { commit, digest, type UseOptions, withBuilds } from '../support/played/use.ts';

const QUICK = ['sh', '-c', 'echo ran >> "$RAN"'];
const NEXT = 'listener-demo-x7k2p9qd';

const suite = 'a gate process that hands over, at a real API server; the test is the controller';
describe.skipIf(withoutApi)(suite + missing, () => {
  let agent: AgentBundle;
  beforeAll(async () => {
    agent = await bundleAgent();
  });
  afterAll(() => agent.remove());
  const withBuild = (
    what: string,
    use: (build: PlayedBuild) => Promise<void>,
    options: UseOptions = {},
  ): void => {
    test.concurrent(what, () => withBuilds(agent.path, { handOver: true, ...options }, use));
  };

  withBuild(
    'takes itself off the watch, asks for the next listener, waits for it, and only then starts services',
    async (build) => {
      await build.annotate({ 'keel.sh/policy': 'force' });
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await waitFor(async () => (await build.annotations())['keelson.dev/hand-over'] === pod.uid);
      expect(await build.isHeld()).toBe(true);
      await build.annotate({ 'keelson.dev/next-listener': `${NEXT} 0b5f3a52-6f0e-4e1c-9a34-0f6f5d1f6f11` });
      await sleep(2500);
      expect(await build.replicas('minio')).toBe(0);
      expect((await build.runs())[0]).toMatchObject({ id: pod.uid, phase: 'Starting' });
      await build.annotate({ 'keelson.dev/handed-over': NEXT });
      await build.until(pod, 'Succeeded');
      await build.atRest();
      expect(await build.isHeld()).toBe(true);
      expect(pod.runs).toEqual(['ran']);
    },
  );

  withBuild(
    'starts the build all the same where no listener comes in time',
    async (build) => {
      const startedAt = performance.now();
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await build.until(pod, 'Succeeded');
      expect(performance.now() - startedAt).toBeGreaterThan(2000);
      await build.atRest();
      expect(await build.isHeld()).toBe(true);
    },
    { configuration: { handOver: { timeoutSeconds: 2 } } },
  );

  withBuild(
    'skips in a namespace that has handed over for another pod, and changes nothing',
    async (build) => {
      await build.annotate({ 'keelson.dev/hand-over': 'another', 'keelson.dev/handed-over': NEXT });
      const before = await build.deployment();
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await pod.says('go', '1 skip');
      expect(await build.until(pod, 'Skipped')).toMatchObject({
        message: `this namespace has handed over to ${NEXT}`,
      });
      await build.atRest();
      expect((await build.deployment()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
      expect(build.namespace.services.starts).toEqual({});
    },
  );

  withBuild(
    'goes on after it was killed, in the namespace that has handed over for its pod',
    async (build) => {
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await waitFor(async () => (await build.annotations())['keelson.dev/hand-over'] === pod.uid);
      await pod.killGate();
      await build.annotate({ 'keelson.dev/handed-over': NEXT });
      pod.startGate();
      await build.until(pod, 'Succeeded');
    },
  );

  withBuild('takes over the request of a pod that is gone', async (build) => {
    const image = digest();
    const lost = await build.pod({ digest: image, command: QUICK });
    await waitFor(async () => (await build.annotations())['keelson.dev/hand-over'] === lost.uid);
    await lost.kill();
    const pod = await build.pod({ digest: image, command: QUICK });
    await waitFor(async () => (await build.annotations())['keelson.dev/hand-over'] === pod.uid);
    await build.annotate({ 'keelson.dev/handed-over': NEXT });
    await build.until(pod, 'Succeeded');
  });

  const of = commit();
  const image = digest();
  test.concurrent.each([
    ['the same digest', { 'keelson.dev/built-commit': '', 'keelson.dev/built-digest': image }],
    ['the same commit', { 'keelson.dev/built-commit': of, 'keelson.dev/built-digest': digest() }],
  ])('skips the first pod of a listener with %s as the build before', (_what, annotations) =>
    withBuilds(agent.path, { handOver: true }, async (build) => {
      await build.know({ digest: image, commit: of });
      const before = await build.deployment();
      const pod = await build.pod({ digest: image, command: QUICK, annotations });
      await pod.says('go', '1 skip');
      await build.atRest();
      expect((await build.deployment()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    }),
  );
});
