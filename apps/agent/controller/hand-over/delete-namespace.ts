import type { ControllerContext } from '../context.ts';
import type { Place } from './place.ts';

/** Deletes a namespace that the controller has made, where it is still the same one. */
export async function deleteNamespace(
  { client, log }: ControllerContext,
  { made }: Place,
  because: string,
): Promise<void> {
  if (made === undefined) return;
  const { name, uid } = made.metadata;
  await client.delete({ apiVersion: 'v1', kind: 'Namespace', name }, uid);
  log.info({ namespace: name, because }, 'deleted a namespace of a build that hands over');
}
