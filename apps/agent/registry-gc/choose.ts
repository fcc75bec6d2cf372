/** What a repository holds, as far as it decides what is deleted. */
export interface RepositoryContent {
  readonly tags: ReadonlyMap<string, TaggedImage>;
  /** Manifests and indexes by their digest, tagged or not. */
  readonly manifests: ReadonlyMap<string, StoredManifest>;
}

/** What a tag names. */
export interface TaggedImage {
  readonly digest: string;
  /** When it was pushed last, in milliseconds. */
  readonly pushedAt: number;
}

/** A manifest or an index. */
export interface StoredManifest {
  /** When it was pushed last, in milliseconds. */
  readonly pushedAt: number;
  /** The digests that it refers to: an index to manifests, a manifest to blobs. */
  readonly references: readonly string[];
}

/** What is kept of a repository whatever its age. */
export interface Kept {
  readonly tags: ReadonlySet<string>;
  readonly digests: ReadonlySet<string>;
}

/** What is deleted of a repository. */
export interface Choice {
  readonly tags: readonly string[];
  /** Manifests that no tag leads to any more. */
  readonly manifests: readonly string[];
}

const DAY_MS = 86_400_000;
/** Whatever is younger is left alone: a push, a build or a release may be at work on it. */
export const GRACE_MS: number = DAY_MS;
/** Kaniko takes no layer from its cache that is older, unless it is told otherwise. */
const CACHE_MS = 14 * DAY_MS;

/** The second tag of an image build, `TAG-COMMIT`: 40 digits of SHA-1, or 63 of SHA-256. */
const OF_COMMIT = /^(.+)-([0-9a-f]{40}|[0-9a-f]{63})$/;
/** Kaniko names a cached layer by the SHA-256 of what made it. */
const CACHE_KEY = /^[0-9a-f]{64}$/;

/**
 * Chooses what of the images of commits is deleted. Of the tags `TAG-COMMIT` the newest `keepPerBranch` of each TAG are
 * kept, and those of an image that another tag names too. No other tag is deleted.
 */
export function chooseOldCommits(
  content: RepositoryContent,
  keepPerBranch: number,
  kept: Kept,
  now: number,
): Choice {
  const branches = new Map<string, [tag: string, image: TaggedImage][]>();
  const others = new Set<string>(kept.digests);
  for (const [tag, image] of content.tags) {
    const branch = kept.tags.has(tag) ? undefined : OF_COMMIT.exec(tag)?.[1];
    if (branch === undefined) others.add(image.digest);
    else branches.set(branch, [...(branches.get(branch) ?? []), [tag, image]]);
  }
  const tags = [...branches.values()]
    .flatMap((images) => images.sort(newestFirst).slice(keepPerBranch))
    .filter(([, { digest, pushedAt }]) => !others.has(digest) && now - pushedAt > GRACE_MS)
    .map(([tag]) => tag);
  return { tags, manifests: unreachable(content, tags, kept, now) };
}

/** Chooses what of Kaniko's cache is deleted: layers that it would take no more. */
export function chooseOldLayers(content: RepositoryContent, kept: Kept, now: number): Choice {
  const tags = [...content.tags]
    .filter(([tag, { pushedAt }]) => CACHE_KEY.test(tag) && now - pushedAt > CACHE_MS)
    .map(([tag]) => tag);
  return { tags, manifests: unreachable(content, tags, kept, now) };
}

/** The manifests to which no tag leads that stays, neither straight nor through an index. */
function unreachable(
  { tags, manifests }: RepositoryContent,
  deleted: readonly string[],
  kept: Kept,
  now: number,
): string[] {
  const gone = new Set(deleted);
  const reached = new Set<string>();
  const next = [...kept.digests];
  for (const [tag, { digest }] of tags) if (!gone.has(tag)) next.push(digest);
  for (const [digest, { pushedAt }] of manifests) if (now - pushedAt <= GRACE_MS) next.push(digest);
  for (let digest = next.pop(); digest !== undefined; digest = next.pop()) {
    if (reached.has(digest)) continue;
    reached.add(digest);
    next.push(...(manifests.get(digest)?.references ?? []));
  }
  return [...manifests.keys()].filter((digest) => !reached.has(digest));
}

function newestFirst(a: readonly [string, TaggedImage], b: readonly [string, TaggedImage]): number {
  return b[1].pushedAt - a[1].pushedAt;
}
