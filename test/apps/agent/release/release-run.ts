// One run of the program in this process: its files, its log, its exit code.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { createLog } from '../../../../apps/agent/observe/log.ts';
import { makeRelease, type ReleaseSettings } from '../../../../apps/agent/release/release.ts';
import type { GitHubReleaseConfiguration } from '../../../../lib/agent/release.ts';
import { AGENT_API_VERSION } from '../../../../lib/agent/version.ts';
import type { FakeGitHub } from './fake-github.ts';

export const COMMIT: string = 'c0ffee'.padEnd(40, '0');
export const OTHER: string = 'badbad'.padEnd(40, '0');
export const DIGEST: string = `sha256:${'d'.repeat(64)}`;
export const TOKEN = 'canary-token';

export const ENVIRONMENT: Readonly<Record<string, string>> = {
  KEELSON_VERSION: '1.2.3',
  KEELSON_GIT_COMMIT: COMMIT,
  KEELSON_GIT_BRANCH: 'main',
  KEELSON_IMAGE_DIGEST: DIGEST,
};

/** A directory with a token and the outputs of a run, for the length of a test. */
export class Outputs {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-release-'));
  readonly assets: string = join(this.directory, 'outputs/assets');
  readonly terminationLog: string = join(this.directory, 'termination-log');

  constructor(files: Readonly<Record<string, string | Buffer>> = {}) {
    mkdirSync(this.assets, { recursive: true });
    writeFileSync(join(this.directory, 'token'), `${TOKEN}\n`);
    writeFileSync(join(this.directory, 'outputs/build.log'), 'the log\n');
    writeFileSync(this.terminationLog, '');
    for (const [name, content] of Object.entries(files)) this.write(name, content);
    onTestFinished(() => rmSync(this.directory, { recursive: true, force: true }));
  }

  write(name: string, content: string | Buffer): void {
    mkdirSync(dirname(join(this.assets, name)), { recursive: true });
    writeFileSync(join(this.assets, name), content);
  }

  configuration(
    github: FakeGitHub,
    more: Partial<GitHubReleaseConfiguration> = {},
  ): GitHubReleaseConfiguration {
    return {
      apiVersion: AGENT_API_VERSION,
      kind: 'GitHubRelease',
      apiUrl: github.apiUrl,
      repository: github.releases.repository,
      tagPrefix: 'v',
      draft: false,
      prerelease: false,
      tokenFile: join(this.directory, 'token'),
      assetsDirectory: this.assets,
      logFile: join(this.directory, 'outputs/build.log'),
      ...more,
    };
  }
}

/** What a run left to see. */
export interface Ran {
  /** The exit code; undefined where it ended by an error. */
  readonly code: number | undefined;
  readonly error: string;
  readonly log: string;
  readonly terminationMessage: string;
}

/** Runs the program, with short pauses, and checks that it asked for nothing wrong and showed no token. */
export async function run(
  github: FakeGitHub,
  outputs: Outputs,
  {
    configuration = {},
    environment = {},
    signal = new AbortController().signal,
    ...settings
  }: ReleaseSettings & {
    readonly configuration?: Partial<GitHubReleaseConfiguration>;
    readonly environment?: Readonly<Record<string, string | undefined>>;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Ran> {
  const lines: string[] = [];
  const context = {
    environment: { ...ENVIRONMENT, ...environment },
    log: createLog('release', { write: (line: string) => void lines.push(line) }),
    signal,
  };
  let code: number | undefined;
  let error = '';
  try {
    code = await makeRelease(outputs.configuration(github, configuration), context, {
      terminationLog: outputs.terminationLog,
      pauses: { first: 1, most: 20 },
      idleMs: 1000,
      ...settings,
    });
  } catch (thrown) {
    error = String(thrown);
  }
  const terminationMessage = await readFile(outputs.terminationLog, 'utf8');
  expect(github.violations).toEqual([]);
  expect(`${error}${lines.join('')}${terminationMessage}`).not.toContain('canary-');
  return { code, error, log: lines.join(''), terminationMessage };
}

/** What the only release of a tag holds; that there is one, and no draft. */
export function published(github: FakeGitHub, tag = 'v1.2.3'): Record<string, string> {
  expect(github.releases.releases.map(({ tag_name, draft }) => [tag_name, draft])).toEqual([[tag, false]]);
  expect(github.releases.tags.get(tag)).toEqual({ type: 'commit', sha: COMMIT });
  const assets = github.releases.releases[0]?.assets ?? [];
  expect(assets.map(({ state }) => state)).toEqual(assets.map(() => 'uploaded'));
  const names = assets.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  return Object.fromEntries(assets.map(({ name, content }) => [name, content.toString('latin1')]));
}
