import { ImageTarget, type Registry, SecretSource } from 'keelson';

/** A registry that asks for an account and has a certificate of its own, where nothing else says one. */
export function privateRegistry(props: Partial<Registry> = {}): Registry {
  const host = 'registry.example.com';
  const registry: Registry = {
    pushHost: host,
    imageHost: host,
    aliases: [],
    insecure: false,
    pushCredential: SecretSource.existing('push', '.dockerconfigjson'),
    certificateAuthority: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
    destinations: [],
    nodeFiles: [],
    aliasServices: () => [],
    problems: () => [],
    image: (repository, { tag } = {}) => new ImageTarget(registry, repository, tag),
    ...props,
  };
  return registry;
}
