import { formatProblem } from '../../../lib/kubernetes/problem.ts';
import { branchProblems } from '../../../lib/source/branch.ts';
import { GitError } from './git-error.ts';
import { type ListRefsOptions, listRefs } from './list-refs.ts';
import type { Repository } from './repository.ts';

const PREFIX = 'refs/heads/';

/**
 * The commits that branches of a repository point at, all of them by one request. A branch that the server doesn't have
 * is absent.
 *
 * @throws GitError
 */
export async function lookUpHeads(
  repository: Repository,
  branches: readonly string[],
  options: ListRefsOptions,
): Promise<ReadonlyMap<string, string>> {
  const problem = branches.flatMap((branch) => branchProblems('the branch', branch))[0];
  if (problem !== undefined) throw new GitError('refused', formatProblem(problem));
  if (branches.length === 0) return new Map();
  const asked = new Set(branches.map((branch) => PREFIX + branch));
  // A prefix matches longer names too: refs/heads/main is one of refs/heads/main-2.
  const query = { prefixes: [...asked], wanted: ({ name }: { name: string }) => asked.has(name) };
  const refs = await listRefs(repository, query, options);
  return new Map(refs.map(({ name, objectName }) => [name.slice(PREFIX.length), objectName]));
}
