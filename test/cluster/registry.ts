import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Layer } from './layers.ts';
import type { Machine } from './machine.ts';
import { unpacked } from './packages.ts';
import type { Processes } from './processes.ts';

/** The part of an image's configuration that says how to run it, as in the OCI image specification. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly User?: string;
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** Starts a registry in the machine; it serves plain HTTP to pods, to containerd and to this side. */
export async function startRegistry(
  processes: Processes,
  machine: Machine,
  directory: string,
): Promise<string> {
  const program = join(await unpacked(['docker-registry']), 'usr/bin/docker-registry');
  const address = `${machine.address}:5000`;
  await mkdir(join(directory, 'registry'));
  const config = join(directory, 'registry.json');
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      log: { level: 'warn', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, 'registry') }, delete: { enabled: true } },
      http: { addr: address },
    }),
  );
  const [enter = '', ...within] = machine.enter;
  processes.start('registry', enter, [...within, program, 'serve', config]);
  await processes.until('registry', async () => (await fetch(`http://${address}/v2/`)).ok);
  return address;
}

/** Where an image of that reference is on a registry that mirrors all others: the host's name counts not. */
export function mirroredName(reference: string): { repository: string; tag: string } {
  const [first = '', ...rest] = reference.split('/');
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const onDockerHub = !hasHost || first === 'docker.io';
  const path = hasHost ? rest : [first, ...rest];
  const [name = '', tag = 'latest'] = path.join('/').split(':');
  return { repository: onDockerHub && path.length === 1 ? `library/${name}` : name, tag };
}

/** Pushes an image of the given layers under the reference's repository and tag; returns its digest. */
export async function push(
  registry: string,
  reference: string,
  layers: readonly Layer[],
  config: ImageConfig,
): Promise<string> {
  const { repository, tag } = mirroredName(reference);
  for (const layer of layers) {
    await pushBlob(registry, repository, layer.digest, () => ({
      body: Readable.toWeb(createReadStream(layer.path)) as ReadableStream,
      size: layer.size,
    }));
  }
  const image = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config,
    // Buildah builds on no image that has fewer steps than layers.
    history: layers.map(() => ({ created_by: 'a test' })),
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const imageDigest = sha256(image);
  await pushBlob(registry, repository, imageDigest, () => ({ body: image, size: Buffer.byteLength(image) }));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: imageDigest,
      size: Buffer.byteLength(image),
    },
    layers: layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size,
    })),
  });
  await call(`http://${registry}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType },
    body: manifest,
  });
  return sha256(manifest);
}

/** Repositories by the blobs that they got: a registry can mount a blob from one into another. */
const homes = new Map<string, string>();

async function pushBlob(
  registry: string,
  repository: string,
  digest: string,
  content: () => { body: string | ReadableStream; size: number },
): Promise<void> {
  const blobs = `http://${registry}/v2/${repository}/blobs`;
  if ((await fetch(`${blobs}/${digest}`, { method: 'HEAD' })).ok) return;
  const key = `${registry} ${digest}`;
  const home = homes.get(key);
  homes.set(key, repository);
  const mount = home === undefined ? '' : `?mount=${digest}&from=${home}`;
  const start = await call(`${blobs}/uploads/${mount}`, { method: 'POST' });
  if (start.status === 201) return;
  const upload = new URL(start.headers.get('location') ?? '', blobs);
  upload.searchParams.set('digest', digest);
  const { body, size } = content();
  await call(upload, {
    method: 'PUT',
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(size) },
    body,
    duplex: 'half',
  });
}

async function call(url: URL | string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${text}`);
  return response;
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
