import { constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readlink } from 'node:fs/promises';
import { ArchiveError } from './archive-error.ts';
import { pathFault } from './entry-path.ts';
import { at, openDirectory, openDirectoryAt } from './open-at.ts';

/** What {@link readTree} finds. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | ({ readonly kind: 'file'; readonly path: string } & FileEntry);

/** A regular file, open until the next entry is asked for. */
export interface FileEntry {
  /** Its size when it was opened. */
  readonly size: number;
  readonly executable: boolean;
  /** How many names it has. */
  readonly names: number;
  /** Its content: exactly `size` bytes, with zeros for what was cut off meanwhile. */
  content(): AsyncIterable<Uint8Array>;
}

/** How a tree is read. */
export interface ReadOptions {
  /** How many names may be met. */
  readonly maxEntries: number;
  /** Is told of what is left out: bad names, and what is neither file nor directory nor link. */
  readonly leftOut: (path: string, fault: string) => void;
  /** What isn't looked at. */
  readonly skip?: (path: string) => boolean;
}

const MAX_DEPTH = 200;
const CHUNK_BYTES = 64 * 1024;

// Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a directory that somebody hostile may be changing at the same time. Each name is opened in the open directory
 * before it and never through a symbolic link, so that nothing outside is read.
 */
export async function* readTree(root: string, options: ReadOptions): AsyncGenerator<TreeEntry> {
  yield* readDirectory(await openDirectory(root), '', { ...options, met: { entries: 0 } });
}

type State = ReadOptions & { readonly met: { entries: number } };

async function* readDirectory(directory: FileHandle, path: string, state: State): AsyncGenerator<TreeEntry> {
  try {
    if (path !== '') yield { kind: 'directory', path };
    for await (const { name } of await opendir(at(directory, '.'))) {
      const inner = path === '' ? name : `${path}/${name}`;
      if (state.skip?.(inner)) continue;
      if (++state.met.entries > state.maxEntries) {
        throw new ArchiveError(`there are more than ${state.maxEntries} entries, which is the limit`);
      }
      const fault = pathFault(inner) ?? (inner.split('/').length > MAX_DEPTH ? 'lies too deep' : undefined);
      if (fault === undefined) yield* readEntry(directory, name, inner, state);
      else state.leftOut(inner, fault);
    }
  } finally {
    await directory.close();
  }
}

async function* readEntry(
  directory: FileHandle,
  name: string,
  path: string,
  state: State,
): AsyncGenerator<TreeEntry> {
  const found = await openEntry(directory, name);
  if (found.kind === 'fault') state.leftOut(path, found.fault);
  else if (found.kind === 'link') yield { kind: 'link', path, target: found.target };
  else if (found.kind === 'directory') yield* readDirectory(found.handle, path, state);
  else yield* readFile(found.handle, path, state);
}

type Found =
  | { readonly kind: 'fault'; readonly fault: string }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'directory' | 'file'; readonly handle: FileHandle };

async function openEntry(directory: FileHandle, name: string): Promise<Found> {
  const path = at(directory, name);
  try {
    // Asked for before it is opened: a device may act on being opened.
    const status = await lstat(path);
    if (status.isSymbolicLink()) return { kind: 'link', target: await readlink(path) };
    if (status.isDirectory()) return { kind: 'directory', handle: await openDirectoryAt(directory, name) };
    if (status.isFile()) return { kind: 'file', handle: await open(path, OPEN_FILE) };
    return { kind: 'fault', fault: 'is neither a file nor a directory' };
  } catch (error) {
    const fault = FAULTS[(error as NodeJS.ErrnoException).code ?? ''];
    if (fault === undefined) throw error;
    return { kind: 'fault', fault };
  }
}

/** Failures that are about one entry only. */
const FAULTS: Readonly<Record<string, string>> = {
  EACCES: 'may not be read',
  ENOENT: 'was removed meanwhile',
  EINVAL: 'was replaced meanwhile',
  ELOOP: 'was replaced meanwhile',
  ENOTDIR: 'was replaced meanwhile',
  EISDIR: 'was replaced meanwhile',
  ENXIO: 'was replaced meanwhile',
};

async function* readFile(handle: FileHandle, path: string, { leftOut }: State): AsyncGenerator<TreeEntry> {
  try {
    const status = await handle.stat();
    if (!status.isFile()) return leftOut(path, 'was replaced meanwhile');
    const { size, nlink, mode } = status;
    yield {
      kind: 'file',
      path,
      size,
      executable: (mode & 0o111) !== 0,
      names: nlink,
      content: () => contentOf(handle, size),
    };
  } finally {
    await handle.close();
  }
}

async function* contentOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let position = 0; position < size; ) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, size - position));
    const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, position);
    if (bytesRead === 0) {
      // Cut off meanwhile: what is left of the chunk, and each one after it, stays zeros.
      yield chunk;
      position += chunk.byteLength;
    } else {
      yield chunk.subarray(0, bytesRead);
      position += bytesRead;
    }
  }
}
