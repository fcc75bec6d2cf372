import { createHash } from 'node:crypto';
import type { RegistryAccounts } from '../../../lib/agent/registry-accounts.ts';
import { ImageName } from '../../../lib/image/image-name.ts';
import { accountFor } from './account-for.ts';
import { type HttpAnswer, HttpExchange } from './http-exchange.ts';
import { assertValid } from './image-reference.ts';
import { assertManifest, childOf, configOf, labelsIn, MANIFEST_TYPES, parseManifest } from './manifest.ts';
import { RegistryError } from './registry-error.ts';
import { RegistrySession } from './registry-session.ts';
import { nextPage, tagsIn } from './tag-page.ts';

/** A registry and how it is spoken to. */
export interface RegistryTarget {
  /** Host, with the port where it is not the usual one; Docker Hub is `docker.io`. */
  readonly host: string;
  /** Whether it speaks plain http. */
  readonly insecure: boolean;
  /** The certificates, in PEM, of the private authority that signed its own; absent where a public one did. */
  readonly certificateAuthority?: string;
  /** Accounts by place; the one for the repository is chosen. */
  readonly accounts: RegistryAccounts;
}

const MAX_MANIFEST = 4 * 1024 * 1024;
const MAX_CONFIG = 8 * 1024 * 1024;
/** Docker's registry up to 2.8 gives all tags at once. */
const MAX_TAG_PAGE = 16 * 1024 * 1024;
const MAX_TAGS = 100_000;
const MAX_INDEX_DEPTH = 3;
const TIMEOUT_MS = 10_000;
/** For all pages of a list together. */
const LIST_MS = 60_000;

const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$|^sha512:[0-9a-f]{128}$/;
const DOCKER_HUB = /^(docker\.io|index\.docker\.io|registry-1\.docker\.io)$/i;

type Ask = (method: 'GET' | 'HEAD', path: string, maxBytes: number) => Promise<HttpAnswer>;

/**
 * Asks a registry what it has: by the OCI distribution specification, with Docker's tokens. Every method throws
 * a {@link RegistryError}, and what the signal was aborted with.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export class RegistryClient {
  /** The registry as images name it. */
  readonly host: string;
  readonly #accounts: RegistryAccounts;
  readonly #base: URL;
  readonly #exchange: HttpExchange;
  readonly #session: RegistrySession;

  constructor(target: RegistryTarget, { timeoutMs = TIMEOUT_MS }: { readonly timeoutMs?: number } = {}) {
    const { host, insecure, certificateAuthority, accounts } = target;
    assertValid(new ImageName({ registry: host, repository: 'any' }));
    const hub = DOCKER_HUB.test(host);
    this.host = hub ? 'docker.io' : host;
    this.#accounts = accounts;
    this.#base = new URL(`${insecure ? 'http' : 'https'}://${hub ? 'registry-1.docker.io' : host}/v2/`);
    this.#exchange = new HttpExchange(this.#base, certificateAuthority, timeoutMs);
    this.#session = new RegistrySession(this.#exchange, this.#base);
  }

  /** Closes the connections that are kept for a next question. */
  close(): void {
    this.#exchange.close();
  }

  /** The digest that a tag or a digest stands for; undefined where the registry answers 404. */
  async digestOf(repository: string, reference: string, signal?: AbortSignal): Promise<string | undefined> {
    return this.#asked(repository, signal, async (ask) => {
      if (!TAG.test(reference)) checked(reference);
      const path = `manifests/${reference}`;
      const head = await ask('HEAD', path, MAX_MANIFEST);
      if (head.status === 404) return undefined;
      const given = head.headers['docker-content-digest'];
      if (head.status === 200 && typeof given === 'string' && DIGEST.test(given)) return given;
      // The specification doesn't ask for the header, and some registries know no HEAD.
      const { status, body } = await ask('GET', path, MAX_MANIFEST);
      if (status === 404) return undefined;
      assertOk(status, 'a manifest');
      // A page to sign in at is an answer too.
      assertManifest(body);
      return digestLike(reference, body);
    });
  }

  /**
   * The labels of an image. Of an index it is the first image in it that is none of an attestation.
   *
   * @param digest of the manifest or index; what the registry answers has to have it
   */
  async labelsOf(
    repository: string,
    digest: string,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, string>>> {
    return this.#asked(repository, signal, async (ask) => {
      let wanted = digest;
      for (let depth = 0; depth < MAX_INDEX_DEPTH; depth += 1) {
        const answer = await ask('GET', `manifests/${checked(wanted)}`, MAX_MANIFEST);
        const manifest = parseManifest(verified(answer, wanted));
        const child = childOf(manifest);
        if (child === undefined) {
          const config = configOf(manifest);
          return labelsIn(verified(await ask('GET', `blobs/${checked(config)}`, MAX_CONFIG), config));
        }
        wanted = child;
      }
      throw new RegistryError('protocol', `its index ${digest} has indexes of indexes`);
    });
  }

  /**
   * All tags of a repository; none where the registry answers 404. More than 100,000, or than it gives in
   * a minute, are an error.
   */
  async tagsOf(repository: string, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#asked(repository, signal, async (ask) => {
      const tags: string[] = [];
      const end = Date.now() + LIST_MS;
      let query: string | undefined = '?n=1000';
      while (query !== undefined) {
        const path = `tags/list${query}`;
        const { status, headers, body } = await ask('GET', path, MAX_TAG_PAGE);
        if (status === 404) return [];
        assertOk(status, 'the list of tags');
        for (const tag of tagsIn(body)) if (TAG.test(tag)) tags.push(tag);
        query = nextPage(headers['link'], this.#url(repository, path));
        if (query !== undefined && (tags.length >= MAX_TAGS || Date.now() > end)) {
          throw new RegistryError('too-large', `it has more than ${tags.length} tags: delete old ones`);
        }
      }
      return tags;
    });
  }

  /** Runs questions about a repository, and names registry and repository in what goes wrong. */
  async #asked<T>(
    repository: string,
    signal: AbortSignal | undefined,
    questions: (ask: Ask) => Promise<T>,
  ): Promise<T> {
    assertValid(new ImageName({ registry: this.host, repository }));
    const name = this.#apiName(repository);
    const account = accountFor(this.#accounts, this.host, name);
    try {
      return await questions((method, path, maxBytes) => {
        const url = this.#url(repository, path);
        const headers = { accept: path.startsWith('manifests/') ? MANIFEST_TYPES : '*/*' };
        return this.#session.ask(name, account, { method, url, headers, maxBytes }, signal);
      });
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      throw error.about(`registry ${this.host}, repository ${repository}`);
    }
  }

  #url(repository: string, path: string): URL {
    return new URL(`${this.#apiName(repository)}/${path}`, this.#base);
  }

  #apiName(repository: string): string {
    return this.host === 'docker.io' && !repository.includes('/') ? `library/${repository}` : repository;
  }
}

function checked(wanted: string): string {
  if (DIGEST.test(wanted)) return wanted;
  throw new RegistryError(
    'protocol',
    `${JSON.stringify(wanted.slice(0, 200))} is neither a tag nor a digest of sha256 or sha512`,
  );
}

function verified({ status, body }: HttpAnswer, wanted: string): Buffer {
  if (status === 404) throw new RegistryError('missing', `it has no ${wanted} any more`);
  assertOk(status, wanted);
  const found = digestLike(wanted, body);
  if (found !== wanted)
    throw new RegistryError('protocol', `what it gives for ${wanted} has the digest ${found}`);
  return body;
}

function assertOk(status: number, what: string): void {
  if (status !== 200) throw new RegistryError('protocol', `it answered ${status} when asked for ${what}`);
}

/** The digest of some bytes by the algorithm of another. */
function digestLike(like: string, body: Buffer): string {
  const algorithm = like.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(body).digest('hex')}`;
}
