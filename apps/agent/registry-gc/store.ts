import { constants, type Stats } from 'node:fs';
import { open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepositoryContent, StoredManifest, TaggedImage } from './choose.ts';

/** Registries take no longer manifests. https://github.com/distribution/distribution/blob/v2.8.3/registry/handlers/manifests.go */
const MAX_MANIFEST = 4 << 20;
const MAX_LINK = 256;
/** Beside `tags`, where the registry looks for nothing. */
const DELETED = 'deleted';
const DIGEST = /^([a-z0-9]+):([0-9a-f]{32,128})$/;

/**
 * The files of a registry that is not running, in the layout that it has had since its version 2.0.
 *
 * @see https://github.com/distribution/distribution/blob/v2.8.3/registry/storage/paths.go
 */
export class RegistryStore {
  readonly #root: string;

  /** @param directory what the registry has as `rootdirectory` */
  constructor(directory: string) {
    this.#root = join(directory, 'docker/registry/v2');
  }

  /**
   * Reads a repository; undefined where there is none.
   *
   * @throws where anything of it can't be understood
   */
  async read(repository: string): Promise<RepositoryContent | undefined> {
    const directory = await this.#manifests(repository);
    if (directory === undefined) return undefined;
    const tags = new Map<string, TaggedImage>();
    for (const tag of await directoriesIn(join(directory, 'tags'))) {
      // A push that was cut off may have left a tag without an image.
      const link = await readLink(join(directory, 'tags', tag, 'current/link'));
      if (link !== undefined) tags.set(tag, link);
    }
    const manifests = new Map<string, StoredManifest>();
    for (const algorithm of await directoriesIn(join(directory, 'revisions'))) {
      for (const hex of await directoriesIn(join(directory, 'revisions', algorithm))) {
        const link = await readLink(join(directory, 'revisions', algorithm, hex, 'link'));
        // Deleted through the registry's API.
        if (link === undefined) continue;
        const digest = `${algorithm}:${hex}`;
        manifests.set(digest, { pushedAt: link.pushedAt, references: await this.#references(digest) });
      }
    }
    return { tags, manifests };
  }

  /** Deletes a tag. The manifest stays. */
  async deleteTag(repository: string, tag: string): Promise<void> {
    const directory = await this.#manifests(repository);
    if (directory === undefined) return;
    // In one step: a tag that is half deleted would be there and could not be pulled.
    const deleted = join(directory, DELETED);
    await remove(deleted);
    await rename(join(directory, 'tags', tag), deleted);
    await remove(deleted);
  }

  /** Deletes manifests, and what tags remember of them. Their blobs stay until the registry collects them. */
  async deleteManifests(repository: string, digests: readonly string[], signal: AbortSignal): Promise<void> {
    const directory = await this.#manifests(repository);
    if (directory === undefined || digests.length === 0) return;
    const paths = new Set(digests.map((digest) => join(...partsOf(digest))));
    for (const tag of await directoriesIn(join(directory, 'tags'))) {
      const index = join(directory, 'tags', tag, 'index');
      for (const algorithm of await directoriesIn(index)) {
        for (const hex of await directoriesIn(join(index, algorithm))) {
          signal.throwIfAborted();
          if (paths.has(join(algorithm, hex))) await remove(join(index, algorithm, hex));
        }
      }
    }
    for (const path of paths) {
      signal.throwIfAborted();
      await remove(join(directory, 'revisions', path));
    }
  }

  async #manifests(repository: string): Promise<string | undefined> {
    const path = join('repositories', repository, '_manifests');
    try {
      const root = await realpath(this.#root);
      const real = await realpath(join(root, path));
      if (real === join(root, path)) return real;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    throw new Error(`the repository ${repository} has a symbolic link in its path, which no registry makes`);
  }

  /** The digests in a manifest or an index. */
  async #references(digest: string): Promise<string[]> {
    const [algorithm, hex] = partsOf(digest);
    const path = join(this.#root, 'blobs', algorithm, hex.slice(0, 2), hex, 'data');
    const file = await readFile(path, MAX_MANIFEST);
    if (file === undefined)
      throw new Error(`the manifest ${digest} is missing, which the registry has a link to`);
    let manifest: Readonly<Record<string, unknown>>;
    try {
      manifest = Object(JSON.parse(file.text));
    } catch {
      throw new Error(`the manifest ${digest} is not JSON`);
    }
    return ['manifests', 'layers', 'blobs', 'config']
      .flatMap((field) => manifest[field] ?? [])
      .map((descriptor: unknown) => Object(descriptor).digest)
      .filter((reference): reference is string => typeof reference === 'string');
  }
}

function partsOf(digest: string): [algorithm: string, hex: string] {
  const [, algorithm, hex] = DIGEST.exec(digest) ?? [];
  if (algorithm === undefined || hex === undefined) throw new Error(`${JSON.stringify(digest)} is no digest`);
  return [algorithm, hex];
}

/** The names of folders; symbolic links are none. */
async function directoriesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The digest that a link has in it, and when it was written. */
async function readLink(path: string): Promise<TaggedImage | undefined> {
  const file = await readFile(path, MAX_LINK);
  if (file === undefined) return undefined;
  const digest = file.text.trim();
  partsOf(digest);
  return { digest, pushedAt: file.stats.mtimeMs };
}

async function readFile(path: string, most: number): Promise<{ text: string; stats: Stats } | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
  try {
    const stats = await file?.stat();
    if (file === undefined || stats === undefined) return undefined;
    if (!stats.isFile() || stats.size > most) throw new Error(`${path} is no file of at most ${most} bytes`);
    return { text: await file.readFile('utf8'), stats };
  } finally {
    await file?.close();
  }
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
