import { fullGitUrl } from '../../../lib/source/git-url.ts';
import { quoted } from '../archive/quoted.ts';
import type { AddressPolicy } from '../git/address-policy.ts';
import type { Repository } from '../git/repository.ts';
import { parseGitUrl } from '../git/url-policy.ts';
import type { GitRunner } from './git-runner.ts';
import { SourceError } from './source-error.ts';

/**
 * The URLs of a commit's submodules, by path, as its `.gitmodules` has them. Whatever else is in there counts for
 * nothing: names become no paths, and commands are not run.
 *
 * @see https://git-scm.com/docs/gitmodules
 */
export async function submoduleUrls(
  git: GitRunner,
  directory: string,
  commit: string,
): Promise<ReadonlyMap<string, string>> {
  const list = await git(directory, [
    'config',
    '--no-includes',
    `--blob=${commit}:.gitmodules`,
    '--list',
    '-z',
  ]);
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const [, name = '', key = '', value = ''] of list.matchAll(
    /submodule\.([^\n\0]*)\.(path|url)\n([^\0]*)\0/g,
  )) {
    modules.set(name, { ...modules.get(name), [key]: value });
  }
  return new Map([...modules.values()].flatMap(({ path, url }) => (path && url ? [[path, url]] : [])));
}

/**
 * A submodule's repository. It gets the credential only where the repository above has it from the same server.
 *
 * @param url as `.gitmodules` has it, relative to the repository above or not
 * @throws GitError or SourceError where it is refused
 */
export function submoduleRepository(url: string, above: Repository, addresses: AddressPolicy): Repository {
  const base = parseGitUrl(above.url, addresses);
  const full = /^\.{1,2}\//.test(url)
    ? new URL(url, `${base.href.replace(/\/$/, '')}/`).href
    : fullGitUrl(url);
  const parsed = parseGitUrl(full, addresses);
  if (parsed.protocol === 'http:' && base.protocol !== 'http:') {
    throw new SourceError(`the submodule's URL ${quoted(url)} is plain http, which its repository's is not`);
  }
  const sameServer = parsed.protocol === base.protocol && parsed.host === base.host;
  return {
    url: parsed.href,
    ...(sameServer && above.credential !== undefined && { credential: above.credential }),
  };
}
