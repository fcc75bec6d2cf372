import { realpath } from 'node:fs/promises';
import { imagesOf, KeelsonApp } from 'keelson';
import { agentImage } from '../cluster/agent-image.ts';
import { command } from '../cluster/command.ts';
import {
  onBusybox,
  onDebian,
  type PushedRecipe,
  type Recipe,
  type RecipeName,
  type WantedImage,
} from '../cluster/images.ts';
import { filesLayer, type LayerFiles } from '../cluster/layers.ts';
import { installed } from '../cluster/packages.ts';
import { imagesProgram } from './kinds-pipelines.ts';
import { BASE_IMAGE, pipelineProgram, REGISTRY_PORT } from './pipeline.ts';
import { KEEL_BIN, MAKISU_BIN } from './programs.ts';

/** How the images that the program names are made here, by the last part of their names. */
const RECIPES: Readonly<Record<string, RecipeName | Recipe | PushedRecipe>> = {
  agent: agentImage,
  buildah: 'buildah',
  minio: 'minio',
  rabbitmq: 'rabbitmq',
  redis: 'redis',
  registry: 'registry',
  stable: 'buildah', // quay.io/skopeo/stable
  ...(KEEL_BIN !== undefined && { keel: keel(KEEL_BIN) }),
  ...(MAKISU_BIN !== undefined && { makisu: makisu(MAKISU_BIN) }),
};

function keel(binary: string): Recipe {
  return onDebian({ 'usr/bin/keel': { copy: binary, mode: 0o755 } }, { Entrypoint: ['/bin/keel'] });
}

/** The official image holds the one program, too. */
function makisu(binary: string): Recipe {
  const program = 'makisu-internal/makisu';
  return {
    layers: async () => [await filesLayer({ [program]: { copy: binary, mode: 0o755 } })],
    config: { Entrypoint: [`/${program}`] },
  };
}

/** Every image that the pipelines name and don't build themselves, and the one that their FROM will name. */
export function programImages(): WantedImage[] {
  const node = '192.0.2.1';
  const git = `http://${node}/project.git`;
  const one = new KeelsonApp();
  pipelineProgram(one, { node, git, github: `https://${node}` });
  const other = new KeelsonApp();
  imagesProgram(other, { node, nodeName: 'node', git, directory: '/directory' });
  const images = new Map([...imagesOf(one), ...imagesOf(other)].map((image) => [image.name, image]));
  const named = [...images.values()].flatMap(({ name, built }) => {
    const recipe = RECIPES[/([^/:]+)(:[^/:]+)?$/.exec(name)?.[1] ?? ''];
    if (built || (KEEL_BIN === undefined && name.includes('/keel:'))) return [];
    if (recipe === undefined) throw new Error(`no recipe for ${name}: add one to test/e2e/images.ts`);
    return [{ reference: name, recipe }];
  });
  return [...named, { reference: BASE_IMAGE, recipe: baseImage }];
}

/** A small image with Node, a shell and its tools, for the project's own. */
const baseImage: Recipe = {
  layers: async () => onBusybox(await nodeFiles(), {}).layers(),
  config: { Env: ['PATH=/usr/local/bin:/bin'] },
};

async function nodeFiles(): Promise<LayerFiles> {
  const libraries = (await command('ldd', [process.execPath])).matchAll(/(\/\S+) \(0x/g);
  const copies: Record<string, { copy: string; mode: number }> = {};
  for (const [, path = ''] of libraries) copies[path.slice(1)] = { copy: await realpath(path), mode: 0o755 };
  return {
    ...copies,
    'usr/local/bin/node': { copy: process.execPath, mode: 0o755 },
    'etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\n' },
    root: { directory: { mode: 0o700 } },
  };
}

/** Copies the image of FROM into the pipeline's own registry, in the format that Makisu reads too. */
export async function pushBaseImage(nodeRegistry: string, nodeAddress: string): Promise<void> {
  await installed({ skopeo: 'skopeo' });
  await command('skopeo', [
    ...['copy', '--quiet', '--format=v2s2', '--src-tls-verify=false', '--dest-tls-verify=false'],
    ...[`docker://${nodeRegistry}/${BASE_IMAGE}`, `docker://${nodeAddress}:${REGISTRY_PORT}/${BASE_IMAGE}`],
  ]);
}
