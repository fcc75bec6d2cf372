import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import { isAlreadyExists } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { ControllerContext } from '../context.ts';
import type { NextListener } from './next-listener.ts';

/**
 * Makes the namespace of a listener, which fails where its name is taken. One that is there is the listener's where it
 * has the claim: then it was made before.
 *
 * @returns the Namespace; undefined where the name is somebody else's, or is being given up
 */
export async function claimNamespace(
  { client }: ControllerContext,
  filled: KubernetesObject,
  { namespace: name, claim }: NextListener,
  labels: Readonly<Record<string, string>>,
): Promise<KubernetesObject | undefined> {
  const { apiVersion, kind, metadata } = filled;
  const namespace = { ...filled, metadata: { ...metadata, labels: { ...metadata.labels, ...labels } } };
  try {
    return await client.create(namespace);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const found = await client.get({ apiVersion, kind, name });
  const isOurs =
    found?.metadata.annotations?.[KeelsonAnnotations.CLAIM] === claim &&
    Object.entries(labels).every(([key, value]) => found.metadata.labels?.[key] === value);
  return isOurs && found.metadata.deletionTimestamp === undefined ? found : undefined;
}
