import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a process took, with the children that it waited for. */
export interface Usage {
  /** User and system time. */
  readonly cpuSeconds: number;
  /** The most memory that it had at once. */
  readonly peakMegabytes: number;
}

const GNU_TIME = '/usr/bin/time';
const POLL_MILLISECONDS = 5;

/** How {@link measure} gets the numbers, for the report. */
export function method(): string {
  const memory = hasGnuTime()
    ? `peak memory by ${GNU_TIME} (ru_maxrss of wait4)`
    : 'peak memory by polling VmHWM in /proc';
  return `CPU seconds by bash's time (user and system, children included), ${memory}`;
}

/**
 * Runs a command to its end and asks the operating system what it took. Bash's `time` gives milliseconds
 * where GNU time gives hundredths, and counts children of any language, which Node can't.
 *
 * @throws Error with the command's error output where it fails
 */
export async function measure(command: readonly string[]): Promise<Usage> {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-measure-'));
  try {
    const cpu = join(directory, 'cpu');
    const memory = join(directory, 'memory');
    const timed = hasGnuTime() ? [GNU_TIME, '-f', '%M', '-o', memory, ...command] : command;
    // The shell's own error output is the measurement; the command's goes elsewhere by its own descriptor.
    const script = 'exec 3>&2 2>"$1"; shift; TIMEFORMAT="%3U %3S"; time "$@" 2>&3';
    const child = spawn('bash', ['-c', script, 'bench', cpu, ...timed], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const polled = hasGnuTime() ? undefined : pollMemory(child);
    await finished(child, command);
    const [user = Number.NaN, system = Number.NaN] = readFileSync(cpu, 'utf8').trim().split(' ').map(Number);
    const kilobytes = polled === undefined ? Number(readFileSync(memory, 'utf8')) : polled();
    return { cpuSeconds: user + system, peakMegabytes: kilobytes / 1000 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The least of several runs: whatever else the machine does only ever adds. */
export function least(usages: readonly Usage[]): Usage {
  return {
    cpuSeconds: Math.min(...usages.map(({ cpuSeconds }) => cpuSeconds)),
    peakMegabytes: Math.min(...usages.map(({ peakMegabytes }) => peakMegabytes)),
  };
}

function hasGnuTime(): boolean {
  try {
    accessSync(GNU_TIME, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function finished(child: ChildProcess, command: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command.join(' ')}: exited with ${code}\n${errors}`));
    });
  });
}

/** Watches the largest process below a child. It may miss what happens in the last few milliseconds. */
function pollMemory(child: ChildProcess): () => number {
  let peak = 0;
  const timer = setInterval(() => {
    for (const pid of childrenOf(child.pid)) peak = Math.max(peak, highWaterMark(pid));
  }, POLL_MILLISECONDS);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

function childrenOf(pid: number | undefined): string[] {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean);
}

function highWaterMark(pid: string): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readProc(`${pid}/status`))?.[1] ?? 0);
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
