import { access, mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** Where built binaries, extracted packages and image layers live between runs: outside the work tree. */
export function cachePath(...parts: readonly string[]): string {
  const root = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(root, 'keelson', ...parts);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * The file or folder at `path`, made on first use. `make` writes to another path that is renamed when it is
 * complete, so that an interrupted run, or a second one beside it, never leaves or sees half a result.
 */
export function cached(path: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  const running = making.get(path) ?? makeOnce(path, make).finally(() => making.delete(path));
  making.set(path, running);
  return running;
}

/** What this process is making now: whoever asks for it meanwhile waits for the same. */
const making = new Map<string, Promise<string>>();

async function makeOnce(path: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  try {
    await make(unfinished);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // A rename onto a folder fails when another run was quicker: its result is as good as ours.
    if (!(await exists(path))) throw error;
  }
  return path;
}
