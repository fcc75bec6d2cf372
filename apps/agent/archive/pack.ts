import type { TreeLimits } from './limits.ts';
import { END_OF_ARCHIVE, fileHeader, padding } from './tar-header.ts';
import { readTree } from './tree-reader.ts';

/** How a directory is packed. */
export interface PackOptions {
  readonly limits: TreeLimits;
  /** What isn't looked at. */
  readonly skip: (path: string) => boolean;
  /** Is told of what is left out. */
  readonly leftOut: (path: string, fault: string) => void;
}

/**
 * A tar archive of the regular files of a directory. Somebody hostile may be changing it at the same time: symbolic
 * links are not followed, files with a second name, which may lie elsewhere, are left out, and what changes while it
 * is read is as long in the archive as its header says.
 *
 * @throws ArchiveError where there are too many names
 */
export async function* packFiles(directory: string, options: PackOptions): AsyncGenerator<Uint8Array> {
  const { limits, skip, leftOut } = options;
  let bytes = 0;
  for await (const entry of readTree(directory, { maxEntries: limits.maxEntries, skip, leftOut })) {
    if (entry.kind === 'link') leftOut(entry.path, 'is a symbolic link');
    if (entry.kind !== 'file') continue;
    if (entry.names !== 1) {
      leftOut(entry.path, 'has another name elsewhere');
    } else if (bytes + entry.size > limits.maxBytes) {
      leftOut(entry.path, `has ${entry.size} bytes, more than are left of ${limits.maxBytes}`);
    } else {
      bytes += entry.size;
      yield fileHeader(entry.path, entry.size);
      yield* entry.content();
      yield padding(entry.size);
    }
  }
  yield END_OF_ARCHIVE;
}
