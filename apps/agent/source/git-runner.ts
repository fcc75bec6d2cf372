import { join } from 'node:path';
import type { GitRemote } from '../git/git-remote.ts';
import { runGit } from '../git/run-git.ts';

/** Runs a command of git in a repository of ours; with a remote, one that may connect to it. */
export type GitRunner = (
  directory: string,
  args: readonly string[],
  options?: { readonly remote?: GitRemote; readonly maxOutputBytes?: number },
) => Promise<string>;

/**
 * Beside those of {@link runGit}. Git makes no symbolic link, so that nothing in a tree can lead it elsewhere, and
 * leaves nothing that would make two checkouts of one commit differ but its index. Of what is large it keeps no more in
 * memory than it must: the container has little.
 */
const SETTINGS = [
  ...['core.symlinks=false', 'core.protectNTFS=true', 'core.protectHFS=true'],
  ...['core.logAllRefUpdates=false', 'core.bigFileThreshold=16m', 'pack.threads=1'],
  // A server that says nothing for a minute is given up.
  ...['http.lowSpeedLimit=1', 'http.lowSpeedTime=60'],
].flatMap((setting) => ['-c', setting]);

/** A runner whose commands end at a point in time. */
export function gitRunner(deadline: number, signal: AbortSignal): GitRunner {
  return (directory, args, { remote, maxOutputBytes = 1_000_000 } = {}) =>
    runGit([...SETTINGS, ...args], {
      cwd: directory,
      allowProtocols: remote?.allowProtocols ?? '',
      // Git looks for no repository above, and needn't own the directory, which is a volume's.
      env: { ...remote?.env, GIT_DIR: join(directory, '.git'), GIT_WORK_TREE: directory },
      timeoutMs: Math.max(deadline - Date.now(), 1),
      maxOutputBytes,
      signal,
    });
}
