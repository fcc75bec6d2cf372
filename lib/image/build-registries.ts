import { type Destination, distinct } from '../kubernetes/network.ts';
import type { Registry } from '../registry/registry.ts';
import type { ImageBuild } from './build-program.ts';

type Known = Pick<ImageBuild, 'target' | 'platform' | 'bases'>;

/** The registries that a FROM may name without more ado: the target's, the platform's, and those of base images. */
function registriesOf({ target, platform, bases }: Known): Set<Registry> {
  return new Set([target.registry, platform.registry, ...bases]);
}

/** Every name by which a Dockerfile or a push may call a registry. */
export function hostsOf({ pushHost, imageHost, aliases }: Registry): string[] {
  return [...new Set([pushHost, imageHost, ...aliases])];
}

/** The hosts that speak plain http. */
export function plainHttpHosts(build: Known): string[] {
  const insecure = [...registriesOf(build)].filter((registry) => registry.insecure);
  return [...new Set(insecure.flatMap(hostsOf))];
}

/** Where the registries are that are not the target's, to which every build may connect. */
export function furtherRegistries(build: Known): readonly Destination[] {
  const further = [...registriesOf(build)].filter((registry) => registry !== build.target.registry);
  return distinct(further.flatMap(({ destinations }) => destinations));
}

/** A registry with a private authority, and the file with the certificates of that. */
export interface AuthorityFile {
  readonly registry: Registry;
  readonly file: string;
  readonly certificates: string;
}

/** The private authorities of a build's registries, the target's first. */
export function authorityFiles({ target, bases }: Pick<Known, 'target' | 'bases'>): AuthorityFile[] {
  const files = new Map<string, string>();
  return [...new Set([target.registry, ...bases])].flatMap((registry) => {
    const { certificateAuthority: certificates } = registry;
    if (certificates === undefined) return [];
    const name = registry === target.registry ? 'ca.crt' : `base-${files.size}.crt`;
    const file = files.get(certificates) ?? name;
    files.set(certificates, file);
    return [{ registry, file, certificates }];
  });
}
