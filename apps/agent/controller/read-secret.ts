import type { SecretKeyConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';

interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The value of a Secret's key; undefined where there is none. */
export async function readSecret(
  client: Kubernetes,
  pipelineNamespace: string,
  { secretName, key, namespace = pipelineNamespace }: SecretKeyConfiguration,
): Promise<string | undefined> {
  const secret = await client.get<Secret>({ apiVersion: 'v1', kind: 'Secret', namespace, name: secretName });
  const data = secret?.data ?? {};
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
}
