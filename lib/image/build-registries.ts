import type { Destination } from '../kubernetes/network.ts';
import type { Registry } from '../registry/registry.ts';
import type { ImageBuild } from './build-program.ts';

/** The registries that a FROM may name without more ado: the target's, and the platform's. */
function registriesOf({ target, platform }: Pick<ImageBuild, 'target' | 'platform'>): Set<Registry> {
  return new Set([target.registry, platform.registry]);
}

/** The hosts that speak plain http. */
export function plainHttpHosts(build: Pick<ImageBuild, 'target' | 'platform'>): string[] {
  const insecure = [...registriesOf(build)].filter((registry) => registry.insecure);
  return [
    ...new Set(insecure.flatMap(({ pushHost, imageHost, aliases }) => [pushHost, imageHost, ...aliases])),
  ];
}

/** Where the platform's registry is, where that is not the target's, to which every build may connect. */
export function furtherRegistries({ target, platform }: ImageBuild): readonly Destination[] {
  return target.registry === platform.registry ? [] : platform.registry.destinations;
}
