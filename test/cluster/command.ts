import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Missing } from './missing.ts';

const execute = promisify(execFile);

/** What a command may be given besides its arguments. */
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How to get the program: with it, an absent program is reported as missing and not as a failure. */
  readonly howToGet?: string;
}

/** Runs a program without a shell and returns its standard output; fails with its standard error. */
export async function command(
  program: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  try {
    const { stdout } = await execute(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    const failure = error as NodeJS.ErrnoException & { stderr?: string };
    if (failure.code === 'ENOENT' && options.howToGet !== undefined) {
      throw new Missing(`${program} is missing: ${options.howToGet}`);
    }
    const said = failure.stderr?.trim().split('\n').slice(-20).join('\n') || failure.message;
    throw new Error(`${[program, ...args].join(' ')} failed:\n${said}`, { cause: error });
  }
}
