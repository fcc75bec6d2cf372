import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** What GitHub says where it refuses. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly unknown[];

  constructor(status: number, message: string, errors: readonly unknown[] = []) {
    super(message);
    this.status = status;
    this.errors = errors;
  }
}

/** A release as the server keeps it. */
export interface StoredRelease {
  readonly id: number;
  tag_name: string;
  target_commitish: string;
  name: string;
  body: string;
  draft: boolean;
  prerelease: boolean;
  readonly assets: StoredAsset[];
}

/** An asset as the server keeps it. */
export interface StoredAsset {
  readonly id: number;
  readonly name: string;
  state: 'starter' | 'uploaded';
  size: number;
  content: Buffer;
}

/** What a tag points to. */
export interface GitObject {
  readonly type: 'commit' | 'tag';
  readonly sha: string;
}

const FIELDS: Readonly<Record<string, string>> = {
  tag_name: 'string',
  target_commitish: 'string',
  name: 'string',
  body: 'string',
  draft: 'boolean',
  prerelease: 'boolean',
  make_latest: 'string',
};

/** The releases and tags of one repository. */
export class FakeReleases {
  readonly repository: string;
  readonly releases: StoredRelease[] = [];
  /** What each tag points to. */
  readonly tags: Map<string, GitObject> = new Map();
  /** Annotated tags by their own object name. */
  readonly tagObjects: Map<string, GitObject> = new Map();
  /** Commits that the repository has; all, where it is undefined. */
  commits: Set<string> | undefined;
  /** Whether assets have a digest, as on github.com. */
  digests = true;
  #next = 1;

  constructor(repository: string) {
    this.repository = repository;
  }

  /** A release that is there before. */
  add(release: Partial<StoredRelease>): StoredRelease {
    const added = {
      id: this.#next++,
      tag_name: '',
      target_commitish: 'main',
      name: '',
      body: '',
      draft: false,
      prerelease: false,
      assets: [],
      ...release,
    };
    this.releases.push(added);
    return added;
  }

  /** An asset that is there before. */
  attach(
    release: StoredRelease,
    name: string,
    content: Buffer,
    state: StoredAsset['state'] = 'uploaded',
  ): StoredAsset {
    const asset = { id: this.#next++, name, state, size: content.length, content };
    release.assets.push(asset);
    return asset;
  }

  /** Answers a request of the API other than an upload; undefined is 204. */
  answer(method: string, path: string, query: URLSearchParams, body: unknown, uploadBase: string): unknown {
    const base = `/repos/${this.repository}/`;
    if (!path.startsWith(base)) throw new Refusal(404, 'Not Found');
    const parts = path.slice(base.length).split('/').map(decodeURIComponent);
    const shown = (release: StoredRelease): unknown => this.#shown(release, uploadBase);
    const [first, second, third, ...more] = parts;
    if (more.length > 0) throw new Refusal(404, 'Not Found');
    if (first === 'git' && method === 'GET') return this.#git(second, third);
    if (first !== 'releases') throw new Refusal(404, 'Not Found');
    if (second === undefined && method === 'GET') return page([...this.releases].reverse(), query).map(shown);
    if (second === undefined && method === 'POST') return shown(this.#create(fields(body)));
    if (second === 'tags' && third !== undefined && method === 'GET') {
      return shown(found(this.releases.find(({ tag_name, draft }) => tag_name === third && !draft)));
    }
    if (second === 'assets' && third !== undefined && method === 'DELETE')
      return this.#deleteAsset(Number(third));
    const release = found(this.releases.find(({ id }) => String(id) === second));
    if (third === 'assets' && method === 'GET')
      return page(release.assets, query).map((asset) => this.#asset(asset));
    if (third !== undefined) throw new Refusal(404, 'Not Found');
    if (method === 'GET') return shown(release);
    if (method === 'PATCH') return shown(this.#change(release, fields(body)));
    if (method === 'DELETE') return void this.releases.splice(this.releases.indexOf(release), 1);
    throw new Refusal(404, 'Not Found');
  }

  /** Takes an upload; `cut` closes the connection in the middle of it. */
  async upload(
    id: number,
    query: URLSearchParams,
    request: IncomingMessage,
    cut: boolean,
    each: () => Promise<void>,
  ): Promise<unknown> {
    const release = found(this.releases.find((one) => one.id === id));
    const name = renamed(query.get('name') ?? '');
    const length = Number(request.headers['content-length']);
    if (name === '') throw new Refusal(400, 'name is missing');
    if (!(length > 0)) throw new Refusal(400, `Bad Content-Length: ${request.headers['content-length']}`);
    if (release.assets.some((asset) => asset.name === name)) {
      request.resume();
      throw new Refusal(422, 'Validation Failed', [
        { resource: 'ReleaseAsset', code: 'already_exists', field: 'name' },
      ]);
    }
    if (release.assets.length >= 1000) throw new Refusal(422, 'too many assets');
    const asset = this.attach(release, name, Buffer.alloc(0), 'starter');
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      await each();
      if (cut && size >= length / 2) {
        request.destroy();
        throw new Error('cut');
      }
    }
    if (size !== length) throw new Error('not all of it');
    asset.content = Buffer.concat(chunks);
    asset.size = asset.content.length;
    asset.state = 'uploaded';
    return this.#asset(asset);
  }

  #git(what: string | undefined, name: string | undefined): unknown {
    if (what === 'ref')
      return { ref: `refs/${name}`, object: found(this.tags.get(name?.replace(/^tags\//, '') ?? '')) };
    if (what === 'tags') return { sha: name, object: found(this.tagObjects.get(name ?? '')) };
    throw new Refusal(404, 'Not Found');
  }

  #create({
    tag_name,
    target_commitish = 'main',
    name = '',
    body = '',
    draft = false,
    prerelease = false,
  }: Partial<StoredRelease>): StoredRelease {
    if (!tag_name) throw new Refusal(422, 'tag_name is missing');
    if (draft) return this.add({ tag_name, target_commitish, name, body, draft, prerelease });
    this.#publish(tag_name, target_commitish, undefined);
    return this.add({ tag_name, target_commitish, name, body, draft, prerelease });
  }

  #change(release: StoredRelease, change: Partial<StoredRelease>): StoredRelease {
    const next = { ...release, ...change };
    if (release.draft && !next.draft) this.#publish(next.tag_name, next.target_commitish, release);
    return Object.assign(release, change);
  }

  #publish(tag: string, commitish: string, release: StoredRelease | undefined): void {
    if (this.releases.some((other) => other !== release && !other.draft && other.tag_name === tag)) {
      throw new Refusal(422, 'Validation Failed', [
        { resource: 'Release', code: 'already_exists', field: 'tag_name' },
      ]);
    }
    if (this.tags.has(tag)) return;
    if (this.commits !== undefined && !this.commits.has(commitish)) {
      throw new Refusal(422, 'Validation Failed', [
        { resource: 'Release', code: 'invalid', field: 'target_commitish' },
      ]);
    }
    this.tags.set(tag, { type: 'commit', sha: commitish });
  }

  #deleteAsset(id: number): undefined {
    const release = found(this.releases.find(({ assets }) => assets.some((asset) => asset.id === id)));
    release.assets.splice(
      release.assets.findIndex((asset) => asset.id === id),
      1,
    );
  }

  #shown({ assets, ...release }: StoredRelease, uploadBase: string): unknown {
    return {
      ...release,
      assets: assets.map((asset) => this.#asset(asset)),
      html_url: `https://github.example/${this.repository}/releases/tag/${release.tag_name}`,
      upload_url: `${uploadBase}/repos/${this.repository}/releases/${release.id}/assets{?name,label}`,
    };
  }

  #asset({ content, ...asset }: StoredAsset): unknown {
    const digest =
      this.digests && asset.state === 'uploaded'
        ? `sha256:${createHash('sha256').update(content).digest('hex')}`
        : null;
    return { ...asset, label: '', content_type: 'application/octet-stream', digest };
  }
}

/** As gh, the command, has found out: https://github.com/cli/cli/blob/trunk/pkg/cmd/release/upload/upload.go */
function renamed(name: string): string {
  return name
    .replace(/^\./, 'default.')
    .replace(/[^A-Za-z0-9_+@-]+/g, '.')
    .replace(/^\.+|\.+$/g, '');
}

function page<T>(all: readonly T[], query: URLSearchParams): T[] {
  const size = Number(query.get('per_page') ?? 30);
  const number = Number(query.get('page') ?? 1);
  if (!(size >= 1 && size <= 100 && number >= 1)) throw new Refusal(422, 'wrong page');
  return all.slice((number - 1) * size, number * size);
}

function fields(body: unknown): Partial<StoredRelease> {
  for (const [name, value] of Object.entries(body ?? {})) {
    if (FIELDS[name] === undefined || typeof value !== FIELDS[name])
      throw new Refusal(422, `Invalid request: ${name}`);
  }
  const { make_latest, ...release } = (body ?? {}) as Partial<StoredRelease> & { make_latest?: string };
  if (make_latest !== undefined && !['true', 'false', 'legacy'].includes(make_latest))
    throw new Refusal(422, 'make_latest');
  return release;
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Refusal(404, 'Not Found');
  return value;
}
