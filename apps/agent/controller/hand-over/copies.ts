import type { CopiedSecretConfiguration } from '../../../../lib/agent/configuration.ts';
import { isAlreadyExists } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { ControllerContext } from '../context.ts';
import type { HandOverOptions } from './options.ts';

interface Secret extends KubernetesObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>> | null;
}

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/**
 * Copies what the pods of a listener refer to and its template does not make. What home lacks is left out and copied when
 * it comes; a copy is never changed.
 */
export async function copyFromHome(
  context: ControllerContext,
  { home, build }: HandOverOptions,
  namespace: string,
): Promise<void> {
  const { client } = context;
  const read = <T extends KubernetesObject>(kind: string, name: string): Promise<T | undefined> =>
    client.get<T>({ apiVersion: 'v1', kind, namespace: home, name });
  const copy = async (
    kind: string,
    name: string,
    content: () => Promise<object | undefined>,
  ): Promise<void> => {
    const there = await client.getMetadata({ apiVersion: 'v1', kind, namespace, name });
    const copied = there === undefined ? await content() : undefined;
    if (copied !== undefined) await make(context, { kind, namespace, name }, copied);
  };
  for (const wanted of build.handOver.copySecrets) {
    const { secretName } = wanted;
    await copy('Secret', secretName, async () => secretCopy(await read('Secret', secretName), wanted));
  }
  for (const name of build.handOver.copyConfigMaps) {
    await copy('ConfigMap', name, async () => {
      const found = await read<ConfigMap>('ConfigMap', name);
      if (found === undefined) return undefined;
      const { data, binaryData } = found;
      return { ...(data && { data }), ...(binaryData && { binaryData }) };
    });
  }
}

/** Type and keys of a Secret. One that lacks any is not ready: its copy could not be completed. */
function secretCopy(secret: Secret | undefined, { keys }: CopiedSecretConfiguration): object | undefined {
  const { type, data } = secret ?? {};
  const present = Object.keys(data ?? {});
  const wanted = keys ?? present;
  if (wanted.length === 0 || !wanted.every((key) => present.includes(key))) return undefined;
  return { type, data: Object.fromEntries(wanted.map((key) => [key, data?.[key]])) };
}

async function make(
  { client, log }: ControllerContext,
  { kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string },
  content: object,
): Promise<void> {
  const labels = { 'app.kubernetes.io/managed-by': 'keelson' };
  try {
    await client.create({ apiVersion: 'v1', kind, metadata: { name, namespace, labels }, ...content });
    log.info({ namespace, kind, name }, 'copied for a listener');
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
