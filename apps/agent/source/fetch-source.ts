import { join } from 'node:path';
import { logLeftOut } from '../archive/left-out.ts';
import { quoted } from '../archive/quoted.ts';
import { type CheckOutContext, type CommitToCheckOut, checkOut } from './check-out.ts';
import { makeLinks } from './links.ts';
import type { CommitToFetch } from './source-environment.ts';
import { SourceError } from './source-error.ts';
import { submoduleRepository, submoduleUrls } from './submodules.ts';
import type { TreeList } from './tree-list.ts';

const MAX_SUBMODULES = 100;
const MAX_SUBMODULE_DEPTH = 5;

/** Fetches a commit into an empty directory, and its submodules where they are wanted. */
export async function fetchSource(
  { repository, branch, commit, submodules }: CommitToFetch,
  directory: string,
  context: CheckOutContext,
): Promise<void> {
  const { log, limits } = context;
  const links: string[] = [];
  let count = 0;
  const visit = async (wanted: CommitToCheckOut, below: string, depth: number): Promise<void> => {
    const started = Date.now();
    const tree = await checkOut(wanted, context);
    links.push(...tree.links.map((path) => below + path));
    const { files, bytes } = tree;
    const ms = Date.now() - started;
    log.info({ directory: quoted(`./${below}`), commit: wanted.commit, files, bytes, ms }, 'checked out');
    if (!submodules || tree.submodules.length === 0) return;
    for (const next of await submodulesOf(wanted, tree, context)) {
      const path = `${below}${next.path}/`;
      if (++count > MAX_SUBMODULES || depth >= MAX_SUBMODULE_DEPTH) {
        throw new SourceError(
          `there are more than ${MAX_SUBMODULES} submodules, or more than ${MAX_SUBMODULE_DEPTH} within each other`,
        );
      }
      await visit({ ...next, directory: join(directory, path) }, path, depth + 1);
    }
  };
  await visit({ repository, commit, ref: `refs/heads/${branch}`, directory }, '', 0);
  await makeLinks(directory, links, limits, logLeftOut(log));
}

async function submodulesOf(
  { repository, commit, directory }: CommitToCheckOut,
  tree: TreeList,
  { git, http, log }: CheckOutContext,
): Promise<(Omit<CommitToCheckOut, 'directory'> & { readonly path: string })[]> {
  const urls = await submoduleUrls(git, directory, commit);
  return tree.submodules.flatMap(({ path, commit: name }) => {
    const url = urls.get(path);
    if (url === undefined) {
      log.warn({ path: quoted(path) }, 'left out a submodule of which .gitmodules says nothing');
      return [];
    }
    return [
      { path, commit: name, ref: 'HEAD', repository: submoduleRepository(url, repository, http.addresses) },
    ];
  });
}
