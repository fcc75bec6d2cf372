import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TreeLimits } from '../archive/limits.ts';
import type { GitHttp } from '../git/refs-http.ts';
import type { Repository } from '../git/repository.ts';
import type { Log } from '../observe/log.ts';
import { fetchCommit, mayPass } from './fetch-commit.ts';
import type { GitRunner } from './git-runner.ts';
import { fetchLfsObjects } from './lfs.ts';
import { tryAgain } from './retry.ts';
import { SourceError } from './source-error.ts';
import { listTree, type TreeList } from './tree-list.ts';
import { withRemote } from './with-remote.ts';

/** What every checkout of one run shares. */
export interface CheckOutContext {
  readonly git: GitRunner;
  readonly http: GitHttp;
  readonly limits: TreeLimits;
  readonly lfs: boolean;
  readonly retrySeconds: number;
  /** When it has to have ended, as Date.now() has it. */
  readonly deadline: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A commit, where it is, and where it goes. */
export interface CommitToCheckOut {
  readonly repository: Repository;
  readonly commit: string;
  /** Where it is looked for if the server gives no commit by its name. */
  readonly ref: string;
  readonly directory: string;
}

/** Makes a repository with one commit, and writes its files. Returns what its tree holds. */
export async function checkOut(
  { repository, commit, ref, directory }: CommitToCheckOut,
  context: CheckOutContext,
): Promise<TreeList> {
  const { git, limits, lfs, retrySeconds, deadline, log, signal } = context;
  const format = commit.length === 64 ? 'sha256' : 'sha1';
  // Without a template there are no hooks.
  await git(directory, [
    'init',
    '--quiet',
    '--template=',
    `--object-format=${format}`,
    '--initial-branch=none',
  ]);
  await tryAgain(
    'fetching the commit',
    () => withRemote(repository, context, (remote) => fetchCommit(git, directory, remote, { commit, ref })),
    { mayPass: (error) => mayPass(error) && Date.now() < deadline, seconds: retrySeconds, log, signal },
  );
  const tree = await listTree(git, directory, commit, limits);
  await git(directory, ['checkout', '--quiet', '--force', '--detach', commit]);
  const head = (await readFile(join(directory, '.git', 'HEAD'), 'utf8')).trim();
  if (head !== commit) throw new SourceError(`git has checked out ${head} in place of ${commit}`);
  if (lfs) {
    await withRemote(repository, context, (remote) => fetchLfsObjects(git, directory, remote));
  }
  return tree;
}
