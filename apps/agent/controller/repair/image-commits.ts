import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import type { BuildRun } from '../../../../lib/agent/status.ts';
import { commitOfImage } from '../../registry/commit-of-image.ts';
import { parseImageReference } from '../../registry/image-reference.ts';
import { type BuildRecord, changeBuildRecord } from '../../status/build-status.ts';
import { type KnownImage, withImage } from '../../status/known-images.ts';
import type { ControllerContext } from '../context.ts';
import type { Ledger } from '../ledger.ts';
import { askRegistry } from '../registries.ts';
import { type BuildPod, digestOfPod } from './build-state.ts';
import { registryOfBuild } from './missed-push.ts';

const CONTAINER = 'build';

/**
 * Finds out of which commits the images are that a build's pods run, and tells the gate, which has no account for a
 * registry. Runs of them get their commit.
 */
export async function noteCommits(
  context: ControllerContext,
  namespace: string,
  build: BuildConfiguration,
  pods: readonly BuildPod[],
  record: BuildRecord,
  ledger: Ledger,
): Promise<void> {
  const digests = pods.map((pod) => digestOfPod(pod, CONTAINER));
  for (const digest of new Set(digests)) {
    if (digest === undefined || record.images.some((known) => known.digest === digest)) continue;
    await noteImage(context, namespace, build, await lookUp(context, namespace, build, digest, ledger));
  }
}

/** Tells the gate of an image. */
export async function noteImage(
  { client }: ControllerContext,
  namespace: string,
  { statusConfigMap }: Pick<BuildConfiguration, 'statusConfigMap'>,
  image: KnownImage,
): Promise<void> {
  await changeBuildRecord(client, { namespace, name: statusConfigMap }, ({ images, runs }) => ({
    images: withImage(images, image),
    runs: runs.some((run) => isOf(run, image))
      ? runs.map((run) => (isOf(run, image) ? { ...run, ...image } : run))
      : runs,
  }));
}

function isOf(run: BuildRun, { digest, commit }: KnownImage): boolean {
  return run.digest === digest && run.commit === undefined && commit !== undefined;
}

async function lookUp(
  context: ControllerContext,
  namespace: string,
  build: BuildConfiguration,
  digest: string,
  { builds, heads }: Ledger,
): Promise<KnownImage> {
  const built = builds.find((known) => known.digest === digest && known.image === build.builder);
  if (built !== undefined) return { digest, commit: built.commit, branch: built.branch };
  const { host, repository, tag = 'latest' } = parseImageReference(build.image);
  const likely = [...builds.map(({ commit }) => commit).reverse(), ...Object.values(heads)];
  const found = await askRegistry(context, namespace, registryOfBuild(build, host), (client) =>
    commitOfImage(client, { repository, tag, digest, likely }),
  );
  if (found === undefined) return { digest };
  const branch =
    builds.find(({ commit }) => commit === found.commit)?.branch ??
    Object.entries(heads).find(([, commit]) => commit === found.commit)?.[0];
  return { digest, commit: found.commit, ...(branch !== undefined && { branch }) };
}
