// Controller and gates as processes of their own, each with its account's token, at a real API server. The kubelet and
// the wrapper of the build are played: pods are made, and files are written as the wrapper writes them.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { GateConfiguration } from '../../lib/agent/configuration.ts';
import { accountKubeconfig } from '../cluster/account-kubeconfig.ts';
import { waitFor } from '../cluster/api.ts';
import { HandOverPipeline } from '../cluster/hand-over-pipeline.ts';
import { type PlayedPod, randomDigest, removePod, startPod } from '../cluster/hand-over-world.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { AgentProcess } from '../support/agent-process.ts';
import { PlayedServices } from '../support/played/services.ts';

describe.skipIf(withoutApi)(
  `controller and gates of a build that hands over, at a real API server${missing}`,
  () => {
    let pipeline: HandOverPipeline;
    let directory: string;
    /** The services of each namespace. */
    const played = new Map<string, PlayedServices>();
    const processes: AgentProcess[] = [];
    beforeEach(async () => {
      directory = await mkdtemp(join(tmpdir(), 'keelson-gates-'));
      pipeline = await HandOverPipeline.apply(testApi().kubeconfig);
      processes.push(await pipeline.controller());
    });
    afterEach(async () => {
      await Promise.all(processes.splice(0).map((process) => process.stop('SIGKILL')));
      for (const services of played.values()) await services.close();
      played.clear();
      await pipeline.remove();
      await rm(directory, { recursive: true, force: true });
    });

    /** A pod's files, with the wrapper's first one in them. */
    class Run {
      readonly pod: PlayedPod;
      readonly files: string;
      readonly gate: AgentProcess;

      constructor(pod: PlayedPod, files: string, gate: AgentProcess) {
        this.pod = pod;
        this.files = files;
        this.gate = gate;
      }

      static async start(namespace: string, digest: string): Promise<Run> {
        const pod = await startPod(pipeline, namespace, digest);
        const files = await mkdtemp(join(directory, 'pod-'));
        const path = `/api/v1/namespaces/${namespace}/configmaps/build-gate`;
        const { data } = await pipeline.api.get<{ data: Record<string, string> }>(path);
        const synthesized = JSON.parse(data['gate.json'] ?? '') as GateConfiguration;
        const here = played.get(namespace) ?? new PlayedServices(pipeline.api, namespace);
        played.set(namespace, here);
        const services = await here.play(synthesized.services);
        const configuration = { ...synthesized, services, runDirectory: files };
        await writeFile(join(files, 'gate.json'), JSON.stringify(configuration));
        await writeFile(join(files, 'attempt'), '1\n');
        const account = { namespace, name: 'build' };
        const gate = await AgentProcess.start(['gate', `--config=${join(files, 'gate.json')}`], {
          KUBECONFIG: await accountKubeconfig(pipeline.kubeconfig, account, join(files, 'kubeconfig')),
          POD_NAME: pod.name,
          POD_NAMESPACE: namespace,
          POD_UID: pod.uid,
        });
        processes.push(gate);
        return new Run(pod, files, gate);
      }

      /** What the gate lets the build do. */
      async answer(): Promise<string> {
        const go = join(this.files, 'go');
        await waitFor(async () => existsSync(go), { describe: async () => this.gate.lines.join('\n') });
        return (await readFile(go, 'utf8')).trim();
      }

      /** The command has ended. */
      async end(code: number): Promise<void> {
        await writeFile(join(this.files, 'result'), `1 ${code}\n`);
      }

      /** The pod is replaced. */
      async stop(): Promise<void> {
        await this.gate.stop();
        await removePod(pipeline, this.pod);
      }
    }

    const handedOverBy = (namespace: string): Promise<string> =>
      waitFor(async () => (await pipeline.annotations(namespace))['keelson.dev/handed-over']);
    const isScaledDown = (namespace: string): Promise<boolean> =>
      waitFor(async () => (await pipeline.replicas(namespace)) === 0);

    test('two full cycles, each image built once, in the namespace that its listener left to it', {
      timeout: 240_000,
    }, async () => {
      const { home } = pipeline;
      const [zero, one, two] = [randomDigest(), randomDigest(), randomDigest()];
      const atHome = await Run.start(home, zero);
      expect(await atHome.answer()).toBe('1 run');
      const first = await handedOverBy(home);
      expect(await pipeline.replicas(home, 'minio')).toBe(1);

      // The listener's first pod has what home builds, and waits for another image.
      const waiting = await Run.start(first, zero);
      expect(await waiting.answer()).toBe('1 skip');
      expect(await pipeline.replicas(first, 'minio')).toBe(0);
      await atHome.end(0);
      await isScaledDown(home);
      await atHome.stop();

      await waiting.stop();
      const inFirst = await Run.start(first, one);
      expect(await inFirst.answer()).toBe('1 run');
      const second = await handedOverBy(first);
      const next = await Run.start(second, one);
      expect(await next.answer()).toBe('1 skip');
      await inFirst.end(7);
      await isScaledDown(first);
      await inFirst.stop();

      await next.stop();
      const inSecond = await Run.start(second, two);
      expect(await inSecond.answer()).toBe('1 run');
      const third = await handedOverBy(second);
      await inSecond.end(0);
      await isScaledDown(second);
      await inSecond.stop();

      expect((await pipeline.listeners()).toSorted()).toEqual([first, second, third].toSorted());
      const runs = (await pipeline.runs(home)).map(({ digest, phase, exitCode }) => [
        digest,
        phase,
        exitCode,
      ]);
      expect(runs).toEqual([
        [two, 'Succeeded', 0],
        [one, 'Failed', 7],
        [zero, 'Succeeded', 0],
      ]);
      expect((await pipeline.annotations(third))['keel.sh/policy']).toBe('regexp:^1\\.');
    });
  },
);
