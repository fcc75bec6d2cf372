import type { RegistryAccount } from '../../../lib/agent/registry-accounts.ts';
import { type Authorization, basicAuthorization, fetchBearerToken } from './bearer-token.ts';
import { parseChallenges } from './challenge.ts';
import type { HttpAnswer, HttpExchange, HttpRequest } from './http-exchange.ts';
import { RegistryError } from './registry-error.ts';

const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * Asks a registry with the authorization that it wants, which is found out once for each repository, and follows
 * where it sends its clients. An authorization never leaves the registry.
 */
export class RegistrySession {
  readonly #exchange: HttpExchange;
  readonly #registry: URL;
  readonly #authorizations = new Map<string, Authorization>();

  constructor(exchange: HttpExchange, registry: URL) {
    this.#exchange = exchange;
    this.#registry = registry;
  }

  /**
   * Sends a request about a repository.
   *
   * @throws RegistryError where there is no answer, or one of 401, 403, 429 or 5xx
   */
  async ask(
    repository: string,
    account: RegistryAccount | undefined,
    request: HttpRequest,
    signal?: AbortSignal,
  ): Promise<HttpAnswer> {
    const known = this.#authorizations.get(repository);
    let answer = await this.#follow(
      request,
      known !== undefined && known.until > Date.now() ? known : undefined,
      signal,
    );
    if (answer.status === 401) {
      const authorization = await this.#authorize(repository, account, answer, signal);
      if (authorization !== undefined) {
        answer = await this.#follow(request, authorization, signal);
        if (answer.status !== 401) this.#authorizations.set(repository, authorization);
      }
    }
    assertAnswered(answer, account !== undefined);
    return answer;
  }

  async #authorize(
    repository: string,
    account: RegistryAccount | undefined,
    answer: HttpAnswer,
    signal: AbortSignal | undefined,
  ): Promise<Authorization | undefined> {
    this.#authorizations.delete(repository);
    const challenges = parseChallenges(answer.headers['www-authenticate'] ?? '');
    const challenge = challenges.find(({ scheme }) => scheme === 'bearer');
    if (challenge !== undefined) {
      const question = { registry: this.#registry, challenge, repository, account };
      return fetchBearerToken(this.#exchange, question, signal);
    }
    const basic = challenges.some(({ scheme }) => scheme === 'basic');
    const header = basic && account ? basicAuthorization(account) : undefined;
    return header === undefined ? undefined : { header, until: Number.POSITIVE_INFINITY };
  }

  async #follow(
    request: HttpRequest,
    authorization: Authorization | undefined,
    signal: AbortSignal | undefined,
  ): Promise<HttpAnswer> {
    let { url } = request;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const ours = url.origin === this.#registry.origin;
      const headers = {
        ...request.headers,
        ...(ours && authorization && { authorization: authorization.header }),
      };
      const answer = await this.#exchange.send({ ...request, url, headers }, signal);
      if (!REDIRECTS.has(answer.status)) {
        // The challenge of another server is none of the registry's.
        return ours ? answer : { ...answer, headers: { ...answer.headers, 'www-authenticate': '' } };
      }
      url = this.#redirected(url, answer.headers.location);
    }
    throw new RegistryError('protocol', `it redirects more than ${MAX_REDIRECTS} times`);
  }

  #redirected(from: URL, location: string | undefined): URL {
    const url =
      location !== undefined && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    const plain = url?.protocol === 'http:' && this.#registry.protocol === 'http:';
    if (url === undefined || !(url.protocol === 'https:' || plain)) {
      throw new RegistryError('protocol', 'it redirects to something that is no https URL');
    }
    url.username = '';
    url.password = '';
    return url;
  }
}

function assertAnswered({ status, body }: HttpAnswer, credential: boolean): void {
  if (status === 401 || status === 403) {
    const remedy = credential
      ? 'check that the account may read the repository, and that the repository is there'
      : 'give an account for it, or check that the repository is there';
    throw new RegistryError('unauthorized', `it answered ${status}${errorCode(body)}: ${remedy}`);
  }
  if (status === 429 || status >= 500) {
    throw new RegistryError(
      'unreachable',
      `it answered ${status}${errorCode(body)}: it is asked again later`,
    );
  }
}

/** The code in a registry's error, where there is one that may be shown. */
function errorCode(body: Buffer): string {
  const code = /"code"\s*:\s*"([A-Z_]{1,40})"/.exec(body.subarray(0, 4096).toString('latin1'))?.[1];
  return code === undefined ? '' : ` (${code})`;
}
