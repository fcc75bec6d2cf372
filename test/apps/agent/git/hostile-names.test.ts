import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { GitError } from '../../../../apps/agent/git/git-error.ts';
import { lookUpHeads } from '../../../../apps/agent/git/heads.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';
import { versionAt } from '../../../../apps/agent/git/version.ts';
import type { TestRepository } from '../../../support/git-repository.ts';
import { type GitServer, startGitServer } from '../../../support/git-server.ts';
import { CANARY, HOSTILE_PARTS, hostileUrls } from './hostile.ts';
import { missingForSshd, type Sshd, startSshd } from './sshd.ts';

// git is started many times, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const http = new GitHttp({ addresses: new AddressPolicy({ allow: ['127.0.0.1'] }) });
const outside = mkdtempSync(join(tmpdir(), 'hostile-names-'));
/** Where temporary files of the code under test are, and of nothing else. */
const temporary = join(outside, 'a', 'tmp');
let server: GitServer;
let repository: TestRepository;
let names: readonly string[];
let main: string;
/** Hostile names that git accepts. */
const there: string[] = [];

beforeAll(async () => {
  server = await startGitServer();
  repository = await server.createRepository('project');
  names = [...new Set(fc.sample(hostileNames, { numRuns: 350, seed: 5 }))];
  main = await repository.commit('main', { 'README.md': '<repo-version>1.0.0</repo-version>' });
  execFileSync('mkdir', ['-p', temporary]);
  vi.stubEnv('TMPDIR', temporary);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  http.close();
  await server.close();
  rmSync(outside, { recursive: true });
});

const hostileNames = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE_PARTS), fc.string({ unit: 'binary', maxLength: 3 })), {
    minLength: 1,
    maxLength: 6,
  })
  .map((parts) => parts.join(''));

/** Nothing ran, and nothing was written beside temporary files that are gone. */
function expectNothingHappened(): void {
  expect(existsSync(CANARY)).toBe(false);
  expect(existsSync('/tmp/x')).toBe(false);
  expect(readdirSync(outside)).toEqual(['a']);
  expect(readdirSync(join(outside, 'a'))).toEqual(['tmp']);
  expect(readdirSync(temporary)).toEqual([]);
}

/** Whether git itself would have a branch of that name. */
function gitAccepts(name: string): boolean {
  if (name.includes('\0')) return false;
  try {
    execFileSync('git', ['check-ref-format', `refs/heads/${name}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function kindOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'found',
    (error: unknown) => {
      if (error instanceof GitError) return error.kind;
      throw error;
    },
  );
}

test('at least 200 hostile branch names are looked up over http as what they are, or refused', async () => {
  expect(names.length).toBeGreaterThan(200);
  const url = server.url('project');
  for (const name of names) {
    const kind = await kindOf(lookUpHeads({ url }, [name], { http }));
    expect(['found', 'refused'], JSON.stringify(name)).toContain(kind);
    // What is looked up is a name that git has; that some of git's are refused is no harm.
    if (kind === 'refused') continue;
    expect(gitAccepts(name), JSON.stringify(name)).toBe(true);
    // Of a name and the same with a slash after it git has one only.
    if (there.every((other) => !other.startsWith(`${name}/`) && !name.startsWith(`${other}/`)))
      there.push(name);
  }
  expect(there.length).toBeGreaterThan(30);
  expectNothingHappened();
});

test('hostile branches that are there are found, all by one request, and a version is read at them', async () => {
  const url = server.url('project');
  await repository.close();
  repository.setRefs(
    there.map((name) => `refs/heads/${name}`),
    main,
  );
  server.reset();
  const heads = await lookUpHeads({ url }, there, { http });
  expect(server.counters.requests).toBe(1);
  expect([...heads.keys()].sort()).toEqual([...there].sort());
  // Over a server that gives no commit by its name: the branch is an argument of git then.
  const old = await startGitServer({ version2: false });
  try {
    const plain = await old.createRepository('plain');
    await plain.commit('main', { 'README.md': 'x' });
    const commit = await plain.commit('main', { 'README.md': '<repo-version>1.0.0</repo-version>' });
    for (const name of ['allowFilter', 'allowAnySHA1InWant'])
      plain.git('config', `uploadpack.${name}`, 'false');
    await plain.close();
    const some = there.slice(0, 8);
    plain.setRefs(
      some.map((name) => `refs/heads/${name}`),
      `${commit}^`,
    );
    for (const branch of some) {
      const parent = plain.git('rev-parse', `${commit}^`).trim();
      const of = { repository: { url: old.url('plain') }, branch, commit: parent };
      await expect(versionAt({ from: 'file', path: 'README.md' }, of, { http })).rejects.toThrow(
        'has no <repo-version>',
      );
    }
  } finally {
    await old.close();
  }
  expectNothingHappened();
});

test('hostile URLs are refused by everything that takes one', async () => {
  const strict = new GitHttp({ addresses: new AddressPolicy() });
  const credential = { kind: 'ssh', privateKey: 'x', knownHosts: 'x' } as const;
  for (const url of hostileUrls) {
    for (const repository of [{ url }, { url, credential }]) {
      expect(await kindOf(lookUpHeads(repository, ['main'], { http: strict })), url).toBe('refused');
      const of = { repository, branch: 'main', commit: main };
      expect(await kindOf(versionAt({ from: 'file', path: 'x' }, of, { http: strict })), url).toBe('refused');
      expect(await kindOf(versionAt({ from: 'git-tag' }, of, { http: strict })), url).toBe('refused');
    }
  }
  expectNothingHappened();
});

describe.skipIf(missingForSshd !== '')(`with git and a real sshd${missingForSshd}`, () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await startSshd('/tmp');
  });
  afterAll(() => sshd.close());

  test('hostile branch names and paths are data', async () => {
    const credential = { kind: 'ssh', privateKey: sshd.privateKey, knownHosts: sshd.knownHosts } as const;
    const to = `ssh://${sshd.user}@127.0.0.1:${sshd.port}`;
    const url = `${to}${server.directory}/project.git`;
    const heads = await lookUpHeads({ url, credential }, there, { http });
    expect([...heads.keys()].sort()).toEqual([...there].sort());
    for (const path of [
      `/$(touch ${CANARY})`,
      `/'; touch ${CANARY}; '`,
      `/-u`,
      `/~-oProxyCommand=x`,
      `/\`id\``,
    ]) {
      const repository = { url: `${to}${encodeURI(path)}`, credential };
      expect(await kindOf(lookUpHeads(repository, ['main'], { http })), path).not.toBe('found');
    }
    expectNothingHappened();
  });
});
