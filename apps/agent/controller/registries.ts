import type { ImageConfiguration, SecretKeyConfiguration } from '../../../lib/agent/configuration.ts';
import {
  dockerAccounts,
  mergeAccounts,
  type RegistryAccounts,
} from '../../../lib/agent/registry-accounts.ts';
import { RegistryClient, type RegistryTarget } from '../registry/registry-client.ts';
import type { ControllerContext } from './context.ts';
import { pipelineObject } from './pipeline.ts';
import { readSecret } from './read-secret.ts';

/** A registry of a pipeline, and the Secrets with accounts for it. */
export type PipelineRegistry = Omit<RegistryTarget, 'accounts'> & {
  readonly secrets: readonly SecretKeyConfiguration[];
};

/** The registry that an image is pushed to. */
export function registryOfTarget(target: ImageConfiguration['target']): PipelineRegistry {
  const { host, insecure, certificateAuthority, credential } = target;
  return {
    host,
    insecure,
    ...(certificateAuthority !== undefined && { certificateAuthority }),
    secrets: credential === undefined ? [] : [credential],
  };
}

/** Asks a registry of a pipeline something, with the accounts that the pipeline has for it. */
export async function askRegistry<T>(
  context: ControllerContext,
  pipelineNamespace: string,
  { secrets, ...registry }: PipelineRegistry,
  ask: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const accounts = await readAccounts(context, pipelineNamespace, secrets);
  const client = new RegistryClient({ ...registry, accounts });
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}

/** Accounts that can't be read are told of, and left out: the registry may let anybody read. */
async function readAccounts(
  context: ControllerContext,
  pipelineNamespace: string,
  secrets: readonly SecretKeyConfiguration[],
): Promise<RegistryAccounts> {
  const found: RegistryAccounts[] = [];
  for (const { secretName, key, namespace = pipelineNamespace } of secrets) {
    try {
      const value = await readSecret(context, pipelineNamespace, { secretName, key, namespace });
      if (value === undefined) throw new Error(`it is missing, or has no key ${key}`);
      found.push(dockerAccounts(value));
    } catch (error) {
      await context.events.say(pipelineObject({ namespace: pipelineNamespace }), {
        type: 'Warning',
        reason: 'NoRegistryAccount',
        message: `the Secret ${namespace}/${secretName} gives no account for a registry: ${(error as Error).message}`,
      });
    }
  }
  return mergeAccounts(found).accounts;
}
