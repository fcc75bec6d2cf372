import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Chart } from 'cdk8s';
import { Keel, KeelAdmission } from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, type KubernetesObject, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { programObjects } from '../cluster/reference.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import { PlayedKeel, type WatchedDeployment } from '../support/played/keel.ts';
import { GUARDED_KEEL, identityOf, KEEL } from '../support/played/programs.ts';
import { digest, type UseOptions, withBuilds } from '../support/played/use.ts';

const QUICK = ['sh', '-c', 'echo ran >> "$RAN"'];
const UNTIL_ENOUGH = ['sh', '-c', 'echo ran >> "$RAN"; while [ ! -e enough ]; do sleep 0.1; done'];

function keelOf(build: PlayedBuild): PlayedKeel {
  return new PlayedKeel(build.namespace.api, build.deploymentPath, identityOf(KEEL));
}

/** What people and Keel see of a Deployment: without the marks of each write. */
function written({ metadata, spec }: WatchedDeployment): object {
  const { resourceVersion: _, managedFields: __, generation: ___, ...rest } = metadata;
  return { metadata: rest, spec };
}

const suite = 'a gate process and the writes of Keel, played exactly by its account, at a real API server';
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
    test.concurrent(what, () => withBuilds(agent.path, options, use));
  };

  describe('without an admission policy', () => {
    withBuild(
      'a build leaves the Deployment as it was: the hold is deleted, and no policy is written',
      async (build) => {
        const before = await build.deployment();
        expect(before.metadata.labels).toMatchObject({ 'keel.sh/policy': 'force' });
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await pod.hasRun();
        const during = await build.deployment();
        expect(during.metadata.annotations).toEqual({
          ...before.metadata.annotations,
          'keel.sh/policy': 'never',
        });
        expect(during.metadata.labels).toEqual(before.metadata.labels);
        expect(during.spec).toEqual(before.spec);
        pod.write('enough');
        await build.until(pod, 'Succeeded');
        await build.atRest();
        expect(written(await build.deployment())).toEqual(written(before));
      },
    );

    withBuild(
      'the Deployment is written twice only, so that Keel meets no storm of conflicts',
      async (build) => {
        const versions = new Set<string>();
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await pod.hasRun();
        for (let looks = 0; looks < 60; looks++) {
          versions.add((await build.deployment()).metadata.resourceVersion ?? '');
          await sleep(100);
        }
        expect(versions.size).toBe(1);
        pod.write('enough');
        await build.until(pod, 'Succeeded');
      },
    );

    withBuild('Keel does not act while it is held back, and does when the build has ended', async (build) => {
      const keel = keelOf(build);
      await keel.scan();
      expect(keel.watches).toBe(true);
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await pod.hasRun();
      await keel.scan();
      expect(keel.watches).toBe(false);
      pod.write('enough');
      await build.until(pod, 'Succeeded');
      await build.atRest();
      await keel.scan();
      expect(keel.watches).toBe(true);
      expect((await keel.roll(digest())).status).toBe(200);
    });

    withBuild(
      'a hold that Keel erases with the copy that it read before is there again within seconds',
      async (build) => {
        const keel = keelOf(build);
        await keel.scan();
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await waitFor(() => build.isHeld(), { interval: 20 });
        const image = digest();
        expect((await keel.roll(image)).status).toBe(200);
        expect(await build.isHeld()).toBe(false);
        const startedAt = performance.now();
        await waitFor(() => build.isHeld(), { interval: 20, describe: () => build.describe() });
        expect(performance.now() - startedAt).toBeLessThan(6000);
        // What Keel has written beside it stays.
        expect((await build.deployment()).spec.template.metadata?.annotations).toHaveProperty([
          'keel.sh/update-time',
        ]);
        expect(await build.annotations()).toMatchObject({ 'keel.sh/digest': image });
        await pod.hasRun();
        pod.write('enough');
        await build.until(pod, 'Succeeded');
        await build.atRest();
        expect(await build.annotations()).not.toHaveProperty(['keel.sh/policy']);
      },
    );

    withBuild('a hold that is erased late in a build is made again, too', async (build) => {
      const keel = keelOf(build);
      await keel.scan();
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await pod.hasRun();
      await sleep(11_000);
      await keel.roll(digest());
      const startedAt = performance.now();
      await waitFor(() => build.isHeld(), { interval: 20, describe: () => build.describe() });
      expect(performance.now() - startedAt).toBeLessThan(12_000);
    });

    withBuild(
      'what Keel rolls after a hold was erased is built, after the pod before it has ended',
      async (build) => {
        const keel = keelOf(build);
        await keel.scan();
        const first = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await first.hasRun();
        const image = digest();
        await keel.roll(image);
        // As a Deployment with Recreate does.
        await first.delete();
        expect(await build.remains()).toEqual([]);
        const second = await build.pod({ digest: image, command: QUICK });
        expect(await build.until(second, 'Succeeded')).toMatchObject({ digest: image });
        await build.atRest();
        expect((await build.runs()).map(({ phase }) => phase)).toEqual(['Succeeded', 'Lost']);
      },
    );

    withBuild('a policy that is not the gate’s is not removed at the end', async (build) => {
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await pod.hasRun();
      // Between two looks of the gate.
      await waitFor(async () => pod.log.includes('Running'));
      await build.annotate({ 'keel.sh/policy': 'all' });
      pod.write('enough');
      await build.until(pod, 'Succeeded');
      await waitFor(async () => (await build.holder()) === undefined);
      expect(await build.annotations()).toMatchObject({ 'keel.sh/policy': 'all' });
    });

    withBuild('a push for which both Keel and the controller roll is built once', async (build) => {
      const image = digest();
      const pods = [await build.pod({ digest: image, command: UNTIL_ENOUGH })];
      await pods[0]?.hasRun();
      pods[0]?.write('enough');
      await build.until(pods[0] as (typeof pods)[0], 'Succeeded');
      await build.atRest();
      await pods[0]?.delete();
      const annotations = { 'keelson.dev/rolled-for': image };
      const second = await build.pod({ digest: image, command: QUICK, annotations });
      await build.until(second, 'Skipped');
      expect(second.runs).toEqual([]);
      await build.atRest();
    });
  });
});

describe.skipIf(withoutApi)(`the same with the admission policy in force${missing}`, () => {
  let agent: AgentBundle;
  let api: Api;
  let policies: readonly KubernetesObject[];
  beforeAll(async () => {
    agent = await bundleAgent();
    api = await Api.connect(testApi().kubeconfig);
    policies = await programObjects((app) => {
      const platformName = `gate-${randomUUID().slice(0, 8)}`;
      new KeelAdmission(new Chart(app, 'admission'), 'keel', {
        platformName,
        keel: Keel.existing(GUARDED_KEEL),
      });
    });
    for (const policy of policies) await api.apply(policy);
  });
  afterAll(async () => {
    await agent.remove();
    for (const policy of policies) await api.delete(await api.pathOf(policy));
  });

  test.concurrent('Keel can not erase a hold with the copy that it read before, and rolls when the build has ended', () =>
    withBuilds(agent.path, { guarded: true }, async (build) => {
      const keel = new PlayedKeel(build.namespace.api, build.deploymentPath, identityOf(GUARDED_KEEL));
      await keel.scan();
      await inForce(build, keel);
      await keel.scan();
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await waitFor(() => build.isHeld(), { interval: 20 });
      const image = digest();
      for (let tries = 0; tries < 5; tries++) {
        const { status, body } = await keel.roll(image);
        expect([status, body]).toEqual([
          422,
          expect.objectContaining({ message: expect.stringContaining('held back while its build runs') }),
        ]);
        expect(await build.isHeld()).toBe(true);
      }
      await pod.hasRun();
      expect(pod.log).not.toContain('made again');
      pod.write('enough');
      await build.until(pod, 'Succeeded');
      await build.atRest();
      await keel.scan();
      expect((await keel.roll(image)).status).toBe(200);
    }));
});

/** A new policy takes a moment until it is enforced. */
async function inForce(build: PlayedBuild, keel: PlayedKeel): Promise<void> {
  await build.annotate({ 'keel.sh/policy': 'never' });
  await waitFor(
    async () =>
      (await keel.roll(digest())).status === 422 ||
      void (await build.annotate({ 'keel.sh/policy': 'never' })),
  );
  await build.annotate({ 'keel.sh/policy': null });
}
