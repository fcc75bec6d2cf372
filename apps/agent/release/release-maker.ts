import type { Log } from '../observe/log.ts';
import { type Asset, digestOfAsset } from './assets.ts';
import type { GitHub } from './github.ts';
import type { AssetEntry, ReleaseEntry } from './github-entries.ts';
import { GitHubError } from './github-error.ts';
import { marker, type ReleasePlan } from './release-plan.ts';

/** What became of a release, for people. */
export interface Made {
  readonly message: string;
}

/**
 * Makes a release, or completes one. It keeps nothing but what it can look up again: a step that failed, or of
 * which nobody knows, is done after the next look where it is still to be done.
 */
export class ReleaseMaker {
  readonly #github: GitHub;
  readonly #plan: ReleasePlan;
  readonly #log: Log;
  /** What was made here: lists that lag behind may not have it yet. */
  #made: number | undefined;
  readonly #digests = new Map<Asset, string>();
  readonly #left = new Set<string>();

  constructor(github: GitHub, plan: ReleasePlan, log: Log) {
    this.#github = github;
    this.#plan = plan;
    this.#log = log;
  }

  /** Looks, and does what is still to be done; undefined as long as it has to look again. */
  async advance(): Promise<Made | undefined> {
    const { tag, commit, assets, draft: staysDraft } = this.#plan;
    const tagged = await this.#github.commitOfTag(tag);
    const { published, drafts } = await this.#look();
    const found = tagged ?? published?.commitish;
    if (found !== undefined && found !== commit) {
      // Nobody can publish them any more.
      if (!staysDraft) await this.#delete(drafts);
      return {
        message: `left alone: the tag ${tag} is for another commit, ${found}, and this one is ${commit}`,
      };
    }
    const release = published ?? drafts[0] ?? (await this.#create());
    await this.#delete(drafts.filter(({ id }) => id !== release.id));
    const before = this.#github.changes;
    await this.#attach(release);
    if (this.#github.changes > before) return undefined;
    if (release.draft && !staysDraft) {
      await this.#github.publish(release.id, this.#plan);
      this.#log.info({ tag, release: release.id }, 'published');
      return undefined;
    }
    const kind = release.draft ? 'a draft is' : 'released';
    return { message: `${kind} ${tag} for commit ${commit} with ${assets.length} assets: ${release.url}` };
  }

  /** The published release, and the drafts of this program for this commit, oldest first. */
  async #look(): Promise<{ readonly published: ReleaseEntry | undefined; readonly drafts: ReleaseEntry[] }> {
    const { tag, commit } = this.#plan;
    const published = await this.#github.publishedRelease(tag);
    const drafts = (await this.#github.drafts()).filter(
      ({ tagName, commitish, body }) =>
        tagName === tag && commitish === commit && body.includes(marker(commit)),
    );
    const made =
      this.#made === undefined || [published, ...drafts].some((entry) => entry?.id === this.#made)
        ? undefined
        : await this.#github.release(this.#made);
    if (made?.draft) drafts.push(made);
    return {
      published: published ?? (made?.draft === false ? made : undefined),
      drafts: drafts.sort((a, b) => a.id - b.id),
    };
  }

  async #create(): Promise<ReleaseEntry> {
    const created = await this.#github.createDraft(this.#plan);
    this.#made = created.id;
    this.#log.info({ tag: this.#plan.tag, release: created.id }, 'draft made');
    return created;
  }

  async #delete(drafts: readonly ReleaseEntry[]): Promise<void> {
    for (const { id } of drafts) {
      await this.#github.deleteRelease(id);
      this.#log.info({ release: id }, 'second draft deleted');
    }
  }

  async #attach(release: ReleaseEntry): Promise<void> {
    const there = new Map((await this.#github.assets(release.id)).map((entry) => [entry.name, entry]));
    for (const asset of this.#plan.assets) {
      const entry = there.get(asset.name);
      if (entry !== undefined) {
        if (entry.state === 'uploaded' && (await this.#isSame(entry, asset))) continue;
        if (entry.state === 'uploaded' && !release.draft) {
          this.#leave(asset.name);
          continue;
        }
        await this.#github.deleteAsset(entry.id);
        this.#log.info({ asset: asset.name, state: entry.state }, 'failed upload deleted');
      }
      await this.#upload(release, asset);
    }
  }

  async #upload(release: ReleaseEntry, asset: Asset): Promise<void> {
    const entry = await this.#github.upload(release, asset);
    if (entry.name !== asset.name) {
      throw new Error(
        `GitHub calls ${asset.name} ${JSON.stringify(entry.name)}, so that it would not be found again: rename it`,
      );
    }
    if (entry.state !== 'uploaded' || !(await this.#isSame(entry, asset))) {
      throw new GitHubError(`GitHub has not taken ${asset.name} as it is`, true);
    }
    this.#log.info({ asset: asset.name, bytes: asset.size }, 'asset uploaded');
  }

  /** Said once. */
  #leave(name: string): void {
    if (this.#left.has(name)) return;
    this.#left.add(name);
    this.#log.warn(
      { asset: name },
      'the published release has another file of this name, which is left as it is',
    );
  }

  async #isSame({ size, digest }: AssetEntry, asset: Asset): Promise<boolean> {
    if (size !== asset.size) return false;
    if (!digest?.startsWith('sha256:')) return true;
    const known = this.#digests.get(asset) ?? (await digestOfAsset(asset));
    this.#digests.set(asset, known);
    return digest === known;
  }
}
