import {
  type ImageConfiguration,
  PIPELINE_CONFIG_MAP,
  type RegistryAccountsConfiguration,
  type SecretKeyConfiguration,
} from '../../../lib/agent/configuration.ts';
import { registryAccountsValue } from '../../../lib/agent/registry-accounts-value.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ControllerContext } from './context.ts';
import { requireNamespaceOf } from './own-objects.ts';

/** A Secret with its values in base64. */
export interface SecretObject extends KubernetesObject {
  readonly kind: 'Secret';
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

/** A Secret, or the key in it, is not there. */
export class MissingSecretError extends Error {
  override readonly name = 'MissingSecretError';
  readonly secretName: string;
  readonly key: string;
  readonly namespace: string;

  constructor(secretName: string, key: string, namespace: string) {
    super(`the Secret ${secretName} in the namespace ${namespace} is missing, or has no key ${key}`);
    this.secretName = secretName;
    this.key = key;
    this.namespace = namespace;
  }
}

/** A Secret that is there is no use. The message shows no value. */
export class UnusableSecretError extends Error {
  override readonly name = 'UnusableSecretError';
}

/** Types that Kubernetes refuses without their keys. https://kubernetes.io/docs/concepts/configuration/secret/#secret-types */
const KEYS_OF_TYPES: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const OPAQUE = 'Opaque';

/**
 * Reads the Secrets that an image build needs in its commit's namespace: copies with the listed keys alone, and accounts
 * of registries put together.
 *
 * @param pipelineNamespace the namespace of Secrets that name none
 * @returns the Secrets, without a namespace
 * @throws MissingSecretError, UnusableSecretError
 */
export async function readCommitSecrets(
  context: ControllerContext,
  pipelineNamespace: string,
  image: Pick<ImageConfiguration, 'name' | 'copySecrets' | 'registryAccounts'>,
): Promise<SecretObject[]> {
  const source = new SecretReader(context, pipelineNamespace);
  const made = new Map<string, SecretObject>();
  const put = (secretName: string, key: string, value: string, type: string): void => {
    const before = made.get(secretName);
    if (before !== undefined && Object.hasOwn(before.data, key) && before.data[key] !== value) {
      throw new UnusableSecretError(
        `the image ${image.name} needs two values of the key ${key} of the Secret ${secretName}: give Secrets of the pipeline's namespace and of the release's other names`,
      );
    }
    const data = { ...before?.data, [key]: value };
    made.set(secretName, secretObject(secretName, before?.type ?? type, data));
  };
  for (const wanted of image.copySecrets) {
    const { value, type } = await source.read(wanted);
    put(wanted.secretName, wanted.key, value, type);
  }
  for (const accounts of image.registryAccounts ?? []) {
    const value = await accountsOf(context, pipelineNamespace, source, accounts);
    put(accounts.secretName, accounts.key, Buffer.from(value).toString('base64'), OPAQUE);
  }
  return [...made.values()].map((secret) => ({ ...secret, type: possibleType(secret) }));
}

async function accountsOf(
  { events }: ControllerContext,
  pipelineNamespace: string,
  source: SecretReader,
  accounts: RegistryAccountsConfiguration,
): Promise<string> {
  const configurations: string[] = [];
  for (const wanted of accounts.from) {
    configurations.push(Buffer.from((await source.read(wanted)).value, 'base64').toString());
  }
  const names = accounts.from.map(({ secretName }) => secretName).join(', ');
  try {
    const { value, repeated } = registryAccountsValue(accounts, configurations);
    if (repeated.length > 0) {
      await events.say(
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: PIPELINE_CONFIG_MAP, namespace: pipelineNamespace },
        },
        {
          type: 'Warning',
          reason: 'RepeatedAccounts',
          message: `more than one of the Secrets ${names} has an account for ${repeated.join(', ')}: the last one counts`,
        },
      );
    }
    return value;
  } catch (error) {
    throw new UnusableSecretError(`of the Secrets ${names}: ${(error as Error).message}`);
  }
}

/** Reads each Secret once. */
class SecretReader {
  readonly #context: ControllerContext;
  readonly #pipelineNamespace: string;
  readonly #read = new Map<string, Promise<SecretObject | undefined>>();

  constructor(context: ControllerContext, pipelineNamespace: string) {
    this.#context = context;
    this.#pipelineNamespace = pipelineNamespace;
  }

  async read({ secretName, key, namespace = this.#pipelineNamespace }: SecretKeyConfiguration): Promise<{
    readonly value: string;
    readonly type: string;
  }> {
    const place = `${namespace}/${secretName}`;
    const reading = this.#read.get(place) ?? this.#get(namespace, secretName);
    this.#read.set(place, reading);
    const secret = await reading;
    const data = secret?.data ?? {};
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    if (secret === undefined || value === undefined || value === '') {
      throw new MissingSecretError(secretName, key, namespace);
    }
    return { value, type: secret.type };
  }

  async #get(namespace: string, name: string): Promise<SecretObject | undefined> {
    const { client } = this.#context;
    await requireNamespaceOf(this.#context, this.#pipelineNamespace, namespace);
    return client.get<SecretObject>({ apiVersion: 'v1', kind: 'Secret', namespace, name });
  }
}

function secretObject(name: string, type: string, data: Readonly<Record<string, string>>): SecretObject {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type, data };
}

/** The type that it had, where the keys that were copied are enough for that. */
function possibleType({ type, data }: SecretObject): string {
  if (type === 'kubernetes.io/service-account-token') return OPAQUE;
  if (type === 'kubernetes.io/basic-auth' && !('username' in data || 'password' in data)) return OPAQUE;
  return (KEYS_OF_TYPES[type] ?? []).every((key) => Object.hasOwn(data, key)) ? type : OPAQUE;
}
