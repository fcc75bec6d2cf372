import { type GitRemote, withGitRemote } from '../git/git-remote.ts';
import type { GitHttp } from '../git/refs-http.ts';
import type { Repository } from '../git/repository.ts';

/**
 * Calls a function with what git needs to reach a repository. Where it has moved to is found out before: git itself
 * follows no redirect.
 *
 * @throws GitError
 */
export async function withRemote<Result>(
  repository: Repository,
  { http, signal }: { readonly http: GitHttp; readonly signal: AbortSignal },
  use: (remote: GitRemote) => Promise<Result>,
): Promise<Result> {
  const { addresses } = http;
  if (/^ssh:/i.test(repository.url)) return await withGitRemote(repository, { addresses }, use);
  const location = await http.locate(repository, signal);
  return await withGitRemote(repository, { addresses, location }, use);
}
