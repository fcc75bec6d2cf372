import type { GitRemote } from '../git/git-remote.ts';
import type { GitRunner } from './git-runner.ts';
import { SourceError } from './source-error.ts';

/**
 * Puts the objects of Git LFS into a checkout. They are asked for at the repository's own server, whatever `.lfsconfig`
 * says; where that server sends for them is its own choice.
 *
 * @see https://github.com/git-lfs/git-lfs/blob/main/docs/api/server-discovery.md
 */
export async function fetchLfsObjects(git: GitRunner, directory: string, remote: GitRemote): Promise<void> {
  try {
    await git(directory, ['lfs', 'version']);
  } catch (cause) {
    const remedy = 'use an image of the agent that has it, or a source without lfs';
    throw new SourceError(`git-lfs is not installed, and the source wants LFS objects; ${remedy}`, { cause });
  }
  const settings = [
    `remote.origin.url=${remote.url}`,
    `lfs.url=${remote.url.replace(/\/$/, '')}/info/lfs`,
    // Without it git-lfs fetches objects and leaves the files as they are.
    'filter.lfs.clean=git-lfs clean -- %f',
  ].flatMap((setting) => ['-c', setting]);
  await git(directory, [...settings, 'lfs', 'pull', 'origin'], { remote });
}
