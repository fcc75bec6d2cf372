import { Octokit } from '@octokit/core';
import { type Asset, readAsset } from './assets.ts';
import { boundedFetch } from './bounded-fetch.ts';
import {
  type AssetEntry,
  assetEntry,
  type ReleaseEntry,
  record,
  releaseEntry,
  unexpected,
} from './github-entries.ts';
import { GitHubError, gitHubError } from './github-error.ts';
import type { ReleasePlan } from './release-plan.ts';
import { uploadUrl } from './upload-url.ts';

/** Where releases are made, and by whom. */
export interface GitHubOptions {
  readonly apiUrl: string;
  /** Owner and name. */
  readonly repository: string;
  readonly token: string;
  readonly signal: AbortSignal;
  readonly idleMs?: number;
}

const IDLE_MS = 60_000;
/** A page holds 100 releases, whose texts have up to 125,000 characters each. */
const MAX_BYTES = 64 * 1024 * 1024;
const PER_PAGE = 100;
/** GitHub lists no more than 10,000 releases. */
const MAX_PAGES = 100;
const MAX_TAGS_OF_TAGS = 5;

type Parameters = Readonly<Record<string, unknown>>;

/** GitHub's API, as far as releases need it. Every method throws a {@link GitHubError}. */
export class GitHub {
  readonly #octokit: Octokit;
  readonly #options: GitHubOptions;
  readonly #repository: { readonly owner: string; readonly repo: string };
  #changes = 0;

  constructor(options: GitHubOptions) {
    const { apiUrl, repository, token, signal, idleMs = IDLE_MS } = options;
    this.#options = options;
    const [owner = '', repo = ''] = repository.split('/');
    this.#repository = { owner, repo };
    const quiet = (): void => {};
    this.#octokit = new Octokit({
      auth: token,
      baseUrl: apiUrl.replace(/\/+$/, ''),
      userAgent: 'keelson-agent',
      request: { fetch: boundedFetch({ idleMs, maxBytes: MAX_BYTES, signal }) },
      // Only news of deprecated parts of the API.
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    });
  }

  /** How often something was changed on GitHub. */
  get changes(): number {
    return this.#changes;
  }

  /** The commit that a tag is for, an annotated one too; undefined where there is no such tag. */
  async commitOfTag(tag: string): Promise<string | undefined> {
    const found = await this.#found('GET /repos/{owner}/{repo}/git/ref/{ref}', { ref: `tags/${tag}` });
    let object = record(found)['object'];
    for (let depth = 0; depth < MAX_TAGS_OF_TAGS && record(object)['type'] === 'tag'; depth += 1) {
      const { sha: tag_sha } = record(object);
      object = record(await this.#request('GET /repos/{owner}/{repo}/git/tags/{tag_sha}', { tag_sha }))[
        'object'
      ];
    }
    return found === undefined ? undefined : String(record(object)['sha']);
  }

  /** The release of a tag; undefined where there is none, or only a draft. */
  async publishedRelease(tag: string): Promise<ReleaseEntry | undefined> {
    const found = await this.#found('GET /repos/{owner}/{repo}/releases/tags/{tag}', { tag });
    return found === undefined ? undefined : releaseEntry(found);
  }

  /** The release with an id; undefined where there is none. */
  async release(release_id: number): Promise<ReleaseEntry | undefined> {
    const found = await this.#found('GET /repos/{owner}/{repo}/releases/{release_id}', { release_id });
    return found === undefined ? undefined : releaseEntry(found);
  }

  /** All drafts: they are found by no tag. */
  async drafts(): Promise<ReleaseEntry[]> {
    const all = await this.#pages('GET /repos/{owner}/{repo}/releases', {});
    return all.map(releaseEntry).filter(({ draft }) => draft);
  }

  /** Makes a draft. */
  async createDraft({ tag, commit, body, prerelease }: ReleasePlan): Promise<ReleaseEntry> {
    const parameters = { tag_name: tag, target_commitish: commit, name: tag, body, draft: true, prerelease };
    return releaseEntry(await this.#change('POST /repos/{owner}/{repo}/releases', parameters));
  }

  /** Publishes a draft. It becomes the latest release where its version is the highest. */
  async publish(release_id: number, { tag, commit, prerelease }: ReleasePlan): Promise<void> {
    await this.#change('PATCH /repos/{owner}/{repo}/releases/{release_id}', {
      release_id,
      tag_name: tag,
      target_commitish: commit,
      draft: false,
      prerelease,
      make_latest: 'legacy',
    });
  }

  /** Deletes a release, and leaves the tag. */
  async deleteRelease(release_id: number): Promise<void> {
    await this.#change('DELETE /repos/{owner}/{repo}/releases/{release_id}', { release_id });
  }

  /** What is attached to a release. */
  async assets(release_id: number): Promise<AssetEntry[]> {
    const all = await this.#pages('GET /repos/{owner}/{repo}/releases/{release_id}/assets', { release_id });
    return all.map(assetEntry);
  }

  /** Deletes an asset. */
  async deleteAsset(asset_id: number): Promise<void> {
    await this.#change('DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}', { asset_id });
  }

  /** Attaches an asset to a release. */
  async upload(release: ReleaseEntry, asset: Asset): Promise<AssetEntry> {
    const url = uploadUrl(release.uploadUrl, this.#options.apiUrl, asset.name);
    const data = await readAsset(asset);
    const headers = { 'content-type': 'application/octet-stream', 'content-length': asset.size };
    try {
      return assetEntry(await this.#change(`POST ${url}`, { data, headers }));
    } finally {
      data.destroy();
    }
  }

  async #pages(route: string, parameters: Parameters): Promise<unknown[]> {
    const all: unknown[] = [];
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const some = await this.#request(route, { ...parameters, per_page: PER_PAGE, page });
      if (!Array.isArray(some)) throw unexpected('list');
      all.push(...some);
      if (some.length < PER_PAGE) break;
    }
    return all;
  }

  async #found(route: string, parameters: Parameters): Promise<unknown> {
    try {
      return await this.#request(route, parameters);
    } catch (error) {
      if (error instanceof GitHubError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #change(route: string, parameters: Parameters): Promise<unknown> {
    const result = await this.#request(route, parameters);
    this.#changes += 1;
    return result;
  }

  async #request(route: string, parameters: Parameters): Promise<unknown> {
    const { token, signal, repository } = this.#options;
    const shown = route.replace('{owner}/{repo}', repository);
    try {
      const { status, data } = await this.#octokit.request(route, {
        ...this.#repository,
        ...parameters,
        headers: { 'x-github-api-version': '2022-11-28', ...record(parameters['headers']) },
      });
      if (status < 300) return data;
      throw new GitHubError(
        `${shown}: GitHub answered ${status}: the repository has moved: give its new name`,
        false,
        status,
      );
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof GitHubError ? error : gitHubError(error, shown, token);
    }
  }
}
