import type { Config } from '@pulumi/pulumi';
import { secretOutput } from 'keelson/pulumi';
import {
  BRANCH,
  NAMESPACE,
  REGISTRY_ADDRESS,
  REGISTRY_PORT,
  REPOSITORY,
  type StudioGoRunnerOptions,
} from './options.ts';

/**
 * Reads the options from a stack's configuration, under their own names and with the defaults of the templates.
 * docs/how-to/pulumi.md says what each is.
 */
export function optionsFromConfig(config: Config): StudioGoRunnerOptions {
  const image = config.get('image');
  const version = config.get('version');
  const agentImage = config.get('agentImage');
  const releaseToken = config.getSecret('releaseToken');
  return {
    registryAddress: config.get('registryAddress') ?? REGISTRY_ADDRESS,
    registryPort: config.getNumber('registryPort') ?? REGISTRY_PORT,
    ...(image !== undefined && { image }),
    registryCredentials: config.getBoolean('registryCredentials') ?? false,
    namespace: config.get('namespace') ?? NAMESPACE,
    branch: config.get('branch') ?? BRANCH,
    ...(version !== undefined && { version }),
    gpus: config.getNumber('gpus') ?? 0,
    ...(agentImage !== undefined && { agentImage }),
    repository: config.get('repository') ?? REPOSITORY,
    ...(releaseToken !== undefined && { releaseToken: secretOutput(releaseToken) }),
  };
}
