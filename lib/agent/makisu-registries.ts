import { hostOf, type RegistryAccount, type RegistryAccounts } from './registry-accounts.ts';

/** How a registry is spoken to whose certificate is not publicly trusted. */
export type RegistryTransport =
  | { readonly insecure: true }
  /** The file with the authority's certificates, where the program that reads the configuration has it. */
  | { readonly certificateAuthority: string };

/** Hosts, then patterns of repositories, then what holds for them. */
export type MakisuRegistries = Readonly<Record<string, Readonly<Record<string, MakisuRegistry>>>>;

/** One entry of {@link MakisuRegistries}. */
export interface MakisuRegistry {
  /** How the registry is spoken to, and as whom. */
  readonly security: {
    readonly tls?: object;
    readonly basic?: {
      readonly username?: string;
      readonly password?: string;
      readonly identitytoken?: string;
    };
  };
}

/** Makisu's only name for Docker Hub, for images without a registry in their name. */
const DOCKER_HUB = 'index.docker.io';
const ALL = '.*';

/**
 * Makisu's registry configuration. As JSON it is YAML, which is what Makisu takes a file for.
 *
 * Makisu tries the patterns of a host in no order, so accounts for a host and for a part of it can't be
 * told apart, and are refused. Of a host with accounts for parts only, Makisu knows no more than those parts.
 *
 * @param accounts accounts that may pull
 * @param transports by host, for those that are not spoken to by https with a public certificate
 * @throws Error that shows no credential
 * @see https://github.com/uber-archive/makisu/blob/master/docs/REGISTRY.md
 */
export function makisuRegistries(
  accounts: RegistryAccounts,
  transports: Readonly<Record<string, RegistryTransport>> = {},
): MakisuRegistries {
  const hosts = new Map<string, Map<string, MakisuRegistry>>();
  for (const [host, transport] of Object.entries(transports)) {
    hosts.set(host, new Map([[ALL, { security: tls(transport) }]]));
  }
  for (const [place, account] of accounts) {
    const host = hostOf(place);
    checkPlace(place, accounts);
    const name = host === 'docker.io' ? DOCKER_HUB : host;
    // A host may be called like a member of every object.
    const transport = Object.hasOwn(transports, name) ? transports[name] : undefined;
    const patterns = place === host ? new Map<string, MakisuRegistry>() : (hosts.get(name) ?? new Map());
    // Its transport is in each of them.
    patterns.delete(ALL);
    patterns.set(pattern(place, host), { security: { ...tls(transport), ...basic(account) } });
    hosts.set(name, patterns);
  }
  return Object.fromEntries([...hosts].map(([host, patterns]) => [host, Object.fromEntries(patterns)]));
}

function checkPlace(place: string, accounts: RegistryAccounts): void {
  if (place.includes('*')) throw new Error(`Makisu knows no patterns of hosts such as ${place}`);
  const wider = [...accounts.keys()].find((other) => other !== place && `${place}/`.startsWith(`${other}/`));
  if (wider !== undefined)
    throw new Error(`Makisu can't tell the account for ${place} from that for ${wider}`);
}

/** A Go regular expression for the repositories below a place. */
function pattern(place: string, host: string): string {
  if (place === host) return ALL;
  const path = place.slice(host.length + 1).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return `^${path}(/.*)?$`;
}

function tls(transport: RegistryTransport | undefined): { readonly tls?: object } {
  if (transport === undefined) return {};
  return 'insecure' in transport
    ? { tls: { client: { disabled: true } } }
    : { tls: { ca: { cert: { path: transport.certificateAuthority } } } };
}

function basic({ username, password, identityToken }: RegistryAccount): MakisuRegistry['security'] {
  return {
    basic: {
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(identityToken !== undefined && { identitytoken: identityToken }),
    },
  };
}
