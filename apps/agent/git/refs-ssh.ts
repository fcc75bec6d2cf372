import type { AddressPolicy } from './address-policy.ts';
import { withGitRemote } from './git-remote.ts';
import { type Ref, RefCollector, type RefQuery } from './refs.ts';
import type { Repository } from './repository.ts';
import { runGit } from './run-git.ts';

/**
 * Lists refs of a repository by ssh, with the git program. It asks for all branches, or all tags: `git ls-remote` sends
 * names to the server in no other way.
 *
 * @throws GitError
 */
export async function listRefsBySsh(
  repository: Repository,
  query: RefQuery,
  addresses: AddressPolicy,
  signal?: AbortSignal,
): Promise<readonly Ref[]> {
  const only = query.peel === true ? '--tags' : '--heads';
  const patterns = query.prefixes.map((prefix) => (prefix.endsWith('/') ? `${prefix}*` : prefix));
  const output = await withGitRemote(repository, { addresses }, ({ url, allowProtocols, env }) =>
    runGit(['ls-remote', only, '--', url, ...patterns], {
      allowProtocols,
      env,
      timeoutMs: 20_000,
      maxOutputBytes: 8 * 1024 * 1024,
      maxMemoryBytes: 512 * 1024 * 1024,
      ...(signal !== undefined && { signal }),
    }),
  );
  const refs = new RefCollector(query);
  for (const line of output.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab >= 0) refs.add(line.slice(tab + 1), line.slice(0, tab));
  }
  return refs.finish();
}
