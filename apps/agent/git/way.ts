import type { Reach } from './address-policy.ts';
import { GitError } from './git-error.ts';

/** Where a repository is, after redirects. */
export interface GitLocation {
  readonly url: URL;
  readonly reach: Reach;
}

/** Where a repository is, and how its server speaks. */
export interface Way extends GitLocation {
  readonly version: 0 | 2;
  readonly objectFormat: string;
}

const REFS = '/info/refs?service=git-upload-pack';
const MAX_REMEMBERED = 10_000;

/** Where a repository lists its refs, and says what its server speaks. */
export function refsUrl(repository: URL): URL {
  return withPath(repository, REFS);
}

/** Where a repository takes commands. */
export function commandUrl(repository: URL): URL {
  return withPath(repository, '/git-upload-pack');
}

/** The repository's URL, by that of its refs. */
export function repositoryUrl(refs: URL): URL {
  if (!refs.href.endsWith(REFS)) {
    throw new GitError('protocol', `${refs.host} redirects to something else than the refs of a repository`);
  }
  return new URL(refs.href.slice(0, -REFS.length));
}

function withPath(repository: URL, path: string): URL {
  return new URL(`${repository.href.replace(/\/+$/, '')}${path}`);
}

/** Remembers where repositories are that are elsewhere than configured, or whose servers speak otherwise than most. */
export class Ways {
  readonly #ways = new Map<string, Way>();

  /** The way to a repository; where none is remembered, the one that most have. */
  get(key: string, configured: URL): Way {
    return this.#ways.get(key) ?? commonWay(configured);
  }

  remember(key: string, configured: URL, way: Way): void {
    this.#ways.delete(key);
    const common = commonWay(configured);
    if (way.version === 2 && way.objectFormat === 'sha1' && way.url.href === common.url.href) return;
    const [oldest] = this.#ways.keys();
    if (oldest !== undefined && this.#ways.size >= MAX_REMEMBERED) this.#ways.delete(oldest);
    this.#ways.set(key, way);
  }

  forget(key: string): void {
    this.#ways.delete(key);
  }
}

function commonWay(configured: URL): Way {
  return { url: withPath(configured, ''), reach: 'configured', version: 2, objectFormat: 'sha1' };
}
