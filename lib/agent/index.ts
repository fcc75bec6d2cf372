export * from './configuration.ts';
export type { AgentDocument } from './document.ts';
export type { GarbageCollectionConfiguration } from './garbage-collection.ts';
export {
  fillTemplate,
  placeholder,
  type TemplateObject,
  type TemplateValues,
} from './job-template.ts';
export * from './listener.ts';
export * from './makisu-registries.ts';
export {
  dockerAccounts,
  dockerConfiguration,
  type MergedAccounts,
  mergeAccounts,
  type RegistryAccount,
  type RegistryAccounts,
} from './registry-accounts.ts';
export { registryAccountsValue } from './registry-accounts-value.ts';
export * from './release.ts';
export * from './run-files.ts';
export * from './status.ts';
export { AGENT_API_VERSION, KEELSON_VERSION } from './version.ts';
