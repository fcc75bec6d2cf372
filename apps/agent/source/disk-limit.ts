import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SourceError } from './source-error.ts';

const LOOK_MS = 1000;

/** Looking takes at most this part of the time. */
const SHARE = 10;

/**
 * Does work that fills a directory, and aborts its signal when what is in there takes more of the disk than allowed. It
 * is looked at once a second: what a server sends within one is more than the limit at most.
 *
 * @throws SourceError where it took more
 */
export async function withinDiskLimit<Result>(
  directory: string,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const tooMuch = new AbortController();
  const done = new AbortController();
  const looking = (async () => {
    for (let wait = LOOK_MS; !done.signal.aborted; ) {
      await pause(wait, undefined, { signal: done.signal }).catch(() => {});
      const started = Date.now();
      if (!done.signal.aborted && (await bytesIn(directory)) > maxBytes) return tooMuch.abort();
      wait = Math.max(LOOK_MS, SHARE * (Date.now() - started));
    }
  })();
  try {
    return await work(AbortSignal.any([signal, tooMuch.signal]));
  } catch (error) {
    if (!tooMuch.signal.aborted) throw error;
    throw new SourceError(`the source takes more than ${maxBytes} bytes of disk, which is the limit`);
  } finally {
    done.abort();
    await looking;
  }
}

/** What a directory takes of the disk. What can't be looked at, since it has gone meanwhile, doesn't count. */
async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  try {
    for await (const entry of await opendir(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) bytes += await bytesIn(path);
      else bytes += (await lstat(path)).blocks * 512;
    }
  } catch {
    return bytes;
  }
  return bytes;
}
