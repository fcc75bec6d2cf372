import { mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { copyTree } from '../archive/copy.ts';
import { isInGitDirectory } from '../archive/entry-path.ts';
import { logLeftOut } from '../archive/left-out.ts';
import type { TreeLimits } from '../archive/limits.ts';
import { unpackArchive } from '../archive/unpack.ts';
import type { Log } from '../observe/log.ts';
import { UsageError } from '../program.ts';

/** What fills a directory from another. */
export interface LocalOptions {
  readonly limits: TreeLimits;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Unpacks a directory that is sent as a tar archive. Nothing of its `.git` is kept, where credentials may be. */
export async function receiveSource(archive: Readable, to: string, options: LocalOptions): Promise<void> {
  const { limits, log, signal } = options;
  const place = (path: string): string | undefined => (isInGitDirectory(path) ? undefined : path);
  log.info('waiting for a directory at standard input');
  await unpackArchive(addAbortSignal(signal, archive), to, { limits, place, leftOutLink: logLeftOut(log) });
}

/** Copies a directory, but for what is in any `.git`. */
export async function copySource(from: string, to: string, options: LocalOptions): Promise<void> {
  const { limits, log, signal } = options;
  await copyTree(from, to, { limits, skip: isInGitDirectory, leftOut: logLeftOut(log), signal });
}

/** Refuses to copy a directory into itself: its target is emptied before. */
export async function checkApart(from: string, directory: string): Promise<void> {
  const [source, target] = [`${await realpath(from)}/`, `${await realpath(directory)}/`];
  if (source.startsWith(target) || target.startsWith(source)) {
    throw new UsageError('--copy and --directory lie in each other; give two directories');
  }
}

/** Writes the commit to where Dockerfiles look for it. A local directory's is what the person says who builds it. */
export async function writeHead(directory: string, commit: string): Promise<void> {
  if (!/^[\w.-]{1,128}$/.test(commit)) throw new UsageError('KEELSON_GIT_COMMIT is no name of a commit');
  await mkdir(join(directory, '.git'));
  await writeFile(join(directory, '.git', 'HEAD'), `${commit}\n`);
}
