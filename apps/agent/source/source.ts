import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AddressPolicy } from '../git/address-policy.ts';
import { GitHttp } from '../git/refs-http.ts';
import { type Program, type ProgramContext, variable } from '../program.ts';
import { withinDiskLimit } from './disk-limit.ts';
import { type FetchArguments, parseFetchArguments } from './fetch-arguments.ts';
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
  return async (args, context) => {
    const parsed = parseFetchArguments(args, OPTIONS);
    const started = Date.now();
    if (parsed.own['receive'] === true || parsed.own['copy'] !== undefined)
      await fillLocally(parsed, context);
    else await fillFromServer(parsed, context, addresses);
    context.log.info({ ms: Date.now() - started }, 'the source is there');
    return 0;
  };
}

async function fillLocally(
  parsed: FetchArguments,
  { environment, log, signal }: ProgramContext,
): Promise<void> {
  const { directory, limits, own, timeoutSeconds } = parsed;
  const commit = variable(environment, 'KEELSON_GIT_COMMIT');
  const options = {
    limits,
    log,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]),
  };
  const { copy } = own;
  if (typeof copy === 'string') await checkApart(copy, directory);
  await emptyDirectory(directory);
  if (typeof copy === 'string') await copySource(copy, directory, options);
  else await receiveSource(process.stdin, directory, options);
  await writeHead(directory, commit);
}

async function fillFromServer(
  { directory, limits, timeoutSeconds, retrySeconds }: FetchArguments,
  { environment, log, signal }: ProgramContext,
  addresses: AddressPolicy,
): Promise<void> {
  const wanted = await commitToFetch(environment);
  await emptyDirectory(directory);
  const deadline = Date.now() + timeoutSeconds * 1000;
  const http = new GitHttp({ addresses });
  try {
    await withinDiskLimit(directory, { maxBytes: limits.maxBytes, signal }, (untilFull) => {
      const git = gitRunner(deadline, untilFull);
      const { lfs } = wanted;
      const context = { git, http, limits, lfs, retrySeconds, deadline, log, signal: untilFull };
      return fetchSource(wanted, directory, context);
    });
  } finally {
    http.close();
  }
}

/** A volume can't be removed and made anew: what is in it is removed. */
async function emptyDirectory(directory: string): Promise<void> {
  for (const name of await readdir(directory))
    await rm(join(directory, name), { recursive: true, force: true });
}
