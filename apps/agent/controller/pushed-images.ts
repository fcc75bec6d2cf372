import type { BuildConfiguration, ImageConfiguration } from '../../../lib/agent/configuration.ts';
import { parseImageReference } from '../registry/image-reference.ts';
import { RegistryError } from '../registry/registry-error.ts';
import type { ControllerContext } from './context.ts';
import { change, type ImageBuild } from './ledger.ts';
import type { LedgerStore } from './ledger-store.ts';
import { askRegistry, registryOfTarget } from './registries.ts';
import { noteImage } from './repair/image-commits.ts';

/** A registry whose digest is not known after this time is not asked any more: the image may have been deleted. */
const GIVE_UP_MS = 3_600_000;

/** Whether the tag of a build is in its registry. Registries answer 401 or 403 for a repository that is not there yet. */
export async function isImageThere(
  context: ControllerContext,
  namespace: string,
  { target }: Pick<ImageConfiguration, 'target'>,
  build: ImageBuild,
): Promise<boolean> {
  const { repository, tag = '' } = parseImageReference(build.target);
  try {
    return (
      (await askRegistry(context, namespace, registryOfTarget(target), (client) =>
        client.digestOf(repository, tag),
      )) !== undefined
    );
  } catch (error) {
    if (error instanceof RegistryError && error.kind === 'unauthorized') return false;
    throw error;
  }
}

/** What asking for digests needs. */
export interface NoteDigestsOptions {
  readonly namespace: string;
  readonly ledger: LedgerStore;
  readonly images: readonly Pick<ImageConfiguration, 'name' | 'target'>[];
  readonly builds: readonly BuildConfiguration[];
  /** Called for each digest that is new. */
  readonly noted: () => void;
}

/**
 * Asks for the digests of images that were built, and tells the gates of builds that run them. A registry that does not
 * answer keeps no other from being asked.
 */
export async function noteDigests(context: ControllerContext, options: NoteDigestsOptions): Promise<void> {
  const { namespace, ledger, images, builds, noted } = options;
  const failures = new Map<string, unknown>();
  const { builds: known } = await ledger.read();
  const since = Date.now() - GIVE_UP_MS;
  const unknown = known.filter(
    ({ phase, digest, finishedAt = '', release }) =>
      phase === 'Succeeded' &&
      digest === undefined &&
      release === undefined &&
      Date.parse(finishedAt) > since,
  );
  for (const build of unknown) {
    const image = images.find(({ name }) => name === build.image);
    if (image === undefined || failures.has(image.target.host)) continue;
    try {
      const digest = await pushedDigest(context, namespace, image, build, isLast(known, build));
      if (digest === undefined) continue;
      const { branch, commit } = build;
      for (const run of builds) {
        if (run.builder === build.image) await noteImage(context, namespace, run, { digest, commit, branch });
      }
      await ledger.change((now) => change(now, build.id, { digest }));
      noted();
    } catch (error) {
      failures.set(image.target.host, error);
    }
  }
  const [failure] = failures.values();
  if (failure !== undefined) throw failure;
}

/** Whether nothing that was started later may have moved the build's tag. */
function isLast(builds: readonly ImageBuild[], build: ImageBuild): boolean {
  const later = builds.slice(builds.indexOf(build) + 1);
  return !later.some(({ target, startedAt }) => target === build.target && startedAt !== undefined);
}

/** The digest under the second tag, which names the commit; else under the tag itself, where that is still the build's. */
async function pushedDigest(
  context: ControllerContext,
  namespace: string,
  { target }: Pick<ImageConfiguration, 'target'>,
  { target: name, commit }: ImageBuild,
  isLast: boolean,
): Promise<string | undefined> {
  const { repository, tag = '' } = parseImageReference(name);
  return askRegistry(context, namespace, registryOfTarget(target), async (client) => {
    const digest = await client.digestOf(repository, `${tag}-${commit.slice(0, 63)}`);
    return digest ?? (isLast ? client.digestOf(repository, tag) : undefined);
  });
}
