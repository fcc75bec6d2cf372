import { mkdirSync, readFileSync, realpathSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

/** A file to be written, with its path relative to the output directory. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Where the files of the last synthesis are listed. It ends in nothing that GitOps tools take for a manifest. */
export const LEDGER = '.keelson-files';

/**
 * Writes files and removes those that an earlier call with the same ledger wrote and this one does not.
 * Other files are never touched.
 *
 * @param ledger the file that lists what was written
 */
export function writeOutput(directory: string, files: Iterable<OutputFile>, ledger: string): void {
  const before = readLedger(ledger);
  const written = writeFiles(directory, files);
  removeFiles(
    directory,
    before.filter((path) => !written.has(path)),
  );
  if (written.size === 0 && before.length === 0) return;
  mkdirSync(dirname(ledger), { recursive: true });
  writeFileSync(ledger, [...written].map((path) => `${path}\n`).join(''));
}

/** Writes files, with the folders that they are in, and gives their paths. */
function writeFiles(directory: string, files: Iterable<OutputFile>): Set<string> {
  const written = new Set<string>();
  let made: string | undefined;
  for (const { path, content } of files) {
    const folder = dirname(path);
    if (folder !== made) {
      mkdirSync(join(directory, folder), { recursive: true });
      made = folder;
    }
    writeFileSync(join(directory, path), content);
    written.add(path);
  }
  return written;
}

/** The paths of the last synthesis that may be paths within a directory, whatever somebody made of the list. */
function readLedger(ledger: string): string[] {
  let text: string;
  try {
    text = readFileSync(ledger, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').filter((path) => {
    const inside = path !== '' && !path.includes('\0') && normalize(path) === path;
    return inside && !path.startsWith('..') && !path.startsWith(sep);
  });
}

function removeFiles(directory: string, stale: readonly string[]): void {
  if (stale.length === 0) return;
  const root = realpathSync(directory);
  for (const path of stale) removeFile(root, join(directory, path));
  for (const folder of new Set(stale.map(dirname))) removeEmptyFolders(directory, folder);
}

/** Removes a file, but no folder, and nothing that a link leads to outside of the root. */
function removeFile(root: string, path: string): void {
  try {
    const folder = realpathSync(dirname(path));
    if (folder === root || folder.startsWith(root + sep)) unlinkSync(path);
  } catch {
    // It is gone, or it is no file.
  }
}

/** Removes a folder that was left empty, and those around it that are empty then. */
function removeEmptyFolders(directory: string, folder: string): void {
  for (let path = folder; path !== '.'; path = dirname(path)) {
    try {
      rmdirSync(join(directory, path));
    } catch {
      // Somebody else's files are in it, or it is gone.
      return;
    }
  }
}
