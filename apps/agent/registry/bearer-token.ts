import type { RegistryAccount } from '../../../lib/agent/registry-accounts.ts';
import type { Challenge } from './challenge.ts';
import type { HttpAnswer, HttpExchange, HttpRequest } from './http-exchange.ts';
import { RegistryError } from './registry-error.ts';

/** What a `Bearer` challenge is answered with. */
export interface TokenQuestion {
  /** Where the registry itself is. */
  readonly registry: URL;
  readonly challenge: Challenge;
  /** The repository as the registry's API names it. */
  readonly repository: string;
  /** Who asks; absent where nobody in particular does. */
  readonly account: RegistryAccount | undefined;
}

/** An authorization and until when it holds good. */
export interface Authorization {
  readonly header: string;
  /** As Date.now() has it. */
  readonly until: number;
}

const MAX_BYTES = 256 * 1024;
/** What the specification says where the server doesn't. */
const DEFAULT_SECONDS = 60;
const MAX_SECONDS = 3600;

/**
 * Asks a registry's server of tokens for one that reads a repository.
 *
 * @see https://distribution.github.io/distribution/spec/auth/token/
 * @see https://distribution.github.io/distribution/spec/auth/oauth/ for identity tokens
 */
export async function fetchBearerToken(
  exchange: HttpExchange,
  { registry, challenge, repository, account }: TokenQuestion,
  signal?: AbortSignal,
): Promise<Authorization> {
  const realm = realmOf(challenge, registry, account !== undefined);
  const parameters = new URLSearchParams();
  const service = challenge.parameters.get('service');
  if (service !== undefined) parameters.set('service', service);
  parameters.set('scope', scopeOf(challenge, repository));
  const asked = Date.now();
  const answer = await exchange.send(tokenRequest(realm, parameters, account), signal);
  const { token, seconds } = tokenOf(answer, realm, account !== undefined);
  // A tenth less, so that it doesn't end on its way.
  return { header: `Bearer ${token}`, until: asked + seconds * 900 };
}

function tokenRequest(
  realm: URL,
  parameters: URLSearchParams,
  account: RegistryAccount | undefined,
): HttpRequest {
  if (account?.identityToken !== undefined) {
    parameters.set('grant_type', 'refresh_token');
    parameters.set('client_id', 'keelson');
    parameters.set('refresh_token', account.identityToken);
    return {
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: parameters.toString(),
      maxBytes: MAX_BYTES,
    };
  }
  const url = new URL(realm);
  for (const [name, value] of parameters) url.searchParams.append(name, value);
  const authorization = account && basicAuthorization(account);
  return { method: 'GET', url, headers: { ...(authorization && { authorization }) }, maxBytes: MAX_BYTES };
}

/** The header for a user's name and password; undefined where the account has none. */
export function basicAuthorization({ username, password }: RegistryAccount): string | undefined {
  if (username === undefined || password === undefined) return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function realmOf({ parameters }: Challenge, registry: URL, credential: boolean): URL {
  const text = parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  const plain = realm?.protocol === 'http:';
  if (
    realm === undefined ||
    `${realm.username}${realm.password}` !== '' ||
    !(realm.protocol === 'https:' || (plain && registry.protocol === 'http:'))
  ) {
    throw new RegistryError(
      'protocol',
      `it names no https URL for tokens but ${JSON.stringify(text.slice(0, 200))}: set the realm in the registry's configuration`,
    );
  }
  if (plain && credential && realm.hostname !== registry.hostname) {
    throw new RegistryError(
      'protocol',
      `it asks for an account at ${realm.host} over plain http, where it is not sent: give the registry's tokens an https URL`,
    );
  }
  return realm;
}

// Only to read, whatever the registry asks for. Some know a repository by another name behind their proxy.
function scopeOf({ parameters }: Challenge, repository: string): string {
  const named = /^repository:([^\s:]+(?::[0-9]+\/[^\s:]+)?):[a-z,*]+$/.exec(
    parameters.get('scope') ?? '',
  )?.[1];
  return `repository:${named ?? repository}:pull`;
}

function tokenOf(
  { status, body }: HttpAnswer,
  realm: URL,
  credential: boolean,
): { readonly token: string; readonly seconds: number } {
  if (status === 429 || status >= 500) {
    throw new RegistryError(
      'unreachable',
      `${realm.host} answered ${status} when asked for a token: it is asked again later`,
    );
  }
  if (status >= 400) {
    const remedy = credential
      ? 'check the account and its rights'
      : `give an account for it in the pull secrets or the registry's credential`;
    throw new RegistryError(
      'unauthorized',
      `${realm.host} answered ${status} when asked for a token: ${remedy}`,
    );
  }
  const { token, access_token: accessToken, expires_in: seconds } = json(body);
  const text = token ?? accessToken;
  if (status !== 200 || typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) {
    throw new RegistryError(
      'protocol',
      `${realm.host} answered ${status} without a token: check the registry's realm`,
    );
  }
  const valid = typeof seconds === 'number' && seconds > 0 ? seconds : DEFAULT_SECONDS;
  return { token: text, seconds: Math.min(valid, MAX_SECONDS) };
}

function json(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(body.toString('utf8')));
  } catch {
    return {};
  }
}
