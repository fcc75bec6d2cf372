// Pushes to a registry and pulls from it, as programs that build images do; and looks at its files.
import { createHash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

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

/** A registry that speaks plain http and asks for no account. */
export abstract class RegistryClient {
  abstract get url(): string;
  /** Its `rootdirectory`, as this process sees it. */
  abstract readonly directory: string;

  get repositories(): string {
    return join(this.directory, 'docker/registry/v2/repositories');
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

  async hasBlob(repository: string, content: string): Promise<boolean> {
    const { digest } = describe(content);
    return (await fetch(`${this.url}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })).ok;
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
}

function describe(content: string): Pushed {
  return { digest: sha256(content), size: Buffer.byteLength(content) };
}

function sha256(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
