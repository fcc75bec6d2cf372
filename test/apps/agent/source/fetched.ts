import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { sourceProgram } from '../../../../apps/agent/source/source.ts';
import { type GitServer, type GitServerOptions, startGitServer } from '../../../support/git-server.ts';
import { temporaryDirectory } from '../archive/temporary.ts';

/** What is fetched. */
export interface Wanted {
  readonly url: string;
  readonly commit: string;
  readonly branch?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** @default - an empty one */
  readonly directory?: string;
  readonly signal?: AbortSignal;
}

/** What became of it. */
export interface Fetched {
  readonly directory: string;
  /** The log. */
  readonly printed: string;
}

/** The variables of the source's container. */
export function environmentOf({ url, commit, branch = 'main', environment }: Wanted): Record<string, string> {
  return {
    KEELSON_GIT_URL: url,
    KEELSON_GIT_BRANCH: branch,
    KEELSON_GIT_COMMIT: commit,
    KEELSON_GIT_SUBMODULES: 'false',
    KEELSON_GIT_LFS: 'false',
    HOME: '/tmp',
    ...environment,
  };
}

/** Runs the program in this process. A failure's message has the log in it. */
export async function fetched(wanted: Wanted): Promise<Fetched> {
  const { args = [], directory = temporaryDirectory(), signal = new AbortController().signal } = wanted;
  let printed = '';
  const log = pino(
    { messageKey: 'message', errorKey: 'error' },
    {
      write: (line) => {
        printed += line;
      },
    },
  );
  const program = sourceProgram(new AddressPolicy({ allow: ['127.0.0.1'] }));
  await program([`--directory=${directory}`, ...args], { environment: environmentOf(wanted), log, signal });
  return { directory, printed };
}

/** A git server that is gone after the test. */
export async function gitServer(options: GitServerOptions = {}): Promise<GitServer> {
  const server = await startGitServer(options);
  onTestFinished(() => server.close());
  return server;
}
