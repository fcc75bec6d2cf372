import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The repository. */
export const ROOT: string = fileURLToPath(new URL('..', import.meta.url));

/** A compiled program of bench/programs. */
export function program(name: string): string {
  return join(ROOT, 'dist', 'bench', 'programs', `${name}.js`);
}

/** Compiles the library, the reference pipeline and the programs of the benchmark, as `npm run build` does. */
export async function compile(): Promise<void> {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    await run(process.execPath, [compiler, '-p', join(ROOT, 'bench', 'tsconfig.json')]);
    await run(process.execPath, ['--import', 'tsx', join(ROOT, 'scripts', 'bundle.ts')], { cwd: ROOT });
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    throw new Error(`the library does not compile:\n${stdout || String(error)}`);
  }
}

/** The version of Go, or undefined where there is none. */
export async function goVersion(): Promise<string | undefined> {
  try {
    return (await run('go', ['env', 'GOVERSION'])).stdout.trim();
  } catch {
    return undefined;
  }
}

/**
 * Builds a package of a Go module below bench/go.
 *
 * @param name the name of the binary in the cache
 * @param rebuild builds also where the cache has it
 */
export async function goBuild(module: string, pkg: string, name: string, rebuild: boolean): Promise<string> {
  const binary = join(cacheDirectory(), name);
  if (existsSync(binary) && !rebuild) return binary;
  mkdirSync(dirname(binary), { recursive: true });
  const partial = `${binary}.partial`;
  await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', partial, pkg], {
    cwd: join(ROOT, 'bench', 'go', module),
    env: { ...process.env, CGO_ENABLED: '0' },
  });
  // A build that is broken off leaves no half of a binary.
  renameSync(partial, binary);
  return binary;
}

function cacheDirectory(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keelson', 'bench');
}
