import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cachePath } from './cache.ts';
import { command } from './command.ts';
import type { PushedRecipe } from './images.ts';
import { debianLayer, filesLayer } from './layers.ts';
import { installed } from './packages.ts';
import { mirroredName } from './registry.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The agent's image, made and pushed by the command of the README: from the project's Containerfile, on a base
 * image made here in the place of Docker Hub's. Buildah's storage is kept, so that packages are installed once.
 */
export const agentImage: PushedRecipe = {
  push: async (registry, reference) => {
    await installed({ buildah: 'buildah' });
    const environment = await storage();
    const base = await baseImage(environment);
    const { repository, tag } = mirroredName(reference);
    console.error(`building the agent's image with Buildah`);
    await command(
      process.execPath,
      [
        ...['--import', 'tsx', 'scripts/agent-image.ts'],
        ...['--with=buildah', `--base=${base}`, '--insecure', `${registry}/${repository}:${tag}`],
      ],
      { cwd: root, env: environment },
    );
    // What it was built from before.
    await command('buildah', ['rmi', '--prune'], { env: environment });
    return digestOf(registry, repository, tag);
  },
};

type Environment = Readonly<Record<string, string>>;

/** For a storage of its own, where containers run without a runtime, and steps that are known are not run again. */
async function storage(): Promise<Environment> {
  const folder = cachePath('buildah');
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'storage.conf');
  const lines = [
    '[storage]',
    'driver = "overlay"',
    `graphroot = ${JSON.stringify(join(folder, 'graph'))}`,
    `runroot = ${JSON.stringify(join(folder, 'run'))}`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return { CONTAINERS_STORAGE_CONF: file, BUILDAH_ISOLATION: 'chroot', BUILDAH_LAYERS: 'true' };
}

/** What node:20-bookworm-slim is, as far as it matters: Debian 12 with this machine's Node, and npm beside it. */
async function baseImage(environment: Environment): Promise<string> {
  const buildah = (...args: string[]): Promise<string> => command('buildah', args, { env: environment });
  const script = { text: '#!/usr/local/bin/node\n', mode: 0o755 };
  const layers = [
    await debianLayer([]),
    await filesLayer({
      'usr/local/bin/node': { copy: process.execPath, mode: 0o755 },
      'usr/local/lib/node_modules/npm/bin/npm-cli.js': script,
      'usr/local/bin/npm': { link: '../lib/node_modules/npm/bin/npm-cli.js' },
      'opt/yarn-v1.22.22/bin/yarn': script,
      'usr/local/bin/yarn': { link: '/opt/yarn-v1.22.22/bin/yarn' },
    }),
  ];
  const key = createHash('sha256')
    .update(layers.map(({ digest }) => digest).join())
    .digest('hex');
  const name = `localhost/keelson-node-base:${key.slice(0, 16)}`;
  if ((await buildah('images', '--quiet', '--filter', `reference=${name}`)).trim() !== '') return name;
  const container = (await buildah('from', 'scratch')).trim();
  try {
    for (const { path } of layers) await buildah('add', '--quiet', container, path, '/');
    await buildah('commit', '--quiet', container, name);
  } finally {
    await buildah('rm', container);
  }
  return name;
}

async function digestOf(registry: string, repository: string, tag: string): Promise<string> {
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const url = `http://${registry}/v2/${repository}/manifests/${tag}`;
  const digest = (await fetch(url, { method: 'HEAD', headers: { accept } })).headers.get(
    'docker-content-digest',
  );
  if (digest === null) throw new Error(`${url} has no digest: the agent's image was not pushed`);
  return digest;
}
