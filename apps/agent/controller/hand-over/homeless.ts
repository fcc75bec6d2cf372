import { KeelsonLabels } from '../../../../lib/kubernetes/labels.ts';
import type { ControllerContext } from '../context.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { ORPHAN_SECONDS } from './orphans.ts';
import { isKept } from './place.ts';
import { age } from './read-places.ts';

/** Deletes the namespaces of listeners whose pipeline's own namespace is gone: nobody else would. */
export async function deleteHomeless(context: ControllerContext): Promise<void> {
  const { client, configuration, orphanSeconds = ORPHAN_SECONDS } = context;
  const { OWNER, HOME, LISTENER } = KeelsonLabels;
  const labelSelector = `${OWNER}=${configuration.platform},${HOME},${LISTENER}`;
  const { items } = await client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  const isThere = new Map<string, boolean>();
  for (const made of items) {
    const { name: namespace, labels = {}, deletionTimestamp } = made.metadata;
    const home = labels[HOME] ?? '';
    const place = { namespace, made, deployment: undefined };
    if (deletionTimestamp !== undefined || isKept(place) || age(made) < orphanSeconds * 1000) continue;
    if (!isThere.has(home)) {
      const found = await client.getMetadata({ apiVersion: 'v1', kind: 'Namespace', name: home });
      isThere.set(home, found !== undefined && found.metadata.deletionTimestamp === undefined);
    }
    if (isThere.get(home) === false)
      await deleteNamespace(context, place, `its pipeline’s namespace ${home} is gone`);
  }
}
