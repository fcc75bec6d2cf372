import type { SecretKeyConfiguration } from '../../../lib/agent/configuration.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';
import { requireNamespaceOf } from './own-objects.ts';

interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** The value of a Secret's key, in a namespace of the pipeline; undefined where there is none. */
export async function readSecret(
  context: Pick<ControllerContext, 'client'>,
  pipelineNamespace: string,
  { secretName, key, namespace = pipelineNamespace }: SecretKeyConfiguration,
): Promise<string | undefined> {
  await requireNamespaceOf(context, pipelineNamespace, namespace);
  const reference = { apiVersion: 'v1', kind: 'Secret', namespace, name: secretName };
  const secret = await context.client.get<Secret>(reference);
  const data = secret?.data ?? {};
  const value = Object.hasOwn(data, key) ? data[key] : undefined;
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
}
