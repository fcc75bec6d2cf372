import type { Ref, RefQuery } from './refs.ts';
import type { GitHttp } from './refs-http.ts';
import { listRefsBySsh } from './refs-ssh.ts';
import type { Repository } from './repository.ts';

/** Options of everything that asks a server for refs. */
export interface ListRefsOptions {
  /** One for the whole program, which keeps its connections; its addresses hold good for ssh too. */
  readonly http: GitHttp;
  readonly signal?: AbortSignal;
}

/** The wanted refs of a repository, by http or ssh. */
export async function listRefs(
  repository: Repository,
  query: RefQuery,
  { http, signal }: ListRefsOptions,
): Promise<readonly Ref[]> {
  if (!/^ssh:/i.test(repository.url)) return await http.listRefs(repository, query, signal);
  return await listRefsBySsh(repository, query, http.addresses, signal);
}
