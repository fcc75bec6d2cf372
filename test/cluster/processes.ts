import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  /** Starts the same once more. */
  readonly again: () => ChildProcess;
}

/** The processes of one cluster: each logs to a file, and none outlives this process. */
export class Processes {
  readonly #logs: string;
  readonly #running: Running[] = [];
  #stopping = false;

  constructor(logs: string) {
    this.#logs = logs;
    mkdirSync(logs, { recursive: true });
    process.once('exit', this.#kill);
  }

  /** Starts a program; `name` names its log. */
  start(
    name: string,
    program: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const log = openSync(join(this.#logs, `${name}.log`), 'a');
    // The kernel kills the child when its parent dies, by whatever signal: no handler here could do that.
    const dying = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', program] : [program];
    const [first = program, ...rest] = [...dying, ...args];
    const child = spawn(first, rest, { stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    const ended = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    });
    const again = (): ChildProcess => this.start(name, program, args, env);
    this.#running.push({ name, child, ended, again });
    return child;
  }

  /** Ends a process by a signal, and starts it again as it was: with the same files, at the same ports. */
  async restart(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<ChildProcess> {
    const index = this.#running.findIndex((running) => running.name === name);
    const [running] = index < 0 ? [] : this.#running.splice(index, 1);
    if (running === undefined) throw new Error(`no process ${name} runs`);
    running.child.kill(signal);
    await running.ended;
    return running.again();
  }

  /** Polls until `ready` is true; fails with the logs as soon as a process ends, or when the time is up. */
  async until(what: string, ready: () => Promise<boolean>, seconds = 60): Promise<void> {
    const deadline = Date.now() + seconds * 1000;
    while (!(await ready().catch(() => false))) {
      const dead = this.#running.filter(({ child }) => child.exitCode !== null || child.signalCode !== null);
      if (dead.length > 0 && !this.#stopping) {
        throw new Error(
          `${dead.map(({ name }) => name).join(', ')} ended\n${await this.logs(...dead.map(({ name }) => name))}`,
        );
      }
      if (Date.now() > deadline) throw new Error(`no ${what} within ${seconds} s\n${await this.logs()}`);
      await sleep(100);
    }
  }

  /** The last lines of the named processes' logs, or of all of them: what a failed run needs to show. */
  async logs(...names: readonly string[]): Promise<string> {
    const wanted = names.length > 0 ? names : this.#running.map(({ name }) => name);
    const parts = wanted.map(async (name) => {
      const text = await readFile(join(this.#logs, `${name}.log`), 'utf8').catch(() => '');
      return `--- ${name}\n${text.trimEnd().split('\n').slice(-25).join('\n')}`;
    });
    return (await Promise.all(parts)).join('\n');
  }

  readonly #kill = (): void => {
    for (const { child } of this.#running) child.kill('SIGKILL');
  };

  /** Ends all processes at once: their data is thrown away, so that nothing needs an orderly end. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#kill();
    await Promise.all(this.#running.map(({ ended }) => ended));
    process.removeListener('exit', this.#kill);
  }
}
