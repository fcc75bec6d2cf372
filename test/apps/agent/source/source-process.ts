import { type ChildProcess, spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';

/** An address of this machine at which git servers are admitted; undefined where it has loopback only. */
export const ADDRESS: string | undefined = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  /** What it printed. */
  readonly printed: string;
  /** The messages of its log, with those of errors. */
  readonly messages: readonly string[];
}

/** A run of the program as a process of its own. */
export interface SourceProcess {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts `keelson-agent source` with nothing in its environment but what is given. */
export function startSource(
  directory: string,
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): SourceProcess {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'apps/agent/main.ts', 'source', `--directory=${directory}`, ...args],
    { env: { PATH: process.env['PATH'] ?? '', ...environment }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = new Promise<Ended>((done) => {
    child.once('close', (code) => {
      void output.then(([out, err]) => {
        const lines = out.split('\n').filter((line) => line !== '');
        const messages = lines.map((line) => {
          const { message, error } = JSON.parse(line) as { message: string; error?: string };
          return error === undefined ? message : `${message}: ${error}`;
        });
        done({ code, printed: out + err, messages });
      });
    });
  });
  return { process: child, ended };
}
