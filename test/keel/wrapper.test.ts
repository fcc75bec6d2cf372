import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as base, describe, expect } from 'vitest';
import { readFiles } from '../support/synthesized.ts';
import { Container, type Wrapper, type WrapperOptions } from '../support/wrapper.ts';

const test = base.extend<{ container: Container }>({
  // biome-ignore lint/correctness/noEmptyPattern: the signature of a fixture
  container: async ({}, use) => {
    const container = new Container();
    await use(container);
    container.remove();
  },
});

const log = ({ directory }: Container): string =>
  readFileSync(join(directory, 'output', 'build.log'), 'utf8');
const has = ({ directory }: Container, name: string): boolean => existsSync(join(directory, name));
const PROMPTLY = 3000;
const SLOW = { timeout: 30_000 };

describe.concurrent('waiting for the gate', SLOW, () => {
  test('nothing runs until the gate answers', async ({ container }) => {
    const wrapper = container.start(['touch', 'ran']);
    await container.until('attempt', '1');
    await sleep(1500);
    expect(has(container, 'ran')).toBe(false);
    container.say('1 run');
    await container.until('result', '1 0');
    expect(has(container, 'ran')).toBe(true);
    expect(wrapper.running).toBe(true);
  });

  test('an answer to another attempt counts for nothing', async ({ container }) => {
    container.start(['touch', 'ran']);
    await container.until('attempt', '1');
    for (const go of ['0 run', '2 run', '', 'run', '11 run']) {
      container.say(go);
      await sleep(1100);
      expect(has(container, 'ran'), go).toBe(false);
    }
    container.say('1 run');
    await container.until('result', '1 0');
  });

  test('a word other than run is an order to do nothing', async ({ container }) => {
    const wrapper = container.start(['touch', 'ran']);
    await container.until('attempt', '1');
    container.say('1 skip');
    await wrapper.prints('nothing to do: skip');
    await wrapper.prints('keeping the container');
    expect(has(container, 'ran')).toBe(false);
    expect(container.read('result')).toBeUndefined();
    expect(wrapper.running).toBe(true);
  });

  test('a restart is another attempt, and waits for an answer of its own', async ({ container }) => {
    const first = container.start(['false']);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 1');
    first.terminate();
    await first.ended;
    container.start(['touch', 'ran']);
    await container.until('attempt', '2');
    expect([container.read('go'), container.read('result')]).toEqual([undefined, undefined]);
    container.say('1 run');
    await sleep(1500);
    expect(has(container, 'ran')).toBe(false);
    container.say('2 run');
    await container.until('result', '2 0');
  });
});

describe.concurrent('in a Job', SLOW, () => {
  test.for([0, 1, 7])(
    'the container ends with the exit code %i of the command',
    async (code, { container }) => {
      const wrapper = container.start(['/bin/sh', '-c', `exit ${code}`], { after: 'exit' });
      await container.until('attempt', '1');
      container.say('1 run');
      expect(await wrapper.ended).toEqual({ code, signal: null });
      expect(container.read('result')).toBe(`1 ${code}`);
    },
  );

  test('a command that takes too long is known by the exit code of the container', async ({ container }) => {
    const wrapper = container.start(['sleep', '60'], { after: 'exit', timeout: 1 });
    await container.until('attempt', '1');
    container.say('1 run');
    expect(await wrapper.ended).toEqual({ code: 124, signal: null });
  });

  test.for([
    ['skip', 0],
    ['fail', 1],
  ] as const)(
    'after %s nothing runs, and the container ends with %i',
    async ([word, code], { container }) => {
      const wrapper = container.start(['touch', 'ran'], { after: 'exit' });
      await container.until('attempt', '1');
      container.say(`1 ${word}`);
      expect(await wrapper.ended).toEqual({ code, signal: null });
      expect([has(container, 'ran'), container.read('result')]).toEqual([false, undefined]);
    },
  );

  test('the log file is whole when the container ends', async ({ container }) => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; exit 3';
    const wrapper = container.start(['/bin/sh', '-c', script], { after: 'exit', log: true });
    await container.until('attempt', '1');
    container.say('1 run');
    expect((await wrapper.ended).code).toBe(3);
    expect(log(container).trimEnd().split('\n').at(-1)).toBe('line 2999');
  });
});

describe.concurrent('running', SLOW, () => {
  async function run(
    container: Container,
    command: readonly string[],
    options: WrapperOptions = {},
  ): Promise<{ result: string; output: string }> {
    const wrapper = container.start(command, options);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', /^1 \d+$/);
    await wrapper.prints('ended with exit code');
    return { result: container.read('result') ?? '', output: wrapper.output };
  }

  test.for([0, 1, 7, 124, 255])('exit code %i is recorded', async (code, { container }) => {
    expect((await run(container, ['/bin/sh', '-c', `exit ${code}`])).result).toBe(`1 ${code}`);
  });

  test('a command that does not exist has the exit code of one', async ({ container }) => {
    expect((await run(container, ['no-such-command'])).result).toBe('1 127');
  });

  test('a command that a signal ends has its exit code', async ({ container }) => {
    expect((await run(container, ['/bin/sh', '-c', 'kill -KILL $$'])).result).toBe('1 137');
  });

  test('arguments arrive as they are', async ({ container }) => {
    const words = ['a b', '$(touch pwned)', '', '*', "'", '"', '\\', 'é', 'a\nb'];
    const { output } = await run(container, ['/bin/sh', '-c', 'printf "[%s]" "$@"', 'sh', ...words]);
    expect(output).toContain(words.map((word) => `[${word}]`).join(''));
    expect(has(container, 'pwned')).toBe(false);
  });

  test('a command that takes too long is ended, and is known by its exit code', async ({ container }) => {
    const started = Date.now();
    const { result } = await run(container, ['sleep', '60'], { timeout: 1 });
    expect(result).toBe('1 124');
    expect(Date.now() - started).toBeLessThan(6000);
  });

  test('a command that does not listen to the end of its time is killed', async ({ container }) => {
    const { result } = await run(container, ['/bin/sh', '-c', 'trap "" TERM; while :; do sleep 1; done'], {
      timeout: 1,
    });
    expect(result).toBe('1 124');
  });

  test('a command that ends in time is not said to have run out of it', async ({ container }) => {
    expect((await run(container, ['sleep', '1'], { timeout: 30 })).result).toBe('1 0');
    expect(container.read('timed-out')).toBeUndefined();
  });

  test('all that it prints is in the log of the pod and in a log file', async ({ container }) => {
    const { output } = await run(container, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 3'], {
      log: true,
    });
    expect(output).toMatch(/out\nerr\n/);
    expect(log(container)).toBe('out\nerr\n');
    expect(container.read('result')).toBe('1 3');
  });

  test('much output is in the log file to its end', async ({ container }) => {
    await run(
      container,
      ['/bin/sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done'],
      { log: true },
    );
    expect(log(container).trimEnd().split('\n').at(-1)).toBe('line 2999');
  });

  test('without tee and mkfifo it runs all the same, without a log file', async ({ container }) => {
    const bin = join(container.directory, 'bin');
    mkdirSync(bin);
    for (const name of ['sh', 'sleep', 'cat', 'mv', 'rm', 'mkdir'])
      symlinkSync(`/bin/${name}`, join(bin, name));
    const { result, output } = await run(container, ['sh', '-c', 'echo out'], { log: true, path: bin });
    expect(result).toBe('1 0');
    expect(output).toContain('out\n');
    expect(has(container, 'output')).toBe(false);
  });

  test('where the log file cannot be made, the command runs all the same', async ({ container }) => {
    writeFileSync(join(container.directory, 'output'), 'a file, no directory');
    expect(await run(container, ['echo', 'out'], { log: true })).toMatchObject({
      result: '1 0',
      output: expect.stringContaining('out\n'),
    });
  });

  test('a log file of an earlier attempt is not lost', async ({ container }) => {
    await run(container, ['echo', 'first'], { log: true });
    container.start(['echo', 'second'], { log: true });
    await container.until('attempt', '2');
    container.say('2 run');
    await container.until('result', '2 0');
    await sleep(200);
    const logs = [...readFiles(join(container.directory, 'output')).values()].join('');
    expect(logs).toContain('first\n');
    expect(logs).toContain('second\n');
  });
});

describe.concurrent('its end', SLOW, () => {
  const endsPromptly = async (wrapper: Wrapper): Promise<unknown> => {
    const asked = Date.now();
    wrapper.terminate();
    const ended = await wrapper.ended;
    expect(Date.now() - asked).toBeLessThan(PROMPTLY);
    return ended;
  };

  test('comes promptly while it waits for the gate', async ({ container }) => {
    const wrapper = container.start(['true']);
    await wrapper.prints('is waiting for the gate');
    expect(await endsPromptly(wrapper)).toEqual({ code: 143, signal: null });
  });

  test('comes promptly while the command runs, and takes the command with it', async ({ container }) => {
    const wrapper = container.start([
      '/bin/sh',
      '-c',
      'trap "touch ended; exit 0" TERM; touch started; while :; do sleep 0.1; done',
    ]);
    await container.until('attempt', '1');
    container.say('1 run');
    for (let tries = 0; tries < 200 && !has(container, 'started'); tries++) await sleep(25);
    expect(await endsPromptly(wrapper)).toEqual({ code: 143, signal: null });
    for (let tries = 0; tries < 80 && !has(container, 'ended'); tries++) await sleep(25);
    expect(has(container, 'ended')).toBe(true);
    expect(container.read('result')).toBeUndefined();
  });

  test('comes promptly while the container is kept', async ({ container }) => {
    const wrapper = container.start(['true']);
    await container.until('attempt', '1');
    container.say('1 run');
    await wrapper.prints('keeping the container until it is replaced');
    expect(await endsPromptly(wrapper)).toEqual({ code: 143, signal: null });
    expect(container.read('result')).toBe('1 0');
  });

  test.for([0, 5])(
    'comes with exit code %i of the command when the time for which it is kept is over',
    async (code, { container }) => {
      const wrapper = container.start(['/bin/sh', '-c', `exit ${code}`], { keep: 1 });
      await container.until('attempt', '1');
      container.say('1 run');
      await wrapper.prints('keeping the container for 1 s');
      expect(wrapper.running).toBe(true);
      expect(await wrapper.ended).toEqual({ code, signal: null });
    },
  );
});

test('it needs nothing but a POSIX shell: no construct of bash is in it', async ({ container }) => {
  const path = join(container.directory, 'wrapper.sh');
  chmodSync(path, 0o755);
  expect(readFileSync(path, 'utf8')).toMatch(/^#!\/bin\/sh\n/);
  expect(readFileSync(path, 'utf8')).not.toMatch(/\[\[|\bfunction \w|\blocal\b|<<<|&>|\$\{\w+\[/);
});

describe.concurrent('the assets of a release', SLOW, () => {
  const run = (container: Container, script: string, assets: readonly string[]): void => {
    container.start(['sh', '-c', script], { log: true, assets });
  };
  const kept = ({ directory }: Container): string[] => {
    const folder = join(directory, 'output', 'assets');
    return existsSync(folder) ? [...readFiles(folder).keys()] : [];
  };

  test('are kept under their paths when the command has succeeded', async ({ container }) => {
    run(container, 'mkdir -p "bin/a b" && touch bin/one bin/two "bin/a b/c d" bin/skipped', [
      'bin/[ot]*',
      'bin/a b/*',
    ]);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 0');
    expect(kept(container)).toEqual(['bin/a b/c d', 'bin/one', 'bin/two']);
  });

  test('are regular files: no link and no folder is taken', async ({ container }) => {
    run(container, 'mkdir -p bin/folder && touch bin/file && ln -s /etc/passwd bin/link', ['bin/*']);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 0');
    expect(kept(container)).toEqual(['bin/file']);
  });

  test('fail the build where a pattern finds none', async ({ container }) => {
    run(container, 'touch one', ['one', 'none/*']);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 1');
    expect(log(container)).not.toContain('none');
  });

  test('of a build that failed are not kept', async ({ container }) => {
    run(container, 'touch one; exit 3', ['one']);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 3');
    expect(kept(container)).toEqual([]);
  });

  test('a pattern is no program', async ({ container }) => {
    run(container, `touch '$(touch ran)' '; touch ran'`, ['$(touch ran)', '; touch ran']);
    await container.until('attempt', '1');
    container.say('1 run');
    await container.until('result', '1 0');
    expect(kept(container)).toEqual(['$(touch ran)', '; touch ran']);
    expect(has(container, 'ran')).toBe(false);
  });
});
