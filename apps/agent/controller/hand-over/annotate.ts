import type { Kubernetes } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';

/**
 * Changes annotations of a Deployment as it was read, null to remove one, and other fields with them. False where anybody
 * has changed it since, or it is gone: what is to be done then is decided anew.
 */
export async function annotate(
  client: Kubernetes,
  { apiVersion, kind, metadata }: KubernetesObject,
  annotations: Readonly<Record<string, string | null>>,
  fields: object = {},
): Promise<boolean> {
  const { name, namespace = '', resourceVersion } = metadata;
  try {
    await client.patch(
      { apiVersion, kind, namespace, name },
      { ...fields, metadata: { resourceVersion, annotations } },
    );
    return true;
  } catch (error) {
    if (hasStatus(error, 404, 409)) return false;
    throw error;
  }
}
