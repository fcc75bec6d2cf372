import type { PipelineConfiguration } from '../../../lib/agent/configuration.ts';
import type { GarbageCollectionConfiguration } from '../../../lib/agent/garbage-collection.ts';
import { fillPlaceholders } from '../../../lib/agent/job-template.ts';
import { AGENT_API_VERSION } from '../../../lib/agent/version.ts';
import { branchTag } from '../../../lib/image/tag.ts';
import { UsageError } from '../program.ts';

/** What the controller tells the program that deletes. */
export interface Plan {
  readonly apiVersion: typeof AGENT_API_VERSION;
  readonly kind: 'RegistryPlan';
  readonly keepPerBranch: number;
  /** The repositories of commits' images: nothing is deleted in any other. */
  readonly repositories: readonly string[];
  /** The repositories in which Kaniko keeps layers. */
  readonly caches: readonly string[];
  /** Tags and digests that are in use. */
  readonly keepTags: readonly string[];
  readonly keepDigests: readonly string[];
}

/** Tags and digests of images that run, or that a Deployment names. */
export interface ImagesInUse {
  readonly tags: readonly string[];
  readonly digests: readonly string[];
}

/** A variable of a container has to be shorter than 128 KiB. https://man7.org/linux/man-pages/man2/execve.2.html */
const MOST_BYTES = 120_000;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * The repositories that the pipelines push commits' images to. One that has an image which is built for its version only,
 * such as a BaseImage, is not among them.
 */
export function repositoriesOf(
  { host }: Pick<GarbageCollectionConfiguration, 'host'>,
  pipelines: readonly PipelineConfiguration[],
): readonly string[] {
  const images = pipelines
    .flatMap((pipeline) => pipeline.images)
    .filter(({ target }) => target.host === host);
  const versions = new Set(
    images.filter(({ onlyIfAbsent }) => onlyIfAbsent).map(({ target }) => target.repository),
  );
  const commits = new Set(images.map(({ target }) => target.repository));
  return [...commits].filter((repository) => !versions.has(repository)).sort();
}

/** Decides what is kept. The program that deletes decides by it what is not, for it alone sees what is there. */
export function planOf(
  configuration: GarbageCollectionConfiguration,
  pipelines: readonly PipelineConfiguration[],
  used: ImagesInUse,
): Plan {
  const repositories = repositoriesOf(configuration, pipelines);
  const plan: Plan = {
    apiVersion: AGENT_API_VERSION,
    kind: 'RegistryPlan',
    keepPerBranch: configuration.keepPerBranch,
    repositories,
    caches: repositories
      .map((repository) => `${repository}/cache`)
      .filter((cache) => !repositories.includes(cache)),
    keepTags: [...new Set([...used.tags, ...pipelines.flatMap(watchedTags)])].sort(),
    keepDigests: [...new Set(used.digests)].sort(),
  };
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes <= MOST_BYTES) return plan;
  throw new Error(
    `what is in use takes ${bytes} bytes to say, and ${MOST_BYTES} are possible: the registry serves too many pipelines for its garbage to be collected`,
  );
}

/** A branch may be called as if its tag were a commit's. */
function watchedTags({ source, images }: PipelineConfiguration): string[] {
  const branches = source?.branches ?? [];
  return images.flatMap(({ target }) =>
    branches.map((branch) => fillPlaceholders(target.tag, { 'tag.branch': branchTag(branch) })),
  );
}

/** Reads a plan. What it names becomes paths. */
export function parsePlan(text: string): Plan {
  let plan: Partial<Record<keyof Plan, unknown>>;
  try {
    plan = JSON.parse(text) as typeof plan;
  } catch {
    throw new UsageError('the plan is not JSON');
  }
  const { apiVersion, kind, keepPerBranch } = plan ?? {};
  if (apiVersion !== AGENT_API_VERSION || kind !== 'RegistryPlan') {
    throw new UsageError('the plan is from an agent of another version: give both the same image');
  }
  if (typeof keepPerBranch !== 'number' || !Number.isInteger(keepPerBranch) || keepPerBranch < 1) {
    throw new UsageError('the plan does not say how many images of a branch are kept');
  }
  const repositories = texts(plan, 'repositories');
  const caches = texts(plan, 'caches');
  const wrong = [...repositories, ...caches].find((name) => !REPOSITORY.test(name) || name.length > 255);
  if (wrong !== undefined)
    throw new UsageError(`the plan names ${JSON.stringify(wrong)}, which is no repository`);
  const [keepTags, keepDigests] = [texts(plan, 'keepTags'), texts(plan, 'keepDigests')];
  return { apiVersion, kind, keepPerBranch, repositories, caches, keepTags, keepDigests };
}

function texts(plan: Partial<Record<keyof Plan, unknown>>, field: keyof Plan): readonly string[] {
  const value = plan[field];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new UsageError(`the plan's ${field} are no texts`);
}
