import { createHash } from 'node:crypto';
import { constants, type ReadStream } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { GitHubReleaseConfiguration } from '../../../lib/agent/release.ts';
import { assetName, uniqueNames } from './asset-name.ts';

/** A file that is attached to a release. */
export interface Asset {
  /** Its name there. */
  readonly name: string;
  /** Where it is. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
}

/** What there is to attach, and what is left out and why. */
export interface FoundAssets {
  readonly assets: readonly Asset[];
  readonly leftOut: readonly string[];
}

/** https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases#storage-and-bandwidth-quotas */
const MAX_ASSETS = 1000;
const MAX_SIZE = 2 * 1024 ** 3;
const MAX_DEPTH = 32;
const MAX_ENTRIES = 20_000;

interface FoundFile {
  readonly path: string;
  readonly size: number;
}

/**
 * Finds the files of a run's outputs. Links are not followed, and what is no regular file, has a name that is
 * not shown on one line, or is empty is left out.
 *
 * @throws Error where there is more than GitHub takes: a release that lacks a part is none
 */
export async function findAssets({
  assetsDirectory,
  logFile,
}: Pick<GitHubReleaseConfiguration, 'assetsDirectory' | 'logFile'>): Promise<FoundAssets> {
  const files: FoundFile[] = [];
  const leftOut: string[] = [];
  // First, so that it keeps its name.
  if (logFile !== undefined) await sort(logFile, files, leftOut);
  if (assetsDirectory !== undefined) await walk(assetsDirectory, files, leftOut);
  if (files.length > MAX_ASSETS) {
    throw new Error(
      `the run left ${files.length} files, and a release holds ${MAX_ASSETS}: put them into archives`,
    );
  }
  const large = files.find(({ size }) => size >= MAX_SIZE);
  if (large !== undefined) {
    throw new Error(
      `${JSON.stringify(large.path)} has ${large.size} bytes, and GitHub takes files of less than ${MAX_SIZE}: split or compress it`,
    );
  }
  const names = uniqueNames(files.map(({ path }) => assetName(basename(path))));
  return { assets: files.map((file, index) => ({ ...file, name: names[index] ?? '' })), leftOut };
}

async function walk(root: string, files: FoundFile[], leftOut: string[]): Promise<void> {
  if (!(await lstat(root)).isDirectory())
    throw new Error(`${root} is no directory: the outputs were not fetched`);
  let entries = 0;
  const directories = [{ path: root, depth: 0 }];
  for (let directory = directories.shift(); directory !== undefined; directory = directories.shift()) {
    const { path, depth } = directory;
    for (const entry of (await readdir(path, { withFileTypes: true })).sort(byName)) {
      entries += 1;
      if (entries > MAX_ENTRIES || depth > MAX_DEPTH) {
        throw new Error(
          `${root} has more than ${MAX_ENTRIES} entries or ${MAX_DEPTH} levels: put them into archives`,
        );
      }
      const child = join(path, entry.name);
      if (entry.isDirectory()) directories.push({ path: child, depth: depth + 1 });
      else await sort(child, files, leftOut);
    }
  }
}

async function sort(path: string, files: FoundFile[], leftOut: string[]): Promise<void> {
  const leave = (why: string): void => {
    leftOut.push(`${JSON.stringify(path)} ${why}`);
  };
  // \ufffd stands for bytes that are no text; no file can be found by it again.
  if (/[\p{Cc}\p{Zl}\p{Zp}\ufffd]/u.test(path)) return leave('has a name that is no line of text');
  const stat = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (stat === undefined) leave('is not there');
  else if (!stat.isFile()) leave('is no regular file');
  else if (stat.size === 0) leave('is empty, which GitHub refuses');
  else files.push({ path, size: stat.size });
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

/** The bytes of an asset, exactly as many as its size says. */
export async function readAsset({ path, size }: Asset): Promise<ReadStream> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file: FileHandle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const stat = await file.stat();
  if (stat.isFile() && stat.size === size) return file.createReadStream({ end: size - 1 });
  await file.close();
  throw new Error(`${JSON.stringify(path)} has changed meanwhile`);
}

/** The digest of an asset, as GitHub gives it. */
export async function digestOfAsset(asset: Asset): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await readAsset(asset)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
