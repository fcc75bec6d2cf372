import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cached, cachePath, exists } from './cache.ts';
import { command } from './command.ts';
import { installed } from './packages.ts';

/** A layer of an image: an uncompressed tar archive, whose digest is then the same packed and unpacked. */
export interface Layer {
  readonly path: string;
  readonly digest: string;
  readonly size: number;
}

/** What a file of a layer is: a text, a copy of a file on this machine, a symbolic link or a folder. */
export type LayerFile =
  | { readonly text: string; readonly mode?: number }
  | { readonly copy: string; readonly mode?: number; readonly capabilities?: string }
  | { readonly link: string }
  | { readonly directory: { readonly mode: number } };

/** Files by their path in the image, without a leading slash; all belong to root. */
export type LayerFiles = Readonly<Record<string, LayerFile>>;

/** A layer with the given files. */
export async function filesLayer(files: LayerFiles): Promise<Layer> {
  // A copied file counts by what tells versions of it apart, so that large ones are not read every time.
  const sources: unknown[] = [];
  for (const file of Object.values(files)) {
    if ('copy' in file) sources.push(await stat(file.copy).then(({ size, mtimeMs }) => [size, mtimeMs]));
  }
  return layer(`files-${hash(JSON.stringify([files, sources]))}`, async (archive) => {
    const root = `${archive}.root`;
    // Links last: by then the folders are there that a link may stand for.
    for (const [path, file] of Object.entries(files)) await write(join(root, path), file);
    const reproducible = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    const capable = Object.values(files).some((file) => 'copy' in file && file.capabilities !== undefined);
    const attributes = capable ? ['--xattrs', '--xattrs-include=security.capability'] : [];
    await command('tar', [
      ...['--create', '--file', archive, '--directory', root],
      ...[...reproducible, ...attributes, '.'],
    ]);
    await rm(root, { recursive: true });
  });
}

async function write(path: string, file: LayerFile): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if ('link' in file) {
    await symlink(file.link, path);
  } else if ('directory' in file) {
    await mkdir(path, { recursive: true });
    await chmod(path, file.directory.mode);
  } else {
    if ('copy' in file) await copyFile(file.copy, path);
    else await writeFile(path, file.text);
    await chmod(path, file.mode ?? 0o644);
    if ('copy' in file && file.capabilities !== undefined) {
      await installed({ setcap: 'libcap2-bin' });
      await command('setcap', [file.capabilities, path]);
    }
  }
}

/** Debian 12 with the given packages. One root for all services: it is pushed and unpacked only once. */
export function debianLayer(packages: readonly string[]): Promise<Layer> {
  return layer(`debian-${hash(packages.join())}`, async (archive) => {
    console.error(`making a Debian root with ${packages.join(', ') || 'nothing more'}`);
    await installed({ mmdebstrap: 'mmdebstrap' });
    // Small synchronous writes dominate: in memory it takes a third of the time.
    const memory = (await exists('/dev/shm')) ? { TMPDIR: '/dev/shm' } : {};
    const documentation = ['doc', 'man', 'locale', 'info'];
    await command(
      'mmdebstrap',
      [
        ...['--variant=minbase', '--mode=root', '--format=tar'],
        ...(packages.length > 0 ? [`--include=${packages.join()}`] : []),
        ...documentation.map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
        // A secret that all containers would share, and of root only.
        '--customize-hook=rm -f "$1/var/lib/rabbitmq/.erlang.cookie"',
        ...['bookworm', archive],
      ],
      { env: { SOURCE_DATE_EPOCH: '0', ...memory } },
    );
  });
}

async function layer(key: string, make: (archive: string) => Promise<void>): Promise<Layer> {
  const folder = await cached(cachePath('layers', key), async (unfinished) => {
    await mkdir(unfinished, { recursive: true });
    const archive = join(unfinished, 'making.tar');
    await make(archive);
    const sum = createHash('sha256');
    await pipeline(createReadStream(archive), sum);
    await writeFile(join(unfinished, 'digest'), `sha256:${sum.digest('hex')}`);
    await rename(archive, join(unfinished, 'layer.tar'));
  });
  const path = join(folder, 'layer.tar');
  return { path, digest: await readFile(join(folder, 'digest'), 'utf8'), size: (await stat(path)).size };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
