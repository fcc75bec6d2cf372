import { readFile } from 'node:fs/promises';
import { formatProblem } from '../../../lib/kubernetes/problem.ts';
import { branchProblems } from '../../../lib/source/branch.ts';
import type { Repository, RepositoryCredential } from '../git/repository.ts';
import { type ProgramContext, UsageError, variable } from '../program.ts';

/** The commit that is fetched, and what with. */
export interface CommitToFetch {
  readonly repository: Repository;
  readonly branch: string;
  /** Its full object name. */
  readonly commit: string;
  readonly submodules: boolean;
  readonly lfs: boolean;
}

/** Reads the commit and its repository from the environment, and the credential from its file. */
export async function commitToFetch(environment: ProgramContext['environment']): Promise<CommitToFetch> {
  const commit = variable(environment, 'KEELSON_GIT_COMMIT');
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) {
    throw new UsageError('KEELSON_GIT_COMMIT is no full object name of a commit: 40 or 64 digits');
  }
  const branch = variable(environment, 'KEELSON_GIT_BRANCH');
  const [problem] = branchProblems('KEELSON_GIT_BRANCH', branch);
  if (problem !== undefined) throw new UsageError(formatProblem(problem));
  const credential = await readCredential(environment);
  return {
    repository: {
      url: variable(environment, 'KEELSON_GIT_URL'),
      ...(credential !== undefined && { credential }),
    },
    branch,
    commit,
    submodules: environment['KEELSON_GIT_SUBMODULES'] === 'true',
    lfs: environment['KEELSON_GIT_LFS'] === 'true',
  };
}

async function readCredential(
  environment: ProgramContext['environment'],
): Promise<RepositoryCredential | undefined> {
  if (environment['KEELSON_GIT_TOKEN_FILE'] !== undefined) {
    const username = variable(environment, 'KEELSON_GIT_USERNAME');
    return { kind: 'token', username, token: await secretFile(environment, 'KEELSON_GIT_TOKEN_FILE') };
  }
  if (environment['KEELSON_GIT_SSH_KEY_FILE'] === undefined) return undefined;
  const privateKey = await secretFile(environment, 'KEELSON_GIT_SSH_KEY_FILE');
  return { kind: 'ssh', privateKey, knownHosts: variable(environment, 'KEELSON_GIT_KNOWN_HOSTS') };
}

async function secretFile(environment: ProgramContext['environment'], name: string): Promise<string> {
  const content = await readFile(variable(environment, name), 'utf8').catch((cause: unknown) => {
    throw new UsageError(`the file of ${name} can't be read`, { cause });
  });
  if (content.trim() === '') throw new UsageError(`the file of ${name} is empty`);
  return content;
}
