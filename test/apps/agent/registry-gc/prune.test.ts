import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../../apps/agent/observe/log.ts';
import type { Plan } from '../../../../apps/agent/registry-gc/plan.ts';
import { prune as pruneProgram } from '../../../../apps/agent/registry-gc/prune.ts';
import type { Pushed } from '../../../support/registry-client.ts';
import { LocalRegistry, REGISTRY, withoutRegistry } from './local-registry.ts';

const MAIN = fileURLToPath(new URL('../../../../apps/agent/main.ts', import.meta.url));
const commit = (number: number): string => number.toString(16).padStart(40, '0');
const layer = (name: string): string => `${name} `.repeat(5_000);

const plan = (changes: Partial<Plan> = {}): Plan => ({
  apiVersion: 'agent.keelson.dev/v1alpha1',
  kind: 'RegistryPlan',
  keepPerBranch: 2,
  repositories: ['team/app'],
  caches: ['team/app/cache'],
  keepTags: [],
  keepDigests: [],
  ...changes,
});

vi.setConfig({ testTimeout: 60_000 });

describe.skipIf(withoutRegistry !== '')(
  `a real registry, ${REGISTRY}, whose garbage is collected${withoutRegistry}`,
  () => {
    let registry: LocalRegistry;
    beforeEach(async () => {
      registry = new LocalRegistry();
      await registry.start();
    });
    afterEach(() => registry.remove());

    /** Runs the program in this process, with the arguments of its container. */
    const prune = async (given: Plan): Promise<{ message: string; log: string }> => {
      const message = join(registry.directory, 'message');
      const lines: string[] = [];
      const log = createLog('prune', { write: (line) => lines.push(line) });
      const environment = { KEELSON_PLAN: JSON.stringify(given) };
      const args = [`--directory=${registry.directory}`, `--message=${message}`];
      const code = await pruneProgram(args, { environment, log, signal: new AbortController().signal });
      expect(code, lines.join('')).toBe(0);
      return { message: readFileSync(message, 'utf8'), log: lines.join('') };
    };

    /** Runs it in a process of its own, which is killed once `when` is so; says whether it had not ended before. */
    const killed = (given: Plan, when: () => boolean): Promise<boolean> =>
      new Promise((resolve) => {
        const message = `--message=${join(registry.directory, 'message')}`;
        const args = ['--import', 'tsx', MAIN, 'prune', `--directory=${registry.directory}`, message];
        const env = { PATH: process.env['PATH'], KEELSON_PLAN: JSON.stringify(given) };
        const child = spawn(process.execPath, args, { env, stdio: 'ignore' });
        const look = setInterval(() => when() && child.kill('SIGKILL'), 1);
        child.once('exit', (_code, signal) => {
          clearInterval(look);
          resolve(signal === 'SIGKILL');
        });
      });

    /** A build as the builders push it: under the branch's tag and under that of the commit, so many days ago. */
    const build = async (
      branch: string,
      number: number,
      days: number,
      repository = 'team/app',
    ): Promise<Pushed> => {
      const layers = [layer('base'), layer(`${branch} ${number}`)];
      const tag = `${branch}-${commit(number)}`;
      const pushed = await registry.push(repository, tag, ...layers);
      await registry.push(repository, branch, ...layers);
      for (const name of [tag, branch]) registry.age(repository, days, { tag: name, digest: pushed.digest });
      return pushed;
    };

    /** Stops the registry, deletes, collects, and starts it again. */
    const collected = async (given: Plan): Promise<string> => {
      await registry.stop();
      const { message } = await prune(given);
      await registry.collect();
      await registry.start();
      return message;
    };

    test('keeps the newest commits of each branch and every other tag, all of them complete', async () => {
      for (let number = 1; number <= 5; number++) await build('main', number, 10 - number);
      for (let number = 11; number <= 13; number++) await build('feature-x', number, 20 - number / 2);
      await registry.push('team/app', '1.2.0', layer('release'));
      const [amd64, arm64] = [
        await registry.push('team/app', undefined, layer('base'), layer('amd64')),
        await registry.push('team/app', undefined, layer('base'), layer('arm64')),
      ];
      const index = await registry.pushIndex('team/app', 'both', amd64, arm64);
      for (const { digest } of [amd64, arm64, index]) registry.age('team/app', 30, { digest });
      registry.age('team/app', 30, { tag: '1.2.0' });
      registry.age('team/app', 30, { tag: 'both' });
      const before = await registry.bytes();
      expect(await collected(plan())).toBe('4 tags and 4 manifests deleted');
      const kept = [
        ...['1.2.0', 'both', 'feature-x', 'main'],
        ...[12, 13].map((number) => `feature-x-${commit(number)}`),
        ...[4, 5].map((number) => `main-${commit(number)}`),
      ].sort();
      expect(await registry.tags('team/app')).toEqual(kept);
      for (const tag of kept)
        expect(`${tag}: ${await registry.pull('team/app', tag)}`).toBe(`${tag}: complete`);
      // Four layers of their own went, and the one that all share stayed.
      const freed = before - (await registry.bytes());
      expect(freed).toBeGreaterThan(4 * layer('main 1').length);
      expect(freed).toBeLessThan(4 * layer('main 1').length + 40_000);
      // The registry takes again what was collected.
      await build('main', 1, 0);
      expect(await registry.pull('team/app', `main-${commit(1)}`)).toBe('complete');
    });

    test('lets go of all images of an old index, and of what a tag was before', async () => {
      const tag = `main-${commit(1)}`;
      const both = [
        await registry.push('team/app', undefined, layer('amd64')),
        await registry.push('team/app', undefined, layer('arm64')),
      ];
      const old = await registry.pushIndex('team/app', tag, ...both);
      // A cache of BuildKit is one tag, pushed anew by each build.
      const cache = await registry.push('team/app', 'buildcache-main', layer('cache 1'));
      await registry.push('team/app', 'buildcache-main', layer('cache 2'));
      for (const { digest } of [...both, old, cache]) registry.age('team/app', 3, { digest });
      registry.age('team/app', 3, { tag });
      for (let number = 2; number <= 3; number++) await build('main', number, 2);
      expect(await collected(plan())).toBe('1 tags and 4 manifests deleted');
      for (const { digest } of [...both, old, cache]) {
        expect(await registry.pull('team/app', digest)).toBe('manifest 404');
      }
      expect(await registry.pull('team/app', 'buildcache-main')).toBe('complete');
      const blobs = readdirSync(join(registry.directory, 'docker/registry/v2/blobs/sha256'), {
        recursive: true,
      });
      const files = blobs.filter((path) => String(path).endsWith('data'));
      // Two builds of two layers, of which one is the same, and a cache of one layer: each with configuration and manifest.
      expect(files).toHaveLength(3 + 4 + 3);
    });

    test('keeps what is young, what is in use, and what another tag names, however many newer ones there are', async () => {
      const images = [];
      for (let number = 1; number <= 6; number++) images.push(await build('main', number, 10 - number));
      await registry.push('team/app', 'staging', layer('base'), layer('main 1'));
      registry.age('team/app', 0.5, { tag: `main-${commit(2)}` });
      await collected(
        plan({ keepPerBranch: 1, keepTags: [`main-${commit(3)}`], keepDigests: [images[3]?.digest ?? ''] }),
      );
      const kept = [1, 2, 3, 4, 6].map((number) => `main-${commit(number)}`);
      expect(await registry.tags('team/app')).toEqual([...kept, 'main', 'staging'].sort());
      for (const tag of kept) expect(await registry.pull('team/app', tag)).toBe('complete');
    });

    test('keeps everything in a repository that the plan does not name', async () => {
      for (let number = 1; number <= 5; number++) await build('main', number, 10, 'team/other');
      await registry.push('team/other', 'main', layer('new'));
      const before = await registry.bytes();
      expect(await collected(plan())).toBe('0 tags and 0 manifests deleted');
      expect(await registry.bytes()).toBe(before);
      expect(await registry.tags('team/other')).toHaveLength(6);
    });

    test('forgets layers of Kaniko’s cache that Kaniko takes no more', async () => {
      const key = (digit: string): string => digit.repeat(64);
      for (const [digit, days] of [
        ['a', 15],
        ['b', 13],
      ] as const) {
        const { digest } = await registry.push('team/app/cache', key(digit), layer(digit));
        registry.age('team/app/cache', days, { tag: key(digit), digest });
      }
      expect(await collected(plan())).toBe('1 tags and 1 manifests deleted');
      expect(await registry.tags('team/app/cache')).toEqual([key('b')]);
      expect(await registry.pull('team/app/cache', key('b'))).toBe('complete');
    });

    test('survives being killed at any time, and the next collection ends what was begun', async () => {
      for (let number = 1; number <= 60; number++) {
        const tag = `main-${commit(number)}`;
        const parts = [
          await registry.push('team/app', undefined, layer(`a ${number}`)),
          await registry.push('team/app', undefined, layer(`b ${number}`)),
        ];
        const index = await registry.pushIndex('team/app', tag, ...parts);
        registry.age('team/app', 100 - number, { tag });
        for (const { digest } of [...parts, index]) registry.age('team/app', 100 - number, { digest });
      }
      const newest = [59, 60].map((number) => `main-${commit(number)}`);
      const manifests = join(registry.repositories, 'team/app/_manifests');
      const left = (folder: string): number => readdirSync(join(manifests, folder)).length;
      let interrupted = 0;
      // Among the tags that it deletes, and among the manifests.
      for (const [folder, fewer] of [
        ['tags', 1],
        ['tags', 9],
        ['revisions/sha256', 1],
        ['revisions/sha256', 5],
        ['revisions/sha256', 20],
      ] as const) {
        await registry.stop();
        const before = left(folder);
        const keepPerBranch = left('tags') - 12;
        if (await killed(plan({ keepPerBranch }), () => left(folder) <= before - fewer)) interrupted++;
        // Whatever it was about to do, what is left can be collected and pulled.
        await registry.collect();
        await registry.start();
        for (const tag of await registry.tags('team/app')) {
          expect(await registry.pull('team/app', tag)).toBe('complete');
        }
      }
      expect(interrupted).toBeGreaterThanOrEqual(3);
      await collected(plan());
      expect(await registry.tags('team/app')).toEqual(newest);
      const files = readdirSync(join(manifests, 'revisions'), { recursive: true });
      expect(files.filter((path) => String(path).endsWith('/link'))).toHaveLength(6);
    }, 120_000);

    test('leaves a repository alone in which a manifest is damaged or missing, and says so', async () => {
      const { digest } = await build('main', 1, 10);
      for (let number = 2; number <= 5; number++) await build('main', number, 10);
      for (let number = 6; number <= 10; number++) await build('main', number, 10, 'team/whole');
      await registry.stop();
      const hex = digest.slice('sha256:'.length);
      const blob = join(registry.directory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
      for (const damage of [() => writeFileSync(blob, '{"manifests": ['), () => rmSync(blob)]) {
        damage();
        const { message, log } = await prune(plan({ repositories: ['team/app', 'team/whole'] }));
        expect(message).toMatch(/left alone, see the log: team\/app$/);
        expect(log).toMatch(/is not JSON|is missing, which the registry has a link to/);
        expect(readdirSync(join(registry.repositories, 'team/app/_manifests/tags'))).toHaveLength(6);
      }
      expect(readdirSync(join(registry.repositories, 'team/whole/_manifests/tags'))).toHaveLength(3);
    });

    test('follows no symbolic link out of its folder', async () => {
      for (let number = 1; number <= 5; number++) await build('main', number, 10, 'elsewhere/app');
      await registry.stop();
      mkdirSync(join(registry.repositories, 'team'));
      symlinkSync(join(registry.repositories, 'elsewhere/app'), join(registry.repositories, 'team/app'));
      const { message, log } = await prune(plan());
      expect(message).toBe('0 tags and 0 manifests deleted; left alone, see the log: team/app');
      expect(log).toContain('has a symbolic link in its path');
      expect(readdirSync(join(registry.repositories, 'elsewhere/app/_manifests/tags'))).toHaveLength(6);
    });
  },
);
