import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { type AgentBundle, bundleAgent } from '../support/played/agent-bundle.ts';
import type { PlayedBuild } from '../support/played/build.ts';
import type { PlayedPod } from '../support/played/pod.ts';
import { type Passage, startStoppingProxy } from '../support/played/stopping-proxy.ts';
import { digest, withBuilds } from '../support/played/use.ts';
import { count, report, spread } from './figures.ts';

const COMMAND = ['sh', '-c', 'echo ran >> "$RAN"'];
const LANES = 4;

/** A request of a build, by its number, and what becomes of it. */
interface Point {
  readonly number: number;
  readonly passage: Passage;
}

/** A build whose gate's requests go through a proxy, which calls when one of them is reached. */
interface Lane {
  readonly build: PlayedBuild;
  /** Has the next pod of the build reach a point. */
  reach(point: Point, reached: () => void): void;
  /** How many requests there were since. */
  readonly requests: number;
}

async function withLane(agent: string, use: (lane: Lane) => Promise<void>): Promise<void> {
  let requests = 0;
  let next: { readonly point: Point; readonly reached: () => void } | undefined;
  const proxy = await startStoppingProxy(testApi().kubeconfig, () => {
    requests++;
    if (next === undefined || next.point.number !== requests) return { passage: 'pass' };
    const { point, reached } = next;
    next = undefined;
    if (point.passage === 'pass') reached();
    return { passage: point.passage, kept: reached };
  });
  try {
    await withBuilds(agent, { server: proxy.server }, (build) =>
      use({
        build,
        reach: (point, reached) => {
          requests = 0;
          next = { point, reached };
        },
        get requests() {
          return requests;
        },
      }),
    );
  } finally {
    proxy.close();
  }
}

/** How many requests a gate sends for a build. */
async function requestsOfABuild(agent: string): Promise<number> {
  let number = 0;
  await withLane(agent, async (lane) => {
    lane.reach({ number: Number.POSITIVE_INFINITY, passage: 'pass' }, () => undefined);
    const pod = await lane.build.pod({ digest: digest(), command: COMMAND });
    await lane.build.until(pod, 'Succeeded');
    await lane.build.atRest();
    number = lane.requests;
  });
  return number;
}

describe.skipIf(withoutApi)(
  `a gate that ends at each of its requests, at a real API server${missing}`,
  () => {
    let agent: AgentBundle;
    let points: readonly number[] = [];
    beforeAll(async () => {
      agent = await bundleAgent();
      const all = await requestsOfABuild(agent.path);
      const step = count(1, 9);
      // Some more, for requests beside the build's own.
      points = Array.from({ length: all + 4 }, (_, index) => index + 1).filter(
        (number) => number % step === 0,
      );
    });
    afterAll(() => agent.remove());

    const atEachPoint = (
      what: string,
      passages: readonly Passage[],
      use: (lane: Lane, point: Point) => Promise<void>,
    ): void => {
      test(what, async () => {
        const left = points.flatMap((number) => passages.map((passage) => ({ number, passage })));
        const total = left.length;
        const lane = async (): Promise<void> =>
          withLane(agent.path, async (lane) => {
            for (let point = left.shift(); point !== undefined; point = left.shift()) {
              await use(lane, point).catch((error: unknown) => {
                throw new Error(`at request ${point?.number}, ${point?.passage}: ${error}`, { cause: error });
              });
            }
          });
        await Promise.all(Array.from({ length: LANES }, lane));
        report(what, { points: total });
      });
    };

    /** The pod reaches the point, or has ended before. */
    const podTo = async (lane: Lane, point: Point, image: string): Promise<[PlayedPod, boolean]> => {
      let isReached = false;
      const reached = new Promise<boolean>((resolve) => {
        lane.reach(point, () => {
          isReached = true;
          resolve(true);
        });
      });
      const pod = await lane.build.pod({ digest: image, command: COMMAND });
      const ended = lane.build.until(pod, 'Succeeded').then(() => lane.build.atRest());
      await Promise.race([reached, ended.catch(() => undefined)]);
      ended.catch(() => undefined);
      return [pod, isReached];
    };

    atEachPoint(
      'killed and started again, finishes its build: the command runs once, and services start once',
      ['keep-request', 'keep-answer'],
      async (lane, point) => {
        const { build } = lane;
        const { starts } = build.namespace.services;
        const before = starts['minio'] ?? 0;
        const [pod, reached] = await podTo(lane, point, digest());
        if (reached) {
          await pod.killGate();
          pod.startGate();
        }
        await build.until(pod, 'Succeeded');
        await build.atRest();
        expect(pod.runs).toEqual(['ran']);
        expect(starts['minio']).toBe(before + 1);
        await pod.kill();
      },
    );

    atEachPoint(
      'killed with its pod, leaves the build to the next pod',
      ['keep-request', 'keep-answer'],
      async (lane, point) => {
        const { build } = lane;
        const image = digest();
        const [pod] = await podTo(lane, point, image);
        await pod.kill();
        const next = await build.pod({ digest: image, command: COMMAND });
        await build.until(next, 'Succeeded', 'Skipped');
        await build.atRest();
        const runs = (await build.runs()).filter((run) => run.digest === image);
        expect(runs.filter(({ phase }) => phase === 'Succeeded')).toHaveLength(1);
        expect(runs.filter(({ phase }) => phase === 'Starting' || phase === 'Running')).toEqual([]);
        await next.kill();
      },
    );

    const endings: number[] = [];
    afterAll(() => {
      const { p50, max } = spread(endings);
      report('a gate that is told to end', { 'ms to its end, p50': Math.round(p50), max: Math.round(max) });
    });
    atEachPoint('told to end, leaves nothing but the result', ['pass'], async (lane, point) => {
      const { build } = lane;
      const image = digest();
      const [pod] = await podTo(lane, point, image);
      const { milliseconds, code } = await pod.delete();
      expect(await build.remains()).toEqual([]);
      expect(code).toBe(0);
      endings.push(milliseconds);
      const phases = (await build.runs()).filter((run) => run.digest === image).map(({ phase }) => phase);
      expect([[], ['Lost'], ['Succeeded']]).toContainEqual(phases);
    });
  },
);
