import { describe, expect, test } from 'vitest';
import { FakeGitHub, type Fault } from './fake-github.ts';
import { Outputs, published, run } from './release-run.ts';

const FILES = { 'bin/runner': Buffer.alloc(300_000, 'r'), 'bin/tool': Buffer.alloc(100_000, 't') };
const WHOLE = {
  'build.log': 'the log\n',
  runner: FILES['bin/runner'].toString('latin1'),
  tool: FILES['bin/tool'].toString('latin1'),
};
const FAULTS: Readonly<Record<string, Fault>> = {
  'answered with 500': { answer: 500 },
  'answered with 503': { answer: 503 },
  'fulfilled, and answered with 502': { fulfilledBut: 502 },
  'cut before it is read': { reset: 'before' },
  'cut in the middle': { reset: 'middle' },
  'fulfilled, and cut': { reset: 'after' },
  'never answered': { hang: true },
};

describe.each(Object.entries(FAULTS))('each request, in turn, is %s', (_name, fault) => {
  test('and the release is whole in the end, and one', async () => {
    let requests = 1;
    for (let failing = 0; failing < requests; failing += 1) {
      const github = await FakeGitHub.start();
      github.fault = ({ index }) => (index === failing ? fault : undefined);
      const { code, log } = await run(github, new Outputs(FILES), { idleMs: 100 });
      expect(code, `request ${failing}: ${log}`).toBe(0);
      expect(published(github)).toEqual(WHOLE);
      requests = Math.max(requests, github.seen.length);
    }
    expect(requests).toBeGreaterThan(15);
  }, 60_000);
});

test('with a third of all requests failing, 15 releases are whole in the end', async () => {
  const kinds = Object.values(FAULTS).filter((fault) => !('hang' in fault));
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  for (let release = 0; release < 15; release += 1) {
    const github = await FakeGitHub.start();
    github.fault = () => (random() < 1 / 3 ? kinds[Math.floor(random() * kinds.length)] : undefined);
    const outputs = new Outputs(FILES);
    // Its Job tries again.
    let code: number | undefined;
    for (let attempt = 0; attempt < 20 && code !== 0; attempt += 1) ({ code } = await run(github, outputs));
    expect(published(github)).toEqual(WHOLE);
  }
}, 120_000);
