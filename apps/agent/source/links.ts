import { lstat, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { TreeLimits } from '../archive/limits.ts';
import { TreeWriter } from '../archive/tree-writer.ts';

/** The longest target that Linux takes. */
const MAX_TARGET_BYTES = 4095;

/**
 * Makes those symbolic links of a checkout that stay inside of it, of the files that git has written in their place. The
 * others stay such files: text with the target in it. Git has to have finished before.
 */
export async function makeLinks(
  directory: string,
  paths: readonly string[],
  limits: TreeLimits,
  leftOut: (path: string, fault: string) => void,
): Promise<void> {
  const writer = new TreeWriter(directory, limits);
  for (const path of paths) {
    const file = join(directory, path);
    const status = await lstat(file).catch(() => undefined);
    if (status === undefined || !status.isFile() || status.size > MAX_TARGET_BYTES) {
      leftOut(path, 'is a symbolic link that can not be made');
      continue;
    }
    const fault = writer.link(path, await readFile(file, 'utf8'));
    if (fault === undefined) await unlink(file);
    else leftOut(path, fault);
  }
  await writer.finish();
}
