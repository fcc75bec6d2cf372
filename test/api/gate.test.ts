import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../cluster/api.ts';
import { missing, withoutApi } from '../cluster/provided.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import { commit, digest, type UseOptions, withBuilds } from '../support/played/use.ts';

/** Commands say in a file that they ran. */
const QUICK = ['sh', '-c', 'echo ran >> "$RAN"'];
const ENDLESS = ['sh', '-c', 'echo ran >> "$RAN"; exec sleep 600'];
const WITH_ASSET = ['sh', '-c', 'mkdir bin; echo built > bin/runner'];
/** Runs until the file `enough` is in the pod's directory. */
const UNTIL_ENOUGH = ['sh', '-c', 'echo ran >> "$RAN"; while [ ! -e enough ]; do sleep 0.1; done'];

const suite = `a gate process beside the real wrapper, at a real API server; the test is kubelet and controller`;
describe.skipIf(withoutApi)(suite + missing, () => {
  let agent: AgentBundle;
  beforeAll(async () => {
    agent = await bundleAgent();
  });
  afterAll(() => agent.remove());

  const withBuild = (
    what: string,
    use: (build: PlayedBuild, ...others: PlayedBuild[]) => Promise<void>,
    options: UseOptions = {},
  ): void => {
    test.concurrent(what, () => withBuilds(agent.path, options, use));
  };

  describe('results', () => {
    withBuild(
      'a build runs beside its services with Keel held back, and nothing is left of it',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await pod.says('go', '1 run');
        expect(await build.isHeld()).toBe(true);
        expect(await build.holder()).toBe(pod.uid);
        expect(await Promise.all(['minio', 'rabbitmq'].map((name) => build.replicas(name)))).toEqual([1, 1]);
        expect(await build.until(pod, 'Running')).toMatchObject({ startedAt: expect.any(String) });
        pod.write('enough');
        expect(await build.until(pod, 'Succeeded')).toMatchObject({
          id: pod.uid,
          pod: pod.name,
          exitCode: 0,
          finishedAt: expect.any(String),
          message: 'the command ended with exit code 0',
        });
        await build.atRest();
        expect(pod.runs).toEqual(['ran']);
      },
    );

    withBuild('a command that fails is recorded with its exit code', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ['sh', '-c', 'exit 3'] });
      expect(await build.until(pod, 'Failed')).toMatchObject({ exitCode: 3 });
      await build.atRest();
    });

    withBuild('a command that takes too long is recorded as timed out', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS, timeout: 1 });
      expect(await build.until(pod, 'TimedOut')).toMatchObject({ exitCode: 124 });
      await build.atRest();
    });

    withBuild(
      'a wrapper that does not end its command in time does not hold Keel back for ever',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: ENDLESS });
        await pod.says('go', '1 run');
        // Long ago, as far as the gate can tell after it was restarted.
        const startedAt = '2026-01-01T00:00:00Z';
        await pod.killGate();
        await build.change((runs) => runs.map((run) => ({ ...run, startedAt })));
        pod.startGate();
        expect(await build.until(pod, 'TimedOut')).not.toHaveProperty('exitCode');
        await build.atRest();
      },
    );

    withBuild(
      'a service that never answers fails the build, and says which one and why',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: QUICK });
        await pod.says('go', '1 fail');
        const { message } = await build.until(pod, 'Failed');
        expect(message).toMatch(/^rabbitmq does not answer: .*(hang up|ECONNRESET|closed the connection)/);
        await build.atRest();
        expect(pod.runs).toEqual([]);
      },
      { behaviour: { broken: ['rabbitmq'] }, configuration: { servicesTimeoutSeconds: 2 } },
    );

    withBuild(
      'what answers in place of a service whose own pod is not available yet does not let the build start',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: QUICK });
        await pod.says('go', '1 fail');
        const { message } = await build.until(pod, 'Failed');
        expect(message).toBe('minio does not answer: it has no pod that is available');
      },
      { behaviour: { lingering: ['minio'] }, configuration: { servicesTimeoutSeconds: 2 } },
    );

    withBuild(
      'services that another build uses, too, are started and left running',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: QUICK });
        await build.until(pod, 'Succeeded');
        await build.atRest();
        expect(await Promise.all(['minio', 'rabbitmq'].map((name) => build.replicas(name)))).toEqual([1, 1]);
      },
      { second: true },
    );
  });

  describe('what was built already', () => {
    withBuild('a pod of the same digest builds nothing, and starts and holds nothing', async (build) => {
      const image = digest();
      await build.until(await build.pod({ digest: image, command: QUICK }), 'Succeeded');
      await build.atRest();
      await build.pods[0]?.delete();
      const writes = await build.deployment();
      const pod = await build.pod({ digest: image, command: QUICK });
      await pod.says('go', '1 skip');
      expect(await build.until(pod, 'Skipped')).toMatchObject({
        message: expect.stringMatching(/was built before, by the pod build-.*: Succeeded/),
      });
      await build.atRest();
      expect(pod.runs).toEqual([]);
      expect(build.namespace.services.starts).toEqual({ minio: 1, rabbitmq: 1 });
      expect((await build.deployment()).metadata.resourceVersion).toBe(writes.metadata.resourceVersion);
    });

    withBuild('a failed build of the same commit with another digest is not built again', async (build) => {
      const [first, second] = [digest(), digest()];
      const of = { commit: commit(), branch: 'main' };
      await build.know({ digest: first, ...of });
      const failing = await build.pod({ digest: first, command: ['false'] });
      expect(await build.until(failing, 'Failed')).toMatchObject(of);
      await failing.delete();
      await build.know({ digest: second, ...of }, { digest: first, ...of });
      const pod = await build.pod({ digest: second, command: QUICK });
      await pod.says('go', '1 skip');
      expect(await build.until(pod, 'Skipped')).toMatchObject({ digest: second, ...of });
    });

    withBuild('a commit that becomes known while the gate waits for it decides', async (build) => {
      const [first, second] = [digest(), digest()];
      const of = { commit: commit(), branch: 'main' };
      const pods = [await build.pod({ digest: first, command: QUICK })];
      await build.until(pods[0] as (typeof pods)[0], 'Succeeded');
      await pods[0]?.delete();
      // The run was recorded without its commit, which the controller has found out since.
      await build.know({ digest: first, ...of });
      const pod = await build.pod({ digest: second, command: QUICK });
      await sleep(2000);
      expect(pod.read('go')).toBeUndefined();
      await build.know({ digest: second, ...of }, { digest: first, ...of });
      await pod.says('go', '1 skip');
    });

    withBuild(
      'a commit that stays unknown is waited for, for ten seconds, and then the digest decides',
      async (build) => {
        const [first, second] = [digest(), digest()];
        await build.know({ digest: first, commit: commit() });
        const before = await build.pod({ digest: first, command: QUICK });
        await build.until(before, 'Succeeded');
        await before.delete();
        const startedAt = performance.now();
        const pod = await build.pod({ digest: second, command: QUICK });
        await pod.says('go', '1 run');
        expect(performance.now() - startedAt).toBeGreaterThan(10_000);
        expect(await build.until(pod, 'Succeeded')).not.toHaveProperty('commit');
      },
    );

    withBuild('a run that was lost is built again', async (build) => {
      const image = digest();
      const lost = await build.pod({ digest: image, command: ENDLESS });
      await build.until(lost, 'Running');
      await lost.kill();
      const pod = await build.pod({ digest: image, command: QUICK });
      await build.until(pod, 'Succeeded');
      expect((await build.runs()).map(({ phase }) => phase)).toEqual(['Succeeded', 'Lost']);
      await build.atRest();
    });
  });

  describe('restarts', () => {
    withBuild('a container that ran out of memory has failed its build', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await pod.hasRun();
      await pod.restart('OOMKilled', { reportedAfter: 1500 });
      expect(await build.until(pod, 'Failed')).toMatchObject({
        message: "the build's container was restarted: OOMKilled",
      });
      await pod.says('go', '2 skip');
      await build.atRest();
      expect(pod.runs).toHaveLength(1);
    });

    withBuild(
      'a container that was restarted otherwise runs its command again, three times in all',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: ENDLESS });
        for (const attempt of [1, 2, 3]) {
          await pod.hasRun(attempt);
          await build.until(pod, 'Running');
          expect(await build.isHeld()).toBe(true);
          await pod.restart('Error');
        }
        expect(await build.until(pod, 'Failed')).toMatchObject({ message: expect.stringContaining('Error') });
        await pod.says('go', '4 skip');
        await build.atRest();
        expect(pod.runs).toHaveLength(3);
        // Services were needed all the time.
        expect(build.namespace.services.starts).toEqual({ minio: 1, rabbitmq: 1 });
      },
    );

    withBuild('a restarted container that has pulled another image builds that one', async (build) => {
      const [first, second] = [digest(), digest()];
      await build.know({ digest: first, commit: commit() });
      const pod = await build.pod({ digest: first, command: UNTIL_ENOUGH });
      await pod.hasRun();
      await pod.restart('Error', { digest: second, reportedAfter: 1500 });
      await pod.hasRun(2);
      pod.write('enough');
      const run = await build.until(pod, 'Succeeded');
      expect(run.digest).toBe(second);
      expect(run).not.toHaveProperty('commit');
    });

    withBuild('a container that is restarted after its build has ended builds nothing', async (build) => {
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await build.until(pod, 'Succeeded');
      await build.atRest();
      await pod.restart('Completed');
      await pod.says('go', '2 skip');
      await build.atRest();
      expect((await build.runs()).map(({ phase }) => phase)).toEqual(['Succeeded']);
      expect(pod.runs).toHaveLength(1);
    });
  });

  describe('pods that overlap', () => {
    withBuild('a second pod waits until the first has given up, and only then runs', async (build) => {
      const first = await build.pod({ digest: digest(), command: ENDLESS });
      await first.hasRun();
      const second = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await second.says('attempt', '1');
      await sleep(3000);
      expect(second.runs).toEqual([]);
      await first.markDeleted();
      await sleep(500);
      expect(await build.holder()).toBe(first.uid);
      await first.delete();
      await second.hasRun();
      expect(await build.holder()).toBe(second.uid);
      second.write('enough');
      await build.until(second, 'Succeeded');
      expect((await build.runs()).map(({ phase }) => phase)).toEqual(['Succeeded', 'Lost']);
      await build.atRest();
    });

    withBuild(
      'the Lease of a pod that is there but is not heard of is taken over when it has run out',
      async (build) => {
        const silent = await build.pod({ digest: digest(), command: ENDLESS });
        await silent.hasRun();
        await silent.killGate();
        await build.setHolder(silent.uid, 3);
        const startedAt = performance.now();
        const pod = await build.pod({ digest: digest(), command: QUICK });
        await build.until(pod, 'Succeeded');
        expect(performance.now() - startedAt).toBeGreaterThan(3000);
        await build.atRest();
      },
    );
  });

  describe('a gate that is killed', () => {
    withBuild(
      'while the services start, goes on when it is started again',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: QUICK });
        await build.until(pod, 'Starting');
        await pod.killGate();
        expect(await build.isHeld()).toBe(true);
        pod.startGate();
        await build.until(pod, 'Succeeded');
        await build.atRest();
        expect(pod.runs).toHaveLength(1);
      },
      { behaviour: { startMs: 3000 } },
    );

    withBuild('while the command runs, and is not there when it ends, records its result', async (build) => {
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await pod.says('go', '1 run');
      await pod.killGate();
      pod.write('enough');
      await pod.says('result', '1 0');
      pod.startGate();
      await build.until(pod, 'Succeeded');
      await build.atRest();
      expect(pod.runs).toHaveLength(1);
    });

    withBuild(
      'for so long that the controller has taken its run for lost, takes all of it up again',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await build.until(pod, 'Running');
        await pod.says('go', '1 run');
        await pod.killGate();
        await build.repair();
        pod.startGate();
        expect(await build.until(pod, 'Running')).toMatchObject({
          message: 'the pod was not heard of for a while',
        });
        await waitFor(() => build.isHeld());
        expect(await Promise.all(['minio', 'rabbitmq'].map((name) => build.replicas(name)))).toEqual([1, 1]);
        pod.write('enough');
        const run = await build.until(pod, 'Succeeded');
        expect(Date.parse(run.startedAt ?? '')).toBeLessThan(Date.parse(run.finishedAt ?? ''));
        await build.atRest();
      },
    );

    withBuild(
      'and is not missed by the controller, which repairs a run that goes on, puts it in order',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
        await build.until(pod, 'Running');
        await build.repair();
        await waitFor(
          async () =>
            (await build.isHeld()) &&
            (await build.holder()) === pod.uid &&
            (await build.replicas('minio')) === 1,
          { timeout: 20_000, describe: () => build.describe() },
        );
        await build.until(pod, 'Running');
        pod.write('enough');
        await build.until(pod, 'Succeeded');
        await build.atRest();
      },
    );

    withBuild('after everything has ended, leaves everything as it is', async (build) => {
      const pod = await build.pod({ digest: digest(), command: QUICK });
      await build.until(pod, 'Succeeded');
      await build.atRest();
      await pod.killGate();
      const before = await build.deployment();
      pod.startGate();
      await sleep(3000);
      await build.atRest();
      expect((await build.deployment()).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
      expect(build.namespace.services.starts).toEqual({ minio: 1, rabbitmq: 1 });
    });
  });

  describe('a gate that is told to end', () => {
    withBuild('while the command runs, lets everything go within 3 s', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await build.until(pod, 'Running');
      const { milliseconds, code } = await pod.delete();
      expect(await build.remains()).toEqual([]);
      expect((await build.runs())[0]).toMatchObject({ phase: 'Lost', message: 'the pod went away' });
      expect(code).toBe(0);
      expect(milliseconds).toBeLessThan(3000);
    });

    withBuild('when the command has just ended, records its result', async (build) => {
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await build.until(pod, 'Running');
      pod.write('enough');
      await pod.says('result', '1 0');
      const { milliseconds } = await pod.stopGate();
      expect(await build.remains()).toEqual([]);
      expect((await build.runs())[0]).toMatchObject({ phase: 'Succeeded', exitCode: 0 });
      expect(milliseconds).toBeLessThan(3000);
    });

    withBuild(
      'while services start, lets everything go within 3 s',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: ENDLESS });
        await build.until(pod, 'Starting');
        await waitFor(async () => (await build.replicas('minio')) === 1);
        const { milliseconds } = await pod.delete();
        expect(await build.remains()).toEqual([]);
        expect((await build.runs())[0]).toMatchObject({ phase: 'Lost' });
        expect(milliseconds).toBeLessThan(3000);
      },
      { behaviour: { broken: ['minio'] } },
    );

    withBuild('after it was killed and started again, lets go of what it had before', async (build) => {
      const pod = await build.pod({ digest: digest(), command: ENDLESS });
      await pod.says('go', '1 run');
      await pod.killGate();
      pod.startGate();
      const { milliseconds } = await pod.delete();
      expect(milliseconds).toBeLessThan(4000);
      // Where it was told before it could hear, the next one or the controller does it.
      if (pod.log.includes('stopping')) expect(await build.remains()).toEqual([]);
    });

    withBuild('while another pod builds, touches nothing', async (build) => {
      const pod = await build.pod({ digest: digest(), command: UNTIL_ENOUGH });
      await build.until(pod, 'Running');
      const other = await build.pod({ digest: digest(), command: QUICK });
      await other.says('attempt', '1');
      await sleep(1000);
      await other.delete();
      expect(await build.holder()).toBe(pod.uid);
      expect(await build.isHeld()).toBe(true);
      expect(await build.replicas('minio')).toBe(1);
      pod.write('enough');
      await build.until(pod, 'Succeeded');
    });
  });

  describe('releases', () => {
    const parts = { release: 'release', part: 'github' };

    withBuild(
      'of a build that has passed are waited for, with Keel held back and without services',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: WITH_ASSET });
        await build.until(pod, 'Succeeded');
        await waitFor(async () => (await build.replicas('minio')) === 0);
        await build.release(pod, [{ ...parts, phase: 'Running' }]);
        const outputs = await (await fetch(pod.outputsUrl)).text();
        expect(outputs).toContain('assets/bin/runner');
        expect(outputs).toContain('build.log');
        await sleep(5000);
        expect(await build.remains()).toEqual(['Keel is held back', `${pod.uid} has the Lease`]);
        await pod.killGate();
        pod.startGate();
        await sleep(2000);
        expect(await build.isHeld()).toBe(true);
        await build.release(pod, [{ ...parts, phase: 'Skipped' }]);
        await build.atRest();
        expect((await build.runs())[0]).toMatchObject({
          phase: 'Succeeded',
          releases: [{ phase: 'Skipped' }],
        });
        expect(build.namespace.services.starts).toEqual({ minio: 1, rabbitmq: 1 });
      },
      { release: true },
    );

    withBuild(
      'that take too long are waited for no more',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: WITH_ASSET });
        await build.until(pod, 'Succeeded');
        await sleep(1000);
        expect(await build.isHeld()).toBe(true);
        await build.atRest();
      },
      { release: true, configuration: { releaseTimeoutSeconds: -56 } },
    );

    withBuild(
      'of a build that has failed are not waited for',
      async (build) => {
        const pod = await build.pod({ digest: digest(), command: ['false'] });
        await build.until(pod, 'Failed');
        await build.atRest(5000);
      },
      { release: true },
    );
  });

  describe('a command that makes a mess of the run directory', () => {
    withBuild('so that its wrapper can not be answered, does not hold Keel back', async (build) => {
      const mess = [
        'sh',
        '-c',
        'rm "$KEELSON_RUN_DIRECTORY/go"; mkdir -p "$KEELSON_RUN_DIRECTORY/go/x"; echo ran >> "$RAN"; exec sleep 600',
      ];
      const pod = await build.pod({ digest: digest(), command: mess });
      await pod.hasRun();
      await pod.restart('Error');
      expect(await build.until(pod, 'Failed')).toMatchObject({
        message: expect.stringContaining('the wrapper could not be answered'),
      });
      await build.atRest();
    });

    withBuild('by a link in place of its result, is not followed', async (build) => {
      const mess = [
        'sh',
        '-c',
        'ln -s /etc/hostname "$KEELSON_RUN_DIRECTORY/result"; echo ran >> "$RAN"; while [ ! -e enough ]; do sleep 0.1; done; rm "$KEELSON_RUN_DIRECTORY/result"',
      ];
      const pod = await build.pod({ digest: digest(), command: mess });
      await pod.hasRun();
      await sleep(1000);
      pod.write('enough');
      await build.until(pod, 'Succeeded');
    });

    withBuild('by attempts that were none, ends it after three', async (build) => {
      const mess = [
        'sh',
        '-c',
        'for n in 2 3 4; do sleep 1; echo $n > "$KEELSON_RUN_DIRECTORY/attempt"; done; exec sleep 600',
      ];
      const pod = await build.pod({ digest: digest(), command: mess });
      await build.until(pod, 'Failed');
      await build.atRest();
    });
  });
});
