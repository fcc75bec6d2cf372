import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ReleaseVariables } from '../../../lib/agent/release.ts';
import { isInGitDirectory } from '../archive/entry-path.ts';
import type { TreeLimits } from '../archive/limits.ts';
import { readTree } from '../archive/tree-reader.ts';
import { TreeWriter } from '../archive/tree-writer.ts';
import { unpackArchive } from '../archive/unpack.ts';
import { type Program, variable } from '../program.ts';
import { parseFetchArguments } from '../source/fetch-arguments.ts';
import { tryAgain } from '../source/retry.ts';
import { fetchOutputs, mayPass, outputsUrl } from './fetch-outputs.ts';

/** Where an archive is unpacked before any of it is where it belongs: in the same volume, so that files can be moved. */
const UNFINISHED = '.keelson-outputs';

/**
 * Fetches what a run left from its gate: `build.log` and `assets/…`, or the assets alone. All of it is there when the
 * program has ended well; a fetch that fails leaves nothing.
 */
export const outputs: Program = async (args, { environment, log, signal }) => {
  const options = { assets: { type: 'boolean' } } as const;
  const { directory, limits, timeoutSeconds, retrySeconds, own } = parseFetchArguments(args, options);
  const url = outputsUrl(variable(environment, ReleaseVariables.OUTPUTS_URL));
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
  const unfinished = join(directory, UNFINISHED);
  const files = await tryAgain(
    'fetching outputs',
    async () => {
      await rm(unfinished, { recursive: true, force: true });
      await mkdir(unfinished);
      try {
        const place = own['assets'] === true ? withoutFolder : asTheyAre;
        await unpackArchive(await fetchOutputs(url, ended), unfinished, { limits, place });
        return await moveFiles(unfinished, directory, limits);
      } finally {
        await rm(unfinished, { recursive: true, force: true });
      }
    },
    { mayPass, seconds: retrySeconds, log, signal: ended },
  );
  log.info({ url: url.href, files }, 'fetched outputs');
  return 0;
};

function asTheyAre(path: string): string | undefined {
  return path === 'build.log' || isAsset(path) ? path : undefined;
}

function withoutFolder(path: string): string | undefined {
  return isAsset(path) ? path.slice(path.indexOf('/') + 1) : undefined;
}

/** An image's build context may have a repository in it, which no asset changes. */
function isAsset(path: string): boolean {
  return path.startsWith('assets/') && !isInGitDirectory(path);
}

/** Moves files over those that are there; a directory that leads to one is never a link. Returns how many there are. */
async function moveFiles(from: string, to: string, limits: TreeLimits): Promise<number> {
  const directories = new TreeWriter(to, limits);
  let files = 0;
  const leftOut = (path: string, fault: string): never => {
    throw new Error(`${path} ${fault}`);
  };
  for await (const { kind, path } of readTree(from, { maxEntries: limits.maxEntries, leftOut })) {
    if (kind === 'directory') {
      await directories.directory(path);
    } else {
      await rename(join(from, path), join(to, path));
      files++;
    }
  }
  return files;
}
