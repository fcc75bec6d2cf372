import type { AddressPolicy } from './address-policy.ts';
import { type Advertisement, AdvertisementReader } from './advertisement.ts';
import { withDeadline } from './deadline.ts';
import { GitError } from './git-error.ts';
import { mediaType, readPackets, statusError } from './http-answer.ts';
import { connectionError, HttpConnections, type HttpResponse } from './http-connections.ts';
import { LsRefsReader, lsRefsCommand } from './ls-refs.ts';
import type { Ref, RefQuery } from './refs.ts';
import { basicAuthorization, type Repository } from './repository.ts';
import { followRedirect, parseGitUrl } from './url-policy.ts';
import { commandUrl, type GitLocation, refsUrl, repositoryUrl, type Way, Ways } from './way.ts';

/** Options of {@link GitHttp}. */
export interface GitHttpOptions {
  readonly addresses: AddressPolicy;
  /** Certificates in PEM that are trusted beside the public ones. */
  readonly certificateAuthority?: string;
  /** How long one look may take, redirects included. @default 20_000 */
  readonly timeoutMs?: number;
}

/** One look at one repository. */
interface Look {
  readonly configured: URL;
  readonly authorization: string | undefined;
  readonly query: RefQuery;
  readonly signal: AbortSignal;
  /** What {@link GitHttp} remembers the repository by. */
  readonly key: string;
}

const MAX_REDIRECTS = 3;
const ADVERTISEMENT = 'application/x-git-upload-pack-advertisement';
const REQUEST = 'application/x-git-upload-pack-request';
const RESULT = 'application/x-git-upload-pack-result';
const NOTHING: RefQuery = { prefixes: [], wanted: () => false };

/**
 * Lists refs of repositories by http(s): one small POST, by version 2 of git's protocol. Where a server doesn't answer
 * that, it is asked what it speaks and where the repository is, and that is remembered.
 *
 * @see https://git-scm.com/docs/gitprotocol-http
 */
export class GitHttp {
  readonly addresses: AddressPolicy;
  readonly #connections: HttpConnections;
  readonly #timeoutMs: number;
  readonly #ways = new Ways();

  constructor({ addresses, certificateAuthority, timeoutMs = 20_000 }: GitHttpOptions) {
    this.addresses = addresses;
    this.#connections = new HttpConnections(addresses, certificateAuthority);
    this.#timeoutMs = timeoutMs;
  }

  /**
   * The refs of a repository that are wanted.
   *
   * @throws GitError
   */
  async listRefs(repository: Repository, query: RefQuery, signal?: AbortSignal): Promise<readonly Ref[]> {
    return await this.#look(repository, query, signal, async (look) => {
      const known = this.#ways.get(look.key, look.configured);
      try {
        if (known.version === 2) return await this.#lsRefs(look, known);
      } catch (error) {
        if (!(error instanceof GitError) || error.kind !== 'protocol') throw error;
      }
      const [way, advertisement] = await this.#discover(look);
      return advertisement.version === 0 ? advertisement.refs : await this.#lsRefs(look, way);
    });
  }

  /**
   * Where a repository is after all redirects, for the git program, which is to follow none itself.
   *
   * @throws GitError
   */
  async locate(repository: Repository, signal?: AbortSignal): Promise<GitLocation> {
    return await this.#look(repository, NOTHING, signal, async (look) => (await this.#discover(look))[0]);
  }

  /** Closes all connections. */
  close(): void {
    this.#connections.close();
  }

  async #look<Result>(
    repository: Repository,
    query: RefQuery,
    programSignal: AbortSignal | undefined,
    use: (look: Look) => Promise<Result>,
  ): Promise<Result> {
    const configured = parseGitUrl(repository.url, this.addresses);
    const { credential } = repository;
    if (configured.protocol === 'ssh:' || credential?.kind === 'ssh') {
      throw new GitError('refused', `an ssh URL or key is of no use over http (${configured.host})`);
    }
    const authorization = credential === undefined ? undefined : basicAuthorization(credential);
    // Where a redirect led without a credential, none is sent.
    const key = `${authorization === undefined ? 'without' : 'with'} ${configured.href}`;
    return await withDeadline(configured.host, this.#timeoutMs, programSignal, async (signal) => {
      try {
        return await use({ configured, authorization, query, signal, key });
      } catch (error) {
        this.#ways.forget(key);
        throw connectionError(configured, error, signal);
      }
    });
  }

  /** Asks for refs by version 2. */
  async #lsRefs(look: Look, { url, reach, objectFormat }: Way): Promise<readonly Ref[]> {
    const body = lsRefsCommand(look.query, objectFormat);
    const response = await this.#request(look, { url: commandUrl(url), reach }, RESULT, body);
    const { statusCode } = response;
    if (statusCode === 200 && mediaType(response) === RESULT) {
      const reader = new LsRefsReader(look.query);
      await readPackets(response, (packet) => reader.add(packet));
      return reader.finish();
    }
    response.destroy();
    if (statusCode === 401 || statusCode === 429 || statusCode >= 500) throw statusError(url, statusCode);
    throw new GitError('protocol', `${url.host} does not answer ls-refs (status ${statusCode})`);
  }

  /** Asks what the server speaks, follows it where it redirects to, and remembers both. */
  async #discover(look: Look): Promise<readonly [Way, Advertisement]> {
    const { configured, query, authorization } = look;
    let at: GitLocation = { url: refsUrl(configured), reach: 'configured' };
    for (let redirects = 0; ; redirects++) {
      const response = await this.#request(look, at, ADVERTISEMENT);
      const { statusCode, headers } = response;
      const type = mediaType(response);
      if (statusCode === 200 && type === ADVERTISEMENT) {
        const url = repositoryUrl(at.url);
        const reader = new AdvertisementReader(query);
        await readPackets(response, (packet) => reader.add(packet));
        const advertisement = reader.finish();
        const { version } = advertisement;
        const way = { url, reach: at.reach, version, objectFormat: advertisement.objectFormat };
        this.#ways.remember(look.key, configured, way);
        return [way, advertisement];
      }
      response.destroy();
      if (statusCode === 200) {
        throw new GitError('protocol', `${at.url.host} answers with ${type} in place of git's protocol`);
      }
      if (![301, 302, 303, 307, 308].includes(statusCode)) throw statusError(at.url, statusCode);
      if (redirects === MAX_REDIRECTS) {
        throw new GitError('refused', `${configured.host} redirects more than ${MAX_REDIRECTS} times`);
      }
      at = followRedirect(headers.location ?? '', {
        configured,
        from: at.url,
        credential: authorization !== undefined,
        addresses: this.addresses,
      });
    }
  }

  /** Sends a request: a POST where there is a body. */
  async #request(
    { authorization, configured, signal }: Look,
    { url, reach }: GitLocation,
    accept: string,
    body?: string,
  ): Promise<HttpResponse> {
    if (authorization !== undefined && url.origin !== configured.origin) {
      throw new GitError('refused', `${url.origin} must not get the credential of ${configured.origin}`);
    }
    const headers = {
      accept,
      // Some servers look for git's own name.
      'user-agent': 'git/keelson-agent',
      'git-protocol': 'version=2',
      ...(body !== undefined && { 'content-type': REQUEST }),
      ...(authorization !== undefined && { authorization }),
    };
    return await this.#connections.request({
      url,
      reach,
      signal,
      headers,
      ...(body !== undefined && { body }),
    });
  }
}
