// The agent as a process of its own, to be stopped and killed: bundled once, as in its image.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleAgent } from '../../scripts/agent-bundle.ts';

let bundled: Promise<string> | undefined;

/** The bundle of the agent as it is now. */
export function agentBundle(): Promise<string> {
  bundled ??= (async () => {
    const directory = mkdtempSync(join(tmpdir(), 'keelson-agent-'));
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'keelson-agent.mjs');
    await bundleAgent(file);
    return file;
  })();
  return bundled;
}

const MAX_LINES = 20_000;

/** A program of the agent that runs. */
export class AgentProcess {
  /** What it has logged, the newest lines last. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    let rest = '';
    const read = (chunk: Buffer): void => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
      this.lines.splice(0, this.lines.length - MAX_LINES);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
  }

  static async start(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<AgentProcess> {
    const node = [process.execPath, await agentBundle(), ...args];
    // The kernel kills it when this process dies, by whatever signal.
    const dying = process.platform === 'linux' ? ['setpriv', '--pdeathsig', 'KILL', ...node] : node;
    const [program = '', ...rest] = dying;
    const child = spawn(program, rest, {
      env: { PATH: process.env['PATH'], HOME: tmpdir(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new AgentProcess(child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The exit code; undefined while it runs, and where a signal has ended it. */
  get exitCode(): number | undefined {
    return this.#child.exitCode ?? undefined;
  }

  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for a log line with a text. */
  async logged(text: string, milliseconds = 60_000): Promise<void> {
    const deadline = Date.now() + milliseconds;
    while (!this.lines.some((line) => line.includes(text))) {
      if (Date.now() > deadline)
        throw new Error(`no ${JSON.stringify(text)} in the log:\n${this.lines.slice(-20).join('\n')}`);
      await sleep(50);
    }
  }

  /** Ends it by a signal, and waits until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill(signal);
      await this.#exited;
    }
  }
}
