import { mkdir, readdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { cached, cachePath, exists } from './cache.ts';
import { command } from './command.ts';
import { Missing } from './missing.ts';

const environment = { DEBIAN_FRONTEND: 'noninteractive' };
const howToGet = 'the node is put together from Debian packages, on Debian 12 or a release like it';

// Another apt may be at work.
const patience = ['-o', 'DPkg::Lock::Timeout=300'];

let updated: Promise<string> | undefined;

/** Fetches the package lists, at most once per run. */
function update(): Promise<string> {
  updated ??= command('apt-get', ['update', '--quiet'], { env: environment, howToGet });
  return updated;
}

/** Installs the packages whose programs are not on the PATH; for programs that are no daemons. */
export async function installed(packageOf: Readonly<Record<string, string>>): Promise<void> {
  const wanted: string[] = [];
  for (const [program, name] of Object.entries(packageOf)) {
    if (!(await onPath(program))) wanted.push(name);
  }
  if (wanted.length === 0) return;
  if (process.getuid?.() !== 0)
    throw new Missing(`${wanted.join(', ')} missing: apt-get install them, or run as root`);
  await update();
  await command(
    'apt-get',
    ['install', '--yes', '--quiet', '--no-install-recommends', ...patience, ...wanted],
    {
      env: environment,
      howToGet,
    },
  );
}

async function onPath(program: string): Promise<boolean> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  for (const folder of folders) if (await exists(join(folder, program))) return true;
  return false;
}

/**
 * A folder with the contents of the given packages. Daemons are unpacked and not installed: installing
 * would start and enable their services, and `containerd` would replace a Docker that the machine has.
 */
export function unpacked(names: readonly string[]): Promise<string> {
  return cached(cachePath('packages', names.join('+')), async (unfinished) => {
    const downloads = join(unfinished, 'downloads');
    await mkdir(downloads, { recursive: true });
    await update();
    await command('apt-get', ['download', '--quiet', ...names], {
      cwd: downloads,
      env: environment,
      howToGet,
    });
    for (const file of await readdir(downloads)) {
      await command('dpkg-deb', ['--extract', join(downloads, file), unfinished], { howToGet });
    }
  });
}
