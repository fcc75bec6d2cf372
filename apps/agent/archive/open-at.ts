import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * The path of a name in an open directory, whatever has become of that directory's own path: what openat(2) is for.
 *
 * @see https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html
 */
export function at(directory: FileHandle, name: string): string {
  return `/proc/self/fd/${directory.fd}/${name}`;
}

/** Opens a directory by its absolute path, of which no part may be a symbolic link. */
export async function openDirectory(path: string): Promise<FileHandle> {
  let directory = await open('/', O_RDONLY | O_DIRECTORY);
  for (const part of path.split('/').filter((name) => name !== '' && name !== '.')) {
    const parent = directory;
    try {
      directory = await openDirectoryAt(parent, part);
    } finally {
      await parent.close();
    }
  }
  return directory;
}

/** Opens a directory by its name in another; fails where it is a symbolic link. */
export function openDirectoryAt(parent: FileHandle, name: string): Promise<FileHandle> {
  return open(at(parent, name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}
