import { KeelsonAnnotations, KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';
import { hasEnded, type ImageBuild, type Ledger } from './ledger.ts';
import { commitNamespace } from './names.ts';

/** Deletes the namespaces of a platform's builds that have ended long enough ago, or of which a pipeline has too many. */
export async function deleteOldNamespaces(
  context: ControllerContext,
  ledgerOf: (home: string) => Promise<Ledger>,
): Promise<void> {
  const { client, configuration } = context;
  // A listener's namespace is of no image build.
  const { OWNER, HOME, LISTENER } = KeelsonLabels;
  const labelSelector = `${OWNER}=${configuration.platform},${HOME},!${LISTENER}`;
  const { items } = await client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  const homes = new Map<string, KubernetesObject[]>();
  for (const namespace of items) {
    const home = namespace.metadata.labels?.[KeelsonLabels.HOME] ?? '';
    homes.set(home, [...(homes.get(home) ?? []), namespace]);
  }
  for (const [home, namespaces] of homes) {
    try {
      await deleteOld(context, home, namespaces, await ledgerOf(home));
    } catch (error) {
      // One pipeline that can't be read must not keep the others' namespaces.
      context.log.warn({ error, pipeline: home }, 'old namespaces of a pipeline were not deleted');
    }
  }
}

async function deleteOld(
  { client, configuration, log }: ControllerContext,
  home: string,
  namespaces: readonly KubernetesObject[],
  ledger: Ledger,
): Promise<void> {
  const { retention } = configuration;
  const builds = new Map(ledger.builds.map((build) => [commitNamespace(build.version, build.id), build]));
  const finished = namespaces
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ metadata }) => metadata.annotations?.[KeelsonAnnotations.KEEP] !== 'true')
    .map((namespace) => ({ namespace, build: builds.get(namespace.metadata.name) }))
    .filter(({ build }) => build === undefined || hasEnded(build))
    .map(({ namespace, build }) => ({
      namespace,
      endedAt: endOf(namespace, build),
      succeeded: isOver(build),
    }))
    .sort((a, b) => b.endedAt - a.endedAt);
  const now = Date.now();
  for (const [index, { namespace, endedAt, succeeded }] of finished.entries()) {
    const seconds = succeeded ? retention.succeededSeconds : retention.failedSeconds;
    if (index < retention.maxPerPipeline && now - endedAt < seconds * 1000) continue;
    const { name, uid } = namespace.metadata;
    await client.delete({ apiVersion: 'v1', kind: 'Namespace', name }, uid);
    log.info({ namespace: name, pipeline: home }, 'deleted the namespace of a build that has ended');
  }
}

/** A build that the ledger has forgotten is as old as its namespace. */
function endOf({ metadata }: KubernetesObject, build: ImageBuild | undefined): number {
  return Date.parse(build?.finishedAt ?? metadata.creationTimestamp ?? '') || 0;
}

/** Whether nobody will want to know why it failed. */
function isOver(build: ImageBuild | undefined): boolean {
  return build !== undefined && build.phase !== 'Failed';
}
