import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';

/** A file to be written, with its path relative to the output directory. */
export interface OutputFile {
  readonly path: string;
  readonly content: string | Uint8Array;
}

/** Where the files of the last synthesis are listed. It ends in nothing that GitOps tools take for a manifest. */
const LEDGER = '.keelson-files';

/**
 * Writes files and removes those that an earlier call wrote and this one does not. Other files are never
 * touched.
 */
export function writeOutput(directory: string, files: Iterable<OutputFile>): void {
  const before = readLedger(directory);
  const written = writeFiles(directory, files);
  removeFiles(
    directory,
    before.filter((path) => !written.has(path)),
  );
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, LEDGER), [...written].map((path) => `${path}\n`).join(''));
}

/** Writes files, with the folders that they are in, and gives their paths. */
export function writeFiles(directory: string, files: Iterable<OutputFile>): Set<string> {
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

/** The paths of the last synthesis that are inside the directory, whatever somebody made of the list. */
function readLedger(directory: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(directory, LEDGER), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').filter((path) => {
    const normal = normalize(path);
    return path !== '' && normal === path && !normal.startsWith('..') && !normal.startsWith(sep);
  });
}

function removeFiles(directory: string, stale: readonly string[]): void {
  for (const path of stale) rmSync(join(directory, path), { force: true });
  for (const folder of new Set(stale.map(dirname))) removeEmptyFolders(directory, folder);
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
