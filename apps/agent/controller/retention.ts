import { KeelsonAnnotations, KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';
import { hasEnded, type ImageBuild, type Ledger } from './ledger.ts';
import { commitNamespace } from './names.ts';

/** Deletes namespaces of builds that have ended long enough ago, or of which a pipeline has too many. */
export async function deleteOldNamespaces(
  { client, configuration, log }: ControllerContext,
  home: string,
  ledger: Ledger,
): Promise<void> {
  const { platform, retention } = configuration;
  const labelSelector = `${KeelsonLabels.OWNER}=${platform},${KeelsonLabels.HOME}=${home}`;
  const { items } = await client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  const builds = new Map(ledger.builds.map((build) => [commitNamespace(build.version, build.id), build]));
  const finished = items
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
