import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem, formatValue } from '../../../lib/kubernetes/problem.ts';
import { branchProblems } from '../../../lib/source/branch.ts';
import { isInsideRepository } from '../../../lib/source/version.ts';
import { withDeadline } from './deadline.ts';
import { GitError } from './git-error.ts';
import { withGitRemote } from './git-remote.ts';
import type { ListRefsOptions } from './list-refs.ts';
import { isObjectName } from './refs.ts';
import type { Repository } from './repository.ts';
import { runGit } from './run-git.ts';
import { Turns } from './turns.ts';

/** A commit, and where it was found. */
export interface CommitOfBranch {
  readonly repository: Repository;
  /** A branch whose head it was. */
  readonly branch: string;
  /** Its object name in full. */
  readonly commit: string;
}

const TIMEOUT_MS = 60_000;
const MAX_FILE_BYTES = 1024 * 1024;
/** Most that a server may send: without a filter that is the whole commit. */
const MAX_PACK_BYTES = 32 * 1024 * 1024;
const MAX_MEMORY_BYTES = 128 * 1024 * 1024;
/** The controller has little memory and disk, and all pipelines share it. */
const turns = new Turns(3);
/** What is large, or hides behind deltas, is not taken into memory. */
const SETTINGS = [
  ...['core.bigFileThreshold=1m', 'core.packedGitWindowSize=1m', 'core.packedGitLimit=32m'],
  ...['core.deltaBaseCacheLimit=8m', 'pack.threads=1'],
].flatMap((setting) => ['-c', setting]);

/**
 * The text of a file as it is in a commit. Only that file is fetched; where the server can't do that, the whole commit is,
 * by the branch whose head it has to be then. Nothing is checked out, and nothing stays on the disk.
 *
 * @throws GitError
 */
export async function readFileAtCommit(
  { repository, branch, commit }: CommitOfBranch,
  path: string,
  { http, signal }: ListRefsOptions,
): Promise<string> {
  const problem = branchProblems('the branch', branch)[0];
  if (problem !== undefined) throw new GitError('refused', formatProblem(problem));
  if (!isObjectName(commit))
    throw new GitError('refused', `${formatValue(commit)} is no object name in full`);
  if (!isInsideRepository(path))
    throw new GitError('refused', `${formatValue(path)} is no path inside a repository`);
  const reading = async (deadline: AbortSignal): Promise<string> => {
    const location = /^ssh:/i.test(repository.url) ? undefined : await http.locate(repository, deadline);
    const options = { addresses: http.addresses, ...(location !== undefined && { location }) };
    return await withGitRemote(repository, options, async ({ url, allowProtocols, env }) => {
      const limits = {
        timeoutMs: TIMEOUT_MS,
        maxOutputBytes: MAX_FILE_BYTES,
        maxMemoryBytes: MAX_MEMORY_BYTES,
        maxFileBytes: MAX_PACK_BYTES,
        signal: deadline,
      };
      const tryWith = (fetch: (git: Git) => Promise<unknown>): Promise<string> =>
        inTemporaryRepository(async (cwd) => {
          const git: Git = (...args) =>
            runGit([...SETTINGS, ...args], { ...limits, cwd, allowProtocols, env });
          await git(
            'init',
            '--quiet',
            '--bare',
            `--object-format=${commit.length === 64 ? 'sha256' : 'sha1'}`,
          );
          await git('config', 'remote.origin.url', url);
          await fetch(git);
          return await readFile(git, commit, path);
        });
      let cause: unknown;
      try {
        return await tryWith((git) => git(...FETCH, '--filter=blob:none', 'origin', commit));
      } catch (error) {
        if (!(error instanceof GitError) || error instanceof FileError) throw error;
        if (error.kind !== 'protocol' && error.kind !== 'not-found') throw error;
        cause = error;
      }
      return await tryWith(async (git) => {
        await git(...FETCH, 'origin', `+refs/heads/${branch}:refs/heads/fetched`);
        const head = (await git('rev-parse', '--verify', 'refs/heads/fetched')).trim();
        if (head !== commit) {
          throw new GitError(
            'not-found',
            `the server gives no commit by its name, and ${commit} is no longer the head of ${branch}`,
            { cause },
          );
        }
      });
    });
  };
  return turns.take(() => withDeadline(`reading ${path}`, TIMEOUT_MS, signal, reading));
}

type Git = (...args: string[]) => Promise<string>;

const FETCH = [
  'fetch',
  '--quiet',
  '--depth=1',
  '--no-tags',
  '--no-recurse-submodules',
  '--no-write-fetch-head',
];

/** Nothing that another way of fetching would mend. */
class FileError extends GitError {}

async function readFile(git: Git, commit: string, path: string): Promise<string> {
  const plain = path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  const listed = await git('--literal-pathspecs', 'ls-tree', '-z', '--full-tree', commit, '--', plain);
  const [, mode, blob] = /^(\d{6}) \w+ ([0-9a-f]+)\t/.exec(listed) ?? [];
  if (mode === undefined || blob === undefined) {
    throw new FileError('not-found', `there is no ${formatValue(path)} in the commit ${commit}`);
  }
  if (mode !== '100644' && mode !== '100755') {
    throw new FileError('not-found', `${formatValue(path)} is no regular file in the commit ${commit}`);
  }
  // A partial repository fetches it now.
  const size = Number(await git('cat-file', '-s', blob));
  if (size > MAX_FILE_BYTES) {
    throw new FileError('protocol', `${formatValue(path)} is larger than ${MAX_FILE_BYTES} bytes`);
  }
  return await git('cat-file', 'blob', blob);
}

async function inTemporaryRepository<Result>(use: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'keelson-version-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
