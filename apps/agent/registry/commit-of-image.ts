import type { RegistryClient } from './registry-client.ts';
import { RegistryError, type RegistryErrorKind } from './registry-error.ts';

/** An image of which the commit is asked. */
export interface TaggedImage {
  /** The repository within the registry. */
  readonly repository: string;
  /** The tag that is watched. */
  readonly tag: string;
  /** What ran, or is to run. */
  readonly digest: string;
  /** Commits that it may well be of, such as the newest of the branch: they are tried before all tags are listed. */
  readonly likely?: readonly string[];
}

const REVISION = 'org.opencontainers.image.revision';
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
/** A tag holds that many digits of a commit; see `tag.commit` of job templates. */
const MAX_DIGITS = 63;
/** Most tags that are asked for their digest, how many at a time, and for how long. */
const MAX_TAGS = 500;
const AT_ONCE = 4;
const SEARCH_MS = 60_000;

/**
 * The commit of an image: that of the tag `TAG-COMMIT` with the same digest, or of the label
 * `org.opencontainers.image.revision`; undefined where there is neither. A tag says more than the label, which
 * an image without one has from the image that it was built FROM.
 *
 * @throws RegistryError where the registry can't be asked now, so that asking later may give another answer
 */
export async function commitOfImage(
  client: RegistryClient,
  { repository, tag, digest, likely = [] }: TaggedImage,
  signal?: AbortSignal,
): Promise<{ readonly commit: string } | undefined> {
  const isOf = async (suffix: string): Promise<boolean> =>
    (await client.digestOf(repository, `${tag}-${suffix}`, signal)) === digest;
  const label = await orElse(undefined, revisionOf(client, repository, digest, signal));
  const expected = [...(label === undefined ? [] : [label]), ...likely].filter((commit) =>
    COMMIT.test(commit),
  );
  for (const commit of new Set(expected)) {
    if (await isOf(commit.slice(0, MAX_DIGITS))) return { commit };
  }
  // An account that may pull may not always list.
  const tags = await orElse([], client.tagsOf(repository, signal), 'unauthorized');
  const commit = (await firstOf(commitsIn(tags, tag), isOf)) ?? label;
  return commit === undefined ? undefined : { commit };
}

async function revisionOf(
  client: RegistryClient,
  repository: string,
  digest: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { [REVISION]: revision = '' } = await client.labelsOf(repository, digest, signal);
  return COMMIT.test(revision) ? revision : undefined;
}

function commitsIn(tags: readonly string[], tag: string): string[] {
  return tags
    .filter((name) => name.startsWith(`${tag}-`))
    .map((name) => name.slice(tag.length + 1))
    .filter((suffix) => COMMIT.test(suffix))
    .slice(0, MAX_TAGS);
}

/** What is taken in place of an answer that no later try would give. */
async function orElse<T>(fallback: T, answer: Promise<T>, ...more: readonly RegistryErrorKind[]): Promise<T> {
  const final: readonly RegistryErrorKind[] = ['missing', 'too-large', 'protocol', ...more];
  try {
    return await answer;
  } catch (error) {
    if (error instanceof RegistryError && final.includes(error.kind)) return fallback;
    throw error;
  }
}

async function firstOf(
  commits: readonly string[],
  matches: (commit: string) => Promise<boolean>,
): Promise<string | undefined> {
  const end = Date.now() + SEARCH_MS;
  for (let start = 0; start < commits.length && Date.now() < end; start += AT_ONCE) {
    const some = commits.slice(start, start + AT_ONCE);
    const found = await Promise.all(some.map(matches));
    const index = found.indexOf(true);
    if (index >= 0) return some[index];
  }
  return undefined;
}
