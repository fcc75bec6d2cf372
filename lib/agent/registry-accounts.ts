/** An account of a registry. */
export interface RegistryAccount {
  /** The user's name; absent where a token alone identifies it. */
  readonly username?: string;
  /** The user's password. */
  readonly password?: string;
  /** A token that is exchanged for others, in place of a password. */
  readonly identityToken?: string;
}

/**
 * Accounts by the place that each is for: a host with an optional port, and the path where an account is for
 * a part of the registry only. Docker Hub, which has several names, is `docker.io`.
 */
export type RegistryAccounts = ReadonlyMap<string, RegistryAccount>;

/** Accounts of several Docker configurations in one. */
export interface MergedAccounts {
  /** The accounts; of those for one place, that of the last configuration. */
  readonly accounts: RegistryAccounts;
  /** Places for which more than one configuration has an account. */
  readonly repeated: readonly string[];
}

const DOCKER_HUB = 'docker.io';
/** Docker's own key for Docker Hub, the one that every program knows. */
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/';
const DOCKER_HUB_HOSTS = new Set([DOCKER_HUB, 'index.docker.io', 'registry-1.docker.io']);

/**
 * Reads the accounts of a Docker configuration: the value of the key `.dockerconfigjson` of a Secret, or a
 * docker client's config.json. Credential helpers are not asked.
 *
 * @throws Error that says what is wrong and shows no credential
 * @see https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets
 * @example
 * dockerAccounts('{"auths":{"quay.io":{"auth":"dGVhbStyb2JvdDpwYXNzd29yZA=="}}}').get('quay.io')
 * // { username: 'team+robot', password: 'password' }
 */
export function dockerAccounts(text: string): RegistryAccounts {
  const auths = record(record(parse(text))?.['auths']);
  if (auths === undefined) throw new Error('the Docker configuration has no "auths"');
  const accounts = new Map<string, RegistryAccount>();
  for (const [key, entry] of Object.entries(auths)) accounts.set(placeOf(key), accountOf(key, entry));
  if (accounts.size === 0) throw new Error('the Docker configuration has no account');
  return accounts;
}

/** Puts the accounts of several configurations together. A later one wins. */
export function mergeAccounts(configurations: readonly RegistryAccounts[]): MergedAccounts {
  const accounts = new Map<string, RegistryAccount>();
  const repeated = new Set<string>();
  for (const [place, account] of configurations.flatMap((configuration) => [...configuration])) {
    if (accounts.has(place)) repeated.add(place);
    accounts.set(place, account);
  }
  return { accounts, repeated: [...repeated] };
}

/**
 * Writes accounts as a Docker configuration, as docker, the kubelet, skopeo, BuildKit, Kaniko and Buildah
 * read it.
 */
export function dockerConfiguration(accounts: RegistryAccounts): string {
  const auths = [...accounts].map(([place, { username, password, identityToken }]) => [
    place === DOCKER_HUB ? DOCKER_HUB_KEY : place,
    {
      ...(username !== undefined && {
        auth: Buffer.from(`${username}:${password ?? ''}`).toString('base64'),
      }),
      ...(identityToken !== undefined && { identitytoken: identityToken }),
    },
  ]);
  return `${JSON.stringify({ auths: Object.fromEntries(auths) })}\n`;
}

/** Host and port of a place. */
export function hostOf(place: string): string {
  return place.split('/', 1)[0] ?? '';
}

// What JSON.parse says of a text that is none may show some of it.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the Docker configuration is not JSON');
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

/** Keys are hosts, hosts with a path, or URLs with the version of an API as their path. */
function placeOf(key: string): string {
  const [host = '', ...path] = key.replace(/^https?:\/\//, '').split('/');
  const name = host.toLowerCase();
  if (!/^[a-z0-9*][a-z0-9.*-]*(:[0-9]+)?$|^\[[0-9a-f:]+\](:[0-9]+)?$/.test(name)) {
    throw new Error('the Docker configuration has an account for something that is no host');
  }
  const repository = path.filter((part) => part !== '').join('/');
  const registry = DOCKER_HUB_HOSTS.has(name) ? DOCKER_HUB : name;
  return repository === '' || /^v[12]$/.test(repository) ? registry : `${registry}/${repository}`;
}

function accountOf(key: string, entry: unknown): RegistryAccount {
  const place = placeOf(key);
  const { auth, username, password, identitytoken } = record(entry) ?? {};
  const pair =
    typeof auth === 'string' && auth !== ''
      ? decoded(place, auth)
      : { username: text(username), password: text(password) };
  const identityToken = text(identitytoken);
  if (identityToken === undefined && (pair.username === undefined || pair.password === undefined)) {
    throw new Error(
      `the Docker configuration has no account for ${place}: a docker that keeps accounts in a credential helper leaves them out`,
    );
  }
  if (pair.username?.includes(':')) throw new Error(`the user name for ${place} has a colon in it`);
  // Nothing in it is encoded, so that a registry would be sent the line break too.
  if (/[\r\n]$/.test(pair.password ?? '')) {
    throw new Error(`the password for ${place} ends with a line break`);
  }
  return {
    ...(pair.username !== undefined && { username: pair.username }),
    ...(pair.password !== undefined && { password: pair.password }),
    ...(identityToken !== undefined && { identityToken }),
  };
}

function decoded(
  place: string,
  auth: string,
): { readonly username: string; readonly password: string | undefined } {
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 0) throw new Error(`"auth" for ${place} is not a user name, a colon and a password in base64`);
  return { username: pair.slice(0, colon), password: text(pair.slice(colon + 1)) };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
