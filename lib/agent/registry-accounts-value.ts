import type { RegistryAccountsConfiguration } from './configuration.ts';
import { makisuRegistries } from './makisu-registries.ts';
import { dockerAccounts, dockerConfiguration, mergeAccounts } from './registry-accounts.ts';

/**
 * The value of a Secret that the controller makes in a commit's namespace, from the values in the pipeline's.
 *
 * @param configuration what is asked for
 * @param dockerConfigurations the values that its `from` names, in that order
 * @returns the value, and the registries for which more than one of them has an account
 * @throws Error that shows no credential
 */
export function registryAccountsValue(
  { form, transports }: RegistryAccountsConfiguration,
  dockerConfigurations: readonly string[],
): { readonly value: string; readonly repeated: readonly string[] } {
  const { accounts, repeated } = mergeAccounts(dockerConfigurations.map(dockerAccounts));
  const value =
    form === 'docker-config'
      ? dockerConfiguration(accounts)
      : `${JSON.stringify(makisuRegistries(accounts, transports))}\n`;
  return { value, repeated };
}
