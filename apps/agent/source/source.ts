import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AddressPolicy } from '../git/address-policy.ts';
import { GitHttp } from '../git/refs-http.ts';
import { type Program, variable } from '../program.ts';
import { withinDiskLimit } from './disk-limit.ts';
import { parseFetchArguments } from './fetch-arguments.ts';
import { fetchSource } from './fetch-source.ts';
import { gitRunner } from './git-runner.ts';
import { checkApart, copySource, receiveSource, writeHead } from './local-source.ts';
import { commitToFetch } from './source-environment.ts';

const OPTIONS = { receive: { type: 'boolean' }, copy: { type: 'string' } } as const;

/**
 * Fills a directory with one commit of a repository; or with a directory, sent as a tar archive or copied. Either way
 * `.git/HEAD` has the commit in the end. A second run starts from an empty directory.
 */
export const source: Program = sourceProgram(new AddressPolicy());

/** The program, with a policy of its own for the addresses of git servers. */
export function sourceProgram(addresses: AddressPolicy): Program {
  return async (args, { environment, log, signal }) => {
    const { directory, limits, own, timeoutSeconds, retrySeconds } = parseFetchArguments(args, OPTIONS);
    const { receive, copy } = own;
    const started = Date.now();
    const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    if (receive === true || typeof copy === 'string') {
      const commit = variable(environment, 'KEELSON_GIT_COMMIT');
      if (typeof copy === 'string') await checkApart(copy, directory);
      await emptyDirectory(directory);
      if (typeof copy === 'string') await copySource(copy, directory, limits, log);
      else await receiveSource(process.stdin, directory, { limits, log, signal: ended });
      await writeHead(directory, commit);
    } else {
      const wanted = await commitToFetch(environment);
      await emptyDirectory(directory);
      const deadline = started + timeoutSeconds * 1000;
      await withinDiskLimit(directory, { maxBytes: limits.maxBytes, signal }, (untilFull) =>
        fetchSource(wanted, directory, {
          git: gitRunner(deadline, untilFull),
          http: new GitHttp({ addresses }),
          limits,
          lfs: wanted.lfs,
          retrySeconds,
          deadline,
          log,
          signal: untilFull,
        }),
      );
    }
    log.info({ ms: Date.now() - started }, 'the source is there');
    return 0;
  };
}

/** A volume can't be removed and made anew: what is in it is removed. */
async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    await rm(join(directory, name), { recursive: true, force: true });
}
