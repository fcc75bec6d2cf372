/** A release as it is on the server. */
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

export interface StoredAsset {
  readonly id: number;
  readonly name: string;
  readonly size: number;
  readonly content: Buffer;
}

/** A request below `/repos/OWNER/NAME/releases`. */
export interface ReleaseRequest {
  readonly method: string;
  /** The parts of the path after `releases`. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly body?: object;
}

const NOT_FOUND: Answer = { status: 404, body: { message: 'Not Found' } };
const TAKEN: Answer = {
  status: 422,
  body: { message: 'Validation Failed', errors: [{ code: 'already_exists' }] },
};
const EMPTY = { tag_name: '', target_commitish: '', name: '', body: '', draft: false, prerelease: false };

/** The releases of one repository, as https://docs.github.com/en/rest/releases has them. */
export class GitHubReleases {
  readonly #url: string;
  readonly #releases: StoredRelease[] = [];
  #lastId = 0;

  /** @param url that of the releases in the API */
  constructor(url: string) {
    this.#url = url;
  }

  /** Newest first. */
  get all(): readonly StoredRelease[] {
    return this.#releases;
  }

  /** What GitHub answers. */
  answer({ method, path, query, body }: ReleaseRequest): Answer {
    const [first = '', second = '', ...rest] = path;
    if (first === '' && method === 'GET') return ok(page(this.#releases, query).map(this.#shown));
    if (first === '' && method === 'POST') return this.#create(body);
    if (first === 'assets' && method === 'DELETE') return this.#deleteAsset(second);
    if (first === 'tags') {
      const tag = decodeURIComponent([second, ...rest].join('/'));
      return this.#one(this.#releases.find(({ tag_name, draft }) => !draft && tag_name === tag));
    }
    const release = this.#releases.find(({ id }) => String(id) === first);
    if (release === undefined) return NOT_FOUND;
    if (second === 'assets' && method === 'GET') return ok(page(release.assets, query).map(shownAsset));
    if (second === 'assets' && method === 'POST') return this.#upload(release, query.get('name') ?? '', body);
    if (second === '' && method === 'PATCH') Object.assign(release, JSON.parse(String(body)));
    return second === '' ? this.#one(release) : NOT_FOUND;
  }

  #create(body: Buffer): Answer {
    const release: StoredRelease = { ...EMPTY, ...JSON.parse(String(body)), id: this.#nextId(), assets: [] };
    if (!release.draft && this.#releases.some((one) => !one.draft && one.tag_name === release.tag_name))
      return TAKEN;
    this.#releases.unshift(release);
    return { status: 201, body: this.#shown(release) };
  }

  #upload(release: StoredRelease, name: string, content: Buffer): Answer {
    if (release.assets.some((asset) => asset.name === name)) return TAKEN;
    const asset = { id: this.#nextId(), name, size: content.length, content };
    release.assets.push(asset);
    return { status: 201, body: shownAsset(asset) };
  }

  #deleteAsset(id: string): Answer {
    for (const { assets } of this.#releases) {
      const index = assets.findIndex((asset) => String(asset.id) === id);
      if (index < 0) continue;
      assets.splice(index, 1);
      return { status: 204 };
    }
    return NOT_FOUND;
  }

  #one(release: StoredRelease | undefined): Answer {
    return release === undefined ? NOT_FOUND : ok(this.#shown(release));
  }

  readonly #shown = (release: StoredRelease): object => ({
    ...release,
    assets: release.assets.map(shownAsset),
    html_url: `${this.#url}/tag/${release.tag_name}`,
    upload_url: `${this.#url}/${release.id}/assets{?name,label}`,
  });

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

function shownAsset({ id, name, size }: StoredAsset): object {
  return { id, name, size, state: 'uploaded' };
}

function ok(body: object): Answer {
  return { status: 200, body };
}

function page<Item>(items: readonly Item[], query: URLSearchParams): Item[] {
  const size = Number(query.get('per_page') ?? 30);
  const number = Number(query.get('page') ?? 1);
  return items.slice((number - 1) * size, number * size);
}
