import type { Log } from './observe/log.ts';

/** What every program of the agent is given beside its arguments. */
export interface ProgramContext {
  /** The process's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where it logs. */
  readonly log: Log;
  /** Aborted by SIGTERM and SIGINT: the program then ends as soon as what it does can be taken up again. */
  readonly signal: AbortSignal;
}

/** A program of the agent: gets the arguments after its name, and returns the exit code. */
export type Program = (args: readonly string[], context: ProgramContext) => Promise<number>;

/**
 * What is wrong with a program's arguments, environment or configuration. The process ends with the exit code 64,
 * EX_USAGE of sysexits.h, since a second try would find the same.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The exit code of a {@link UsageError}. */
export const USAGE_EXIT_CODE = 64;

/** The environment variable, which has to be there. */
export function variable(environment: ProgramContext['environment'], name: string): string {
  const value = environment[name];
  if (value === undefined || value === '')
    throw new UsageError(`the environment variable ${name} is missing`);
  return value;
}
