import type { TreeLimits } from '../archive/limits.ts';
import type { GitRunner } from './git-runner.ts';
import { SourceError } from './source-error.ts';

/** What a commit's tree holds. */
export interface TreeList {
  readonly files: number;
  /** The bytes of its files. */
  readonly bytes: number;
  /** The paths of its symbolic links. */
  readonly links: readonly string[];
  /** Its submodules, by path and commit. */
  readonly submodules: readonly { readonly path: string; readonly commit: string }[];
}

/** What one entry of a list takes in the mean, at most. */
const ENTRY_BYTES = 160;

/**
 * Lists a commit's tree, before any of it is written: a few kilobytes of trees that name each other can be billions of
 * files.
 *
 * @throws SourceError where it holds more than allowed
 */
export async function listTree(
  git: GitRunner,
  directory: string,
  commit: string,
  limits: TreeLimits,
): Promise<TreeList> {
  const maxOutputBytes = limits.maxEntries * ENTRY_BYTES;
  const list = await git(directory, ['ls-tree', '-r', '-l', '-z', '--full-tree', commit], { maxOutputBytes });
  let [files, bytes] = [0, 0];
  const links: string[] = [];
  const submodules: { path: string; commit: string }[] = [];
  for (const [, mode, name = '', size, path = ''] of list.matchAll(
    /([0-7]+) \w+ ([0-9a-f]+) +(\d+|-)\t([^\0]*)\0/g,
  )) {
    files++;
    if (size !== '-') bytes += Number(size);
    if (mode === '120000') links.push(path);
    if (mode === '160000') submodules.push({ path, commit: name });
  }
  if (files > limits.maxEntries) {
    throw new SourceError(`the commit has ${files} files, more than the limit of ${limits.maxEntries}`);
  }
  if (bytes > limits.maxBytes) {
    throw new SourceError(
      `the commit's files have ${bytes} bytes, more than the limit of ${limits.maxBytes}`,
    );
  }
  return { files, bytes, links, submodules };
}
