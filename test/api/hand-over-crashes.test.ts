// The controller dies after each single write of a hand-over and of what follows it, at a real API server: the next one
// goes on from what is in the cluster.
import { afterEach, describe, expect, test } from 'vitest';
import { HandOverStage } from '../cluster/hand-over-stage.ts';
import { missing, withoutApi } from '../cluster/provided.ts';

describe.skipIf(withoutApi)(
  `a controller that dies while it hands over, at a real API server${missing}`,
  () => {
    let stage: HandOverStage;
    afterEach(() => stage.remove());

    test('after whichever write it dies, the next one ends in the same state', {
      timeout: 600_000,
    }, async () => {
      stage = await HandOverStage.apply({ handOver: { afterwards: 'selfDestruct' } });
      const { pipeline } = stage;
      await stage.advance();
      let current = pipeline.home;
      let deaths = 0;
      for (let writes = 0, died = true; died; writes++) {
        const isNext = (_: unknown, number: number): boolean => number > writes;
        const gate = await stage.ask(current);
        const first = await stage.advanceUntil(isNext);
        await stage.advance();
        const next = await gate.begin();
        expect(await stage.listening()).toEqual([next]);
        await gate.end();
        const second = await stage.advanceUntil(isNext);
        await stage.advance();
        expect([writes, await pipeline.listeners()]).toEqual([writes, [next]]);
        expect(await stage.listening()).toEqual([next]);
        expect((await pipeline.runs(pipeline.home))[0]).toMatchObject({
          id: gate.pod.uid,
          phase: 'Succeeded',
        });
        died = first.isDead || second.isDead;
        deaths += Number(first.isDead) + Number(second.isDead);
        current = next;
      }
      console.log(`hand-over: died after each write, ${deaths} times in all`);
      expect(deaths).toBeGreaterThan(30);
      expect((await pipeline.runs(pipeline.home)).length).toBe(20);
    });
  },
);
