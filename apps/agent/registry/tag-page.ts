import { RegistryError } from './registry-error.ts';

/** The tags on a page of a list. */
export function tagsIn(body: Buffer): string[] {
  let tags: unknown;
  try {
    ({ tags } = Object(JSON.parse(body.toString('utf8'))) as { tags?: unknown });
  } catch {
    throw new RegistryError('protocol', 'its list of tags is not JSON');
  }
  // Null, where all tags were deleted.
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
}

/**
 * The query of the next page; undefined where this was the last.
 *
 * @param link the answer's Link header
 * @param current the page's URL, whose path the next one has too
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
export function nextPage(link: string | readonly string[] | undefined, current: URL): string | undefined {
  const target = /<([^<>]{1,4096})>\s*;[^<]*\brel="?next\b/i.exec(String(link ?? ''))?.[1];
  if (target === undefined) return undefined;
  const next = URL.canParse(target, current.href) ? new URL(target, current) : undefined;
  if (next?.pathname !== current.pathname || next.search === current.search) {
    throw new RegistryError('protocol', 'the next page of its list of tags is no other page of that list');
  }
  return next.search;
}
