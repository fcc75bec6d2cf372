// The wrapper of a build's container, run by the shell of this machine, with the test in the place of the gate.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WRAPPER_SCRIPT } from '../../lib/keel/wrapper.ts';

export interface WrapperOptions {
  readonly timeout?: number;
  readonly keep?: number;
  /** What is done after the command. */
  readonly after?: 'keep' | 'exit';
  /** Whether a log file is wanted. */
  readonly log?: boolean;
  /** Patterns of files to keep. */
  readonly assets?: readonly string[];
  readonly path?: string;
}

/** A container's file system: what is kept between starts of its wrapper. */
export class Container {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-wrapper-'));
  readonly #groups: number[] = [];

  constructor() {
    mkdirSync(join(this.directory, 'run'));
    writeFileSync(join(this.directory, 'wrapper.sh'), WRAPPER_SCRIPT);
  }

  /** Starts the wrapper with a command, as Kubernetes does: again after a restart. */
  start(
    command: readonly string[],
    { timeout = 60, keep = 0, after = 'keep', log = false, assets = [], path }: WrapperOptions = {},
  ): Wrapper {
    const child = spawn('/bin/sh', [join(this.directory, 'wrapper.sh'), ...command], {
      cwd: this.directory,
      // A group of its own, so that all of it can be ended, and nothing else.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: path ?? process.env['PATH'],
        KEELSON_RUN_DIRECTORY: join(this.directory, 'run'),
        KEELSON_OUTPUT_DIRECTORY: log ? join(this.directory, 'output') : '',
        KEELSON_ASSETS: assets.join('\n'),
        KEELSON_TIMEOUT_SECONDS: String(timeout),
        KEELSON_AFTER: after,
        KEELSON_KEEP_SECONDS: String(keep),
      },
    });
    if (child.pid !== undefined) this.#groups.push(child.pid);
    return new Wrapper(child);
  }

  /** The text of a file of the run directory, without its line break; undefined where there is none. */
  read(name: string): string | undefined {
    const path = join(this.directory, 'run', name);
    return existsSync(path) ? readFileSync(path, 'utf8').replace(/\n$/, '') : undefined;
  }

  /** Says what the gate says: written whole, then renamed. */
  say(go: string): void {
    const path = join(this.directory, 'run', 'go');
    writeFileSync(`${path}.tmp`, `${go}\n`);
    renameSync(`${path}.tmp`, path);
  }

  /** Waits until a file of the run directory has a text. */
  async until(name: string, text: string | RegExp): Promise<void> {
    const matches = (): boolean => {
      const now = this.read(name);
      return typeof text === 'string' ? now === text : now !== undefined && text.test(now);
    };
    for (let tries = 0; tries < 800 && !matches(); tries++) await sleep(25);
    if (!matches()) throw new Error(`${name} is ${JSON.stringify(this.read(name))}, not ${text}`);
  }

  /** Ends everything that was started. */
  remove(): void {
    for (const group of this.#groups) {
      try {
        process.kill(-group, 'SIGKILL');
      } catch {
        // All of it has ended already.
      }
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export class Wrapper {
  output = '';
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (text: Buffer) => {
      this.output += text;
    });
    child.stderr?.on('data', (text: Buffer) => {
      this.output += text;
    });
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** What the kubelet sends to end a container. */
  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Waits until the output has a text. */
  async prints(text: string): Promise<void> {
    for (let tries = 0; tries < 400 && !this.output.includes(text); tries++) await sleep(25);
    if (!this.output.includes(text)) throw new Error(`${JSON.stringify(this.output)} has no ${text}`);
  }
}
