import { GitError } from '../git/git-error.ts';
import type { GitRemote } from '../git/git-remote.ts';
import type { GitRunner } from './git-runner.ts';
import { SourceError } from './source-error.ts';

/** How deep a branch is fetched where the server gives no commit by its name; then all of it is. */
const DEPTHS = [1, 10, 100, 1000];

const FETCH = [
  ...['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--no-write-fetch-head'],
  ...['--no-auto-maintenance', '--no-show-forced-updates'],
];

/**
 * Fetches one commit and what it needs, without its history where the server can do so.
 *
 * @param ref where the commit is looked for if the server gives none by its name, as older ones don't
 */
export async function fetchCommit(
  git: GitRunner,
  directory: string,
  remote: GitRemote,
  { commit, ref }: { readonly commit: string; readonly ref: string },
): Promise<void> {
  try {
    await git(directory, [...FETCH, '--depth=1', '--', remote.url, commit], { remote });
    return;
  } catch (error) {
    if (!(error instanceof GitError) || !/not our ref|unadvertised object/.test(error.message)) throw error;
  }
  for (const depth of [...DEPTHS.map((number) => `--depth=${number}`), '--unshallow']) {
    if (depth === '--unshallow' && !(await isShallow(git, directory))) break;
    await git(directory, [...FETCH, depth, '--', remote.url, ref], { remote });
    if (await isThere(git, directory, commit)) return;
  }
  throw new SourceError(
    `the commit ${commit} is neither given by the server nor on ${ref}, which may have been forced to another`,
  );
}

async function isShallow(git: GitRunner, directory: string): Promise<boolean> {
  return (await git(directory, ['rev-parse', '--is-shallow-repository'])).trim() === 'true';
}

async function isThere(git: GitRunner, directory: string, commit: string): Promise<boolean> {
  try {
    await git(directory, ['cat-file', '-e', `${commit}^{commit}`]);
    return true;
  } catch (error) {
    if (error instanceof GitError && error.kind !== 'unreachable') return false;
    throw error;
  }
}

const CUT_OFF =
  /early EOF|hung up|RPC failed|disconnect|transfer closed|too slow|bad line length|bad pack header|inflate|index-pack failed|answer ends/;

/** Whether another try may succeed: nobody answered, or only half of an answer came. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof GitError)) return false;
  return error.kind === 'unreachable' || (CUT_OFF.test(error.message) && !error.message.includes('fsck'));
}
