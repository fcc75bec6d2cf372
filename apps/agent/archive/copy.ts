import type { TreeLimits } from './limits.ts';
import { readTree } from './tree-reader.ts';
import { TreeWriter } from './tree-writer.ts';

/** How a directory is copied. */
export interface CopyOptions {
  readonly limits: TreeLimits;
  /** What isn't looked at. */
  readonly skip: (path: string) => boolean;
  /** Is told of what is left out: links that lead out of the directory, pipes, what may not be read. */
  readonly leftOut: (path: string, fault: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Copies files, directories, and the symbolic links that stay inside.
 *
 * @throws ArchiveError where there is too much of it
 */
export async function copyTree(
  from: string,
  to: string,
  { limits, skip, leftOut, signal }: CopyOptions,
): Promise<void> {
  const writer = new TreeWriter(to, limits);
  for await (const entry of readTree(from, { maxEntries: limits.maxEntries, skip, leftOut })) {
    signal.throwIfAborted();
    if (entry.kind === 'directory') {
      await writer.directory(entry.path);
    } else if (entry.kind === 'file') {
      writer.expect(entry.size);
      await writer.file(entry.path, entry.executable, entry.content());
    } else {
      const fault = writer.link(entry.path, entry.target);
      if (fault !== undefined) leftOut(entry.path, fault);
    }
  }
  await writer.finish();
}
