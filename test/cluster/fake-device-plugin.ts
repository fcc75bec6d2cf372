import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cached, cachePath } from './cache.ts';
import { command } from './command.ts';
import type { Recipe } from './images.ts';
import { filesLayer } from './layers.ts';

/** What the image says of the node's hardware. */
export interface Hardware {
  /** Whole GPUs. */
  readonly gpus: number;
  /** Partitions of other GPUs, by their profile. */
  readonly mig: Readonly<Record<string, number>>;
}

const sources = join(import.meta.dirname, 'fake-device-plugin');

/**
 * An image that stands in for that of NVIDIA's device plugin: the same command, configuration and sockets, for a node
 * without GPUs.
 */
export function fakeDevicePlugin(hardware: Hardware): Recipe {
  return {
    layers: async () => [
      await filesLayer({
        'usr/bin/nvidia-device-plugin': { copy: await built(), mode: 0o755 },
        'etc/fake-hardware.json': { text: JSON.stringify(hardware) },
      }),
    ],
    config: { Env: ['PATH=/usr/bin'] },
  };
}

/** The program, built from its sources on first use. */
async function built(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(sources)).sort()) hash.update(await readFile(join(sources, name)));
  const path = cachePath('fake-device-plugin', hash.digest('hex').slice(0, 16));
  return cached(path, async (unfinished) => {
    await mkdir(dirname(unfinished), { recursive: true });
    await command('go', ['build', '-buildvcs=false', '-trimpath', '-o', unfinished, '.'], {
      cwd: sources,
      env: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off' },
      howToGet: 'install Go 1.24 or newer (https://go.dev/dl)',
    });
  });
}
