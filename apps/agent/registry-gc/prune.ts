import { writeFile } from 'node:fs/promises';
import { options } from '../configuration.ts';
import type { Log } from '../observe/log.ts';
import { type Program, UsageError, variable } from '../program.ts';
import {
  type Choice,
  chooseOldCommits,
  chooseOldLayers,
  type Kept,
  type RepositoryContent,
} from './choose.ts';
import { type Plan, parsePlan } from './plan.ts';
import { RegistryStore } from './store.ts';

/** A first collection may delete thousands. */
const LOGGED_TAGS = 100;

/** How much was deleted. */
export interface Deleted {
  readonly tags: number;
  readonly manifests: number;
  /** Repositories that were left alone, because they can't be understood. */
  readonly skipped: readonly string[];
}

/**
 * Deletes old tags, and manifests that no tag leads to, from the files of a registry that is not running. What they were
 * made of is collected by the registry's own program afterwards.
 */
export const prune: Program = async (args, { environment, log, signal }) => {
  const given = options(args, {
    directory: { type: 'string' },
    message: { type: 'string', default: '/dev/termination-log' },
  });
  const { directory, message } = given;
  if (typeof directory !== 'string') throw new UsageError('the argument --directory=DIRECTORY is missing');
  const plan = parsePlan(variable(environment, 'KEELSON_PLAN'));
  const { tags, manifests, skipped } = await pruneStore(new RegistryStore(directory), plan, log, signal);
  const left = skipped.length === 0 ? '' : `; left alone, see the log: ${skipped.join(', ')}`;
  const text = `${tags} tags and ${manifests} manifests deleted${left}`;
  log.info({ tags, manifests, skipped }, 'deleted what is old');
  await writeFile(String(message), text.slice(0, 1000)).catch((error: unknown) => {
    log.warn({ error }, 'the result could not be handed over');
  });
  return 0;
};

/** Deletes what a plan leaves over. What is half done when it ends is done by the next one. */
export async function pruneStore(
  store: RegistryStore,
  plan: Plan,
  log: Log,
  signal: AbortSignal,
): Promise<Deleted> {
  const kept: Kept = { tags: new Set(plan.keepTags), digests: new Set(plan.keepDigests) };
  const now = Date.now();
  const commits = (content: RepositoryContent): Choice =>
    chooseOldCommits(content, plan.keepPerBranch, kept, now);
  const layers = (content: RepositoryContent): Choice => chooseOldLayers(content, kept, now);
  const work = [
    ...plan.repositories.map((repository) => ({ repository, choose: commits })),
    ...plan.caches.map((repository) => ({ repository, choose: layers })),
  ];
  const deleted = { tags: 0, manifests: 0, skipped: [] as string[] };
  for (const { repository, choose } of work) {
    const content = await store.read(repository).catch((error: unknown) => {
      log.warn({ error, repository }, 'a repository is left alone');
      deleted.skipped.push(repository);
      return undefined;
    });
    if (content === undefined) continue;
    const { tags, manifests } = choose(content);
    // A tag without its manifest would be there and could not be pulled, so tags go first.
    for (const tag of tags) {
      signal.throwIfAborted();
      await store.deleteTag(repository, tag);
    }
    await store.deleteManifests(repository, manifests, signal);
    deleted.tags += tags.length;
    deleted.manifests += manifests.length;
    if (tags.length + manifests.length > 0) {
      const some = tags.slice(0, LOGGED_TAGS);
      log.info({ repository, tags: some, manifests: manifests.length }, 'deleted from a repository');
    }
  }
  return deleted;
}
