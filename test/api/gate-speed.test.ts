import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, withoutApi } from '../cluster/provided.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import { digest, withBuilds } from '../support/played/use.ts';

/** KEELSON_BUILDS=20 for figures that are kept. */
const BUILDS = Number(process.env['KEELSON_BUILDS'] ?? 5);

/** Milliseconds of one build. */
interface Times {
  /** From the wrapper's word that its container has started to the gate's answer. */
  readonly answer: number;
  /** From there to the command's first act. */
  readonly start: number;
  /** From the command's result to its being in the status. */
  readonly result: number;
}

async function timesOf(build: PlayedBuild): Promise<Times> {
  const pod = await build.pod({ digest: digest(), command: ['sh', '-c', 'echo ran >> "$RAN"; sleep 1'] });
  await build.until(pod, 'Succeeded');
  await build.atRest();
  // What the gate has logged is in the status by then.
  const line = pod.log.split('\n').find((text) => text.includes('"phase":"Succeeded"')) ?? '{}';
  const recorded = Date.parse((JSON.parse(line) as { time: string }).time);
  const [attempt, go] = [pod.writtenAt('attempt'), pod.writtenAt('go')];
  const times = {
    answer: go - attempt,
    start: statSync(pod.ran).mtimeMs - attempt,
    result: recorded - pod.writtenAt('result'),
  };
  await pod.delete();
  return times;
}

describe.skipIf(withoutApi)(`how long a gate holds up a build, at a real API server${missing}`, () => {
  let agent: AgentBundle;
  beforeAll(async () => {
    agent = await bundleAgent();
  });
  afterAll(() => agent.remove());

  test(`with services that are up: less than 3 s before it and less than 2 s after it, ${BUILDS} times`, async () => {
    // Services that another build uses, too, are left running.
    await withBuilds(agent.path, { second: true }, async (build) => {
      const all: Times[] = [];
      await timesOf(build);
      for (let number = 0; number < BUILDS; number++) all.push(await timesOf(build));
      for (const what of ['answer', 'start', 'result'] as const) {
        const sorted = all.map((times) => Math.round(times[what])).sort((a, b) => a - b);
        console.log(`${what}: p50 ${sorted[sorted.length >> 1]} ms, max ${sorted.at(-1)} ms of ${BUILDS}`);
      }
      expect(Math.max(...all.map(({ start }) => start))).toBeLessThan(3000);
      expect(Math.max(...all.map(({ result }) => result))).toBeLessThan(2000);
    });
  });
});
