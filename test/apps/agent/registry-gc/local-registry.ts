import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Debian's is 2.8; `REGISTRY_BIN` is that of any other version. */
export const REGISTRY: string = process.env['REGISTRY_BIN'] || 'docker-registry';
/** Why there is none; empty where there is. */
export const withoutRegistry: string =
  spawnSync(REGISTRY, ['--version']).error === undefined
    ? ''
    : ` (missing: ${REGISTRY}, of the Debian package docker-registry)`;

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

interface Manifest {
  readonly mediaType: string;
  readonly [field: string]: unknown;
}

/** A manifest or an index that was pushed. */
export interface Pushed {
  readonly digest: string;
  readonly size: number;
}

/** A real registry process with a folder of its own, which can be stopped and started again. */
export class LocalRegistry {
  /** Where it keeps its files. */
  readonly directory: string = mkdtempSync(join(tmpdir(), 'keelson-registry-'));
  #port = 0;
  #process: ChildProcess | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get repositories(): string {
    return join(this.directory, 'docker/registry/v2/repositories');
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    const config = this.#configuration('serve.json', {
      // As in the configuration of the addon's image.
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
    });
    const environment = { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' };
    this.#process = spawn(REGISTRY, ['serve', config], { env: environment, stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries++) {
      if (
        await fetch(`${this.url}/v2/`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return;
      await sleep(50);
    }
    throw new Error('the registry did not start');
  }

  async stop(): Promise<void> {
    const ended = this.#process;
    if (ended?.exitCode !== null || ended.signalCode !== null) return;
    const gone = new Promise((resolve) => ended.once('exit', resolve));
    ended.kill('SIGTERM');
    await gone;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What the container `collect` runs. */
  async collect(...flags: readonly string[]): Promise<string> {
    const config = this.#configuration('collect.json', {});
    const { stdout } = await run(REGISTRY, ['garbage-collect', ...flags, config], { maxBuffer: 64 << 20 });
    return stdout;
  }

  /** Pushes an image of such layers; without a tag, as a part of an index. */
  async push(repository: string, tag: string | undefined, ...layers: readonly string[]): Promise<Pushed> {
    const rootfs = { type: 'layers', diff_ids: layers.map((layer) => describe(layer).digest) };
    const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs });
    for (const blob of [config, ...layers]) await this.pushBlob(repository, blob);
    return this.#put(repository, tag, {
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...describe(config) },
      layers: layers.map((layer) => ({
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        ...describe(layer),
      })),
    });
  }

  /** Pushes an index of images that are there. */
  pushIndex(repository: string, tag: string, ...images: readonly Pushed[]): Promise<Pushed> {
    const manifests = images.map(({ digest, size }, index) => ({
      mediaType: MANIFEST,
      digest,
      size,
      platform: { os: 'linux', architecture: index === 0 ? 'amd64' : 'arm64' },
    }));
    return this.#put(repository, tag, { schemaVersion: 2, mediaType: INDEX, manifests });
  }

  async pushBlob(repository: string, content: string): Promise<void> {
    const { digest } = describe(content);
    const blobs = `${this.url}/v2/${repository}/blobs`;
    if ((await fetch(`${blobs}/${digest}`, { method: 'HEAD' })).ok) return;
    const begun = await fetch(`${blobs}/uploads/`, { method: 'POST' });
    const upload = new URL(begun.headers.get('location') ?? '', this.url);
    upload.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const answer = await fetch(upload, { method: 'PUT', headers, body: content });
    if (!answer.ok) throw new Error(`push of a blob: ${answer.status}`);
  }

  /** Pulls an image, or all images of an index, and compares all of it with its digests; says what is wrong. */
  async pull(repository: string, reference: string): Promise<string> {
    const accept = `${MANIFEST}, ${INDEX}`;
    const answer = await fetch(`${this.url}/v2/${repository}/manifests/${reference}`, {
      headers: { accept },
    });
    if (!answer.ok) return `manifest ${answer.status}`;
    const {
      manifests = [],
      config,
      layers = [],
    } = (await answer.json()) as Partial<{
      manifests: Pushed[];
      config: Pushed;
      layers: Pushed[];
    }>;
    for (const { digest } of manifests) {
      const wrong = await this.pull(repository, digest);
      if (wrong !== 'complete') return wrong;
    }
    for (const { digest } of [...(config === undefined ? [] : [config]), ...layers]) {
      const blob = await fetch(`${this.url}/v2/${repository}/blobs/${digest}`);
      const content = Buffer.from(await blob.arrayBuffer());
      if (!blob.ok || sha256(content) !== digest) return `blob ${blob.status}`;
    }
    return 'complete';
  }

  async tags(repository: string): Promise<string[]> {
    const answer = await fetch(`${this.url}/v2/${repository}/tags/list`);
    return (((await answer.json()) as { tags?: string[] | null }).tags ?? []).sort();
  }

  /** Makes a tag as old as that many days; of a manifest or index too, where its digest is given. */
  age(repository: string, days: number, { tag, digest }: { tag?: string; digest?: string }): void {
    const manifests = join(this.repositories, repository, '_manifests');
    const time = Date.now() / 1000 - days * 86_400;
    if (tag !== undefined) utimesSync(join(manifests, 'tags', tag, 'current/link'), time, time);
    if (digest !== undefined) {
      utimesSync(join(manifests, 'revisions', digest.replace(':', '/'), 'link'), time, time);
    }
  }

  /** How many bytes all blobs have. */
  async bytes(): Promise<number> {
    const blobs = join(this.directory, 'docker/registry/v2/blobs');
    const files = await readdir(blobs, { recursive: true, withFileTypes: true });
    const sizes = files.map(async (file) =>
      file.isFile() ? (await stat(join(file.parentPath, file.name))).size : 0,
    );
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  async #put(repository: string, tag: string | undefined, manifest: Manifest): Promise<Pushed> {
    const body = JSON.stringify(manifest);
    const { digest, size } = describe(body);
    const headers = { 'content-type': manifest.mediaType };
    const url = `${this.url}/v2/${repository}/manifests/${tag ?? digest}`;
    const answer = await fetch(url, { method: 'PUT', headers, body });
    if (!answer.ok) throw new Error(`push of a manifest: ${answer.status} ${await answer.text()}`);
    return { digest, size };
  }

  #configuration(name: string, storage: object): string {
    const path = join(this.directory, name);
    const filesystem = { rootdirectory: this.directory };
    const log = { level: 'error', accesslog: { disabled: true } };
    const http = { addr: `127.0.0.1:${this.#port}` };
    writeFileSync(path, JSON.stringify({ version: '0.1', log, storage: { filesystem, ...storage }, http }));
    return path;
  }
}

function describe(content: string): Pushed {
  return { digest: sha256(content), size: Buffer.byteLength(content) };
}

function sha256(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
