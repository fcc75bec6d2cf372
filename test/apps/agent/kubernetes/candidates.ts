import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Puts the candidates' program into one file, so that they start quickly, and says where it is. */
export async function buildCandidate(folder: string): Promise<string> {
  const outfile = join(folder, 'candidate.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('candidate.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // Some packages are CommonJS and require modules of Node.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return outfile;
}

/** How a candidate is started. */
export interface CandidateOptions {
  /** Where {@link buildCandidate} has put it. */
  readonly program: string;
  readonly identity: string;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly lease: string;
  readonly seconds: number;
  /** How far its clock is from the machine's, as faketime has it: `+2h`. */
  readonly clock?: string;
}

/** A process that wants to lead, and what it has said. */
export class Candidate {
  readonly identity: string;
  /** When it acted as a leader, by the machine's monotonic clock in milliseconds. */
  readonly acts: number[] = [];
  /** When its program runs. */
  readonly started: Promise<unknown>;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor({ program, identity, kubeconfig, namespace, lease, seconds, clock }: CandidateOptions) {
    this.identity = identity;
    const node = [process.execPath, program, identity, namespace, lease, String(seconds)];
    const [command = '', ...args] = clock === undefined ? node : ['faketime', '-f', clock, ...node];
    this.#process = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'ignore'],
      // A group of its own: faketime has a process of its own beside the program's.
      detached: true,
      env: {
        ...process.env,
        KUBECONFIG: kubeconfig,
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      },
    });
    this.#exited = once(this.#process, 'exit');
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    this.started = once(lines, 'line');
    lines.on('line', (line) => {
      const [what, time] = line.split(' ');
      if (what === 'acts') this.acts.push(Number(time));
    });
  }

  /** Whether it has acted as a leader since that time. */
  ledSince(time: number): boolean {
    return (this.acts.at(-1) ?? 0) > time;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGTERM' | 'SIGKILL'): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, signal);
  }

  /** Ends the process, and waits until it has. */
  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await this.#exited;
  }
}

/** The machine's monotonic clock in milliseconds, which all processes share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

/** How often a candidate acted while another was leading. */
export function overlaps(candidates: readonly Candidate[]): number {
  const terms = candidates.flatMap(({ identity, acts }) =>
    termsOf(acts).map(([from, to]) => ({ identity, from, to })),
  );
  return candidates
    .flatMap(({ identity, acts }) => acts.map((time) => ({ identity, time })))
    .filter((act) =>
      terms.some(({ identity, from, to }) => identity !== act.identity && from < act.time && act.time < to),
    ).length;
}

/** From when to when somebody acted: one who is silent for half a second does not lead, or is paused. */
function termsOf(acts: readonly number[]): [number, number][] {
  const terms: [number, number][] = [];
  for (const time of acts) {
    const last = terms.at(-1);
    if (last !== undefined && time - last[1] < 500) last[1] = time;
    else terms.push([time, time]);
  }
  return terms;
}
