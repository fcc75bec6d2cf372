import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { ArchiveError } from './archive-error.ts';
import { entryPath } from './entry-path.ts';
import type { TreeLimits } from './limits.ts';
import { TreeWriter } from './tree-writer.ts';

/** How an archive is unpacked. */
export interface UnpackOptions {
  readonly limits: TreeLimits;
  /** Where an entry goes, by its path; undefined for one that is not wanted. */
  readonly place: (path: string) => string | undefined;
  /** Where symbolic links are wanted: is told of those that lead out of the tree, which are left out. Else none may be. */
  readonly leftOutLink?: (path: string, fault: string) => void;
}

/** The zeros at the end of an archive. */
const END_BYTES = 1024;

/** What an entry may take beside its content: headers, long names, and what fills blocks. */
const OVERHEAD_BYTES = 8192;

/**
 * Unpacks a tar archive that a stranger may have made into a directory. Regular files, directories and, where wanted,
 * symbolic links that stay inside are unpacked; anything else is refused, as is an archive that ends early.
 *
 * @throws ArchiveError for what is refused; what was unpacked before it stays
 * @see https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
export async function unpackArchive(
  archive: AsyncIterable<Uint8Array>,
  directory: string,
  { limits, place, leftOutLink }: UnpackOptions,
): Promise<void> {
  const writer = new TreeWriter(directory, limits);
  const entries = extract();
  const input = Readable.from(whole(archive, limits));
  let broken: Error | undefined;
  input.on('error', (error) => {
    broken = error;
    entries.destroy(error);
  });
  input.pipe(entries);
  try {
    for await (const entry of entries) {
      const path = entryPath(entry.header.name);
      const placed = path === '' ? undefined : place(path);
      if (placed === undefined) entry.resume();
      else await unpackEntry(entry, placed, writer, leftOutLink);
    }
    await writer.finish();
  } catch (error) {
    const cause = broken ?? error;
    // What tar-stream says of a header is a plain Error.
    if (cause instanceof ArchiveError || (cause as NodeJS.ErrnoException).code !== undefined) throw cause;
    throw new ArchiveError('the archive is damaged', { cause });
  } finally {
    input.destroy();
    entries.destroy();
  }
}

type Entry = AsyncIterable<unknown> & { readonly header: Header; resume(): unknown };

async function unpackEntry(
  entry: Entry,
  path: string,
  writer: TreeWriter,
  leftOutLink: UnpackOptions['leftOutLink'],
): Promise<void> {
  const { type, mode, size, linkname, pax } = entry.header;
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.'))) {
    throw ArchiveError.ofEntry(path, 'is a sparse file: pack without --sparse');
  }
  switch (type) {
    case 'file':
    case 'contiguous-file':
      writer.expect(size);
      return writer.file(path, (mode & 0o111) !== 0, entry as AsyncIterable<Uint8Array>);
    case 'directory':
      entry.resume();
      return writer.directory(path);
    case 'symlink': {
      entry.resume();
      if (leftOutLink === undefined) throw ArchiveError.ofEntry(path, 'is a symbolic link');
      const fault = writer.link(path, linkname ?? '');
      if (fault !== undefined) leftOutLink(path, fault);
      return;
    }
    case 'link':
      throw ArchiveError.ofEntry(path, 'is a hard link: pack with --hard-dereference');
    default:
      throw ArchiveError.ofEntry(path, `is no file, directory or link, but ${type ?? 'of an unknown type'}`);
  }
}

/** The archive up to its end, which has to be there: a stream that was cut between two entries looks whole else. */
async function* whole(archive: AsyncIterable<Uint8Array>, limits: TreeLimits): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let zeros = 0;
  for await (const chunk of archive) {
    bytes += chunk.byteLength;
    if (bytes > limits.maxBytes + limits.maxEntries * OVERHEAD_BYTES) {
      throw new ArchiveError(`the archive is longer than ${limits.maxBytes} bytes in its files allow`);
    }
    const last = chunk.subarray(-END_BYTES);
    const zerosOfChunk = last.byteLength - 1 - last.findLastIndex((byte) => byte !== 0);
    zeros = zerosOfChunk === chunk.byteLength ? zeros + zerosOfChunk : zerosOfChunk;
    yield chunk;
  }
  if (zeros < END_BYTES) throw new ArchiveError('the archive ends early');
}
