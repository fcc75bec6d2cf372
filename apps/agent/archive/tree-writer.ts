import { constants } from 'node:fs';
import { lstat, mkdir, open, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError } from './archive-error.ts';
import { linkFault } from './entry-path.ts';
import type { TreeLimits } from './limits.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Writes files into a directory that nobody else writes to meanwhile, and nowhere else: nothing that is there is
 * replaced, and each directory on the way to a file is looked at before. Links are made last, so that none is there to
 * be written through.
 */
export class TreeWriter {
  readonly #root: string;
  readonly #limits: TreeLimits;
  readonly #directories = new Set<string>();
  readonly #links: { path: string; target: string }[] = [];
  #bytes = 0;
  #entries = 0;

  constructor(root: string, limits: TreeLimits) {
    this.#root = root;
    this.#limits = limits;
  }

  /** Makes a directory, and those above it. */
  async directory(path: string): Promise<void> {
    const parts = path.split('/').filter((part) => part !== '');
    for (let depth = 1; depth <= parts.length; depth++) {
      await this.#makeDirectory(parts.slice(0, depth).join('/'));
    }
  }

  /** Writes a new file. Of its mode only whether it can be executed is kept. */
  async file(path: string, executable: boolean, content: AsyncIterable<Uint8Array>): Promise<void> {
    this.#countEntry();
    await this.#parentOf(path);
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const file = await open(join(this.#root, path), flags, executable ? 0o755 : 0o644).catch(
      refuseSecond(path),
    );
    try {
      for await (const chunk of content) {
        this.expect(chunk.byteLength);
        this.#bytes += chunk.byteLength;
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
  }

  /** Says where a symbolic link will be, or returns what is wrong with it. */
  link(path: string, target: string): string | undefined {
    const fault = linkFault(path, target);
    if (fault !== undefined) return fault;
    this.#countEntry();
    this.#links.push({ path, target });
    return undefined;
  }

  /** Makes the links. */
  async finish(): Promise<void> {
    for (const { path, target } of this.#links.splice(0)) {
      await this.#parentOf(path);
      await symlink(target, join(this.#root, path)).catch(refuseSecond(path));
    }
  }

  /** Throws where so many bytes more are too many: a size that is told beforehand needn't be waited for. */
  expect(bytes: number): void {
    if (this.#bytes + bytes > this.#limits.maxBytes) {
      throw new ArchiveError(`there is more than ${this.#limits.maxBytes} bytes of it, which is the limit`);
    }
  }

  #countEntry(): void {
    this.#entries++;
    if (this.#entries > this.#limits.maxEntries) {
      throw new ArchiveError(`there are more than ${this.#limits.maxEntries} entries, which is the limit`);
    }
  }

  #parentOf(path: string): Promise<void> {
    return this.directory(path.slice(0, Math.max(path.lastIndexOf('/'), 0)));
  }

  async #makeDirectory(path: string): Promise<void> {
    if (this.#directories.has(path)) return;
    this.#countEntry();
    const directory = join(this.#root, path);
    try {
      await mkdir(directory, 0o755);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await lstat(directory)).isDirectory()) {
        throw ArchiveError.ofEntry(path, 'is no directory, and another entry lies in it');
      }
    }
    this.#directories.add(path);
  }
}

function refuseSecond(path: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === 'EEXIST') throw ArchiveError.ofEntry(path, 'is there twice');
    throw error;
  };
}
