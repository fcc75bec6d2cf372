import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubernetesObject } from './api.ts';
import { cached, cachePath } from './cache.ts';
import { command } from './command.ts';
import { Missing } from './missing.ts';

const sources = join(import.meta.dirname, 'unseal');

/** The program of Sealed Secrets' own code, and for the suite's name what it lacks. */
export interface FoundUnsealer {
  readonly program: string;
  /** Empty where nothing is missing. */
  readonly missing: string;
}

/** Builds the program unless one from the same sources is in the cache. */
export async function findUnsealer(): Promise<FoundUnsealer> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum', 'main.go'])
    hash.update(await readFile(join(sources, file))).update('\0');
  try {
    const program = await cached(cachePath('unseal', hash.digest('hex').slice(0, 16)), async (unfinished) => {
      const env = { GOTOOLCHAIN: 'local', GOWORK: 'off', GOFLAGS: '' };
      const howToGet = 'install Go 1.26 or newer (https://go.dev/dl)';
      await command('go', ['mod', 'download'], { cwd: sources, env, howToGet }).catch(notGot);
      await command('go', ['build', '-buildvcs=false', '-o', unfinished, '.'], { cwd: sources, env });
    });
    return { program, missing: '' };
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    console.warn(`cluster tests: some are skipped; missing: ${error.message}`);
    return { program: '', missing: ` (missing: ${error.message})` };
  }
}

function notGot(error: unknown): never {
  if (error instanceof Missing) throw error;
  throw new Missing('the Go modules of Sealed Secrets, which `go mod download` does not get');
}

/** The Secret that the controller of Sealed Secrets would make. It fails where a value can't be unsealed. */
export async function unseal(
  { program }: FoundUnsealer,
  privateKey: string,
  sealedSecret: KubernetesObject,
): Promise<KubernetesObject> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-unseal-'));
  try {
    const file = join(folder, 'input.json');
    await writeFile(file, JSON.stringify({ privateKey, sealedSecret }), { mode: 0o600 });
    return JSON.parse(await command(program, [file]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
