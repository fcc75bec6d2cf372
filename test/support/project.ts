// Programs as processes of their own, in directories of their own.
import { spawnSync } from 'node:child_process';
import { copyFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const REPOSITORY: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessOptions {
  readonly cwd: string;
  /** All variables that the process gets, beside PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program and waits for its end. */
export function runProcess(
  command: string,
  args: readonly string[],
  { cwd, env = {} }: ProcessOptions,
): Finished {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, ...env },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

/** Runs a TypeScript program of the repository with the library as it is in the repository. */
export function runProgram(program: string, options: ProcessOptions): Finished {
  const tsx = fileURLToPath(import.meta.resolve('tsx'));
  const tsconfig = join(REPOSITORY, 'tsconfig.json');
  return runProcess(process.execPath, ['--import', tsx, join(REPOSITORY, program)], {
    ...options,
    env: { TSX_TSCONFIG_PATH: tsconfig, ...options.env },
  });
}

/** Makes a directory look like the repository, with outputs of its own. */
export function linkProject(directory: string): void {
  for (const entry of ['apps', 'lib', 'node_modules', 'package.json', 'tsconfig.json']) {
    symlinkSync(join(REPOSITORY, entry), join(directory, entry));
  }
  copyFileSync(join(REPOSITORY, 'cdk8s.yaml'), join(directory, 'cdk8s.yaml'));
}
