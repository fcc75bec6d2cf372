/** Builds and runs the Go program in `decoders/`. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const sources = join(import.meta.dirname, 'decoders');

/** A stream of YAML documents and what its documents must be read as. */
export interface Frame {
  readonly yaml: string;
  readonly expected: readonly unknown[];
}

export interface Difference {
  readonly frame: number;
  readonly decoder: string;
  readonly detail: string;
}

export interface Tally {
  readonly frames: number;
  readonly changed: number;
  readonly errors: number;
}

export interface Report {
  /** The first differences; the tallies count all of them. */
  readonly differences: readonly Difference[];
  readonly decoders: Readonly<Record<string, Tally>>;
}

/** What is missing to run the decoders, or `undefined`. */
export function missing(): string | undefined {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'Go 1.24 or newer is not on the PATH: install it from https://go.dev/dl/ or your package manager';
  }
}

/** Builds the program unless one from the same sources is in the cache, and gives its path. */
export function build(): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go'])
    hash.update(readFileSync(join(sources, file))).update('\0');
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keelson', 'yaml-decoders');
  const program = join(cache, hash.digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  // Renamed when complete, so that a build cut short or a second one at the same time does no harm.
  const unfinished = `${program}.${process.pid}`;
  execFileSync('go', ['build', '-buildvcs=false', '-o', unfinished, '.'], {
    cwd: sources,
    env: { ...process.env, GOTOOLCHAIN: 'local', GOWORK: 'off' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  renameSync(unfinished, program);
  return program;
}

/** Reads all frames with all decoders, in batches so that generating and decoding overlap. */
export async function decode(program: string, batches: Iterable<readonly Frame[]>): Promise<Report> {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exit = once(child, 'close');
  const output = text(child.stdout);
  // A program that ends early is reported by its exit code.
  child.stdin.on('error', () => {});
  for (const batch of batches) {
    if (child.exitCode !== null) break;
    if (!child.stdin.write(Buffer.concat(batch.flatMap(encode))))
      await Promise.race([once(child.stdin, 'drain'), exit]);
  }
  child.stdin.end();
  const [code] = await exit;
  if (code !== 0) throw new Error(`the decoders ended with exit code ${code}`);
  const lines = (await output)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { differences: lines.slice(0, -1), ...lines.at(-1) };
}

function encode({ yaml, expected }: Frame): Buffer[] {
  return [yaml, JSON.stringify(expected)].flatMap((part) => {
    const bytes = Buffer.from(part);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(bytes.length);
    return [size, bytes];
  });
}
