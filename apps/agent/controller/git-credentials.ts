import type { GitCredentialConfiguration, SourceConfiguration } from '../../../lib/agent/configuration.ts';
import type { Repository, RepositoryCredential } from '../git/repository.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import { readSecret } from './read-secret.ts';

/** A token that is replaced in its Secret is used within this time. */
const FRESH_MS = 5 * 60_000;

/** The repository of a pipeline with its credential, which is read from its Secret now and then. */
export class RepositorySource {
  readonly #client: Kubernetes;
  readonly #namespace: string;
  #read:
    | { readonly at: number; readonly name: string; readonly credential: RepositoryCredential }
    | undefined;

  constructor(client: Kubernetes, namespace: string) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /** The repository as it can be read now. */
  async repository({ url, credential }: SourceConfiguration): Promise<Repository> {
    if (credential === undefined) return { url };
    const name = JSON.stringify(credential);
    if (this.#read === undefined || this.#read.name !== name || Date.now() - this.#read.at > FRESH_MS) {
      this.#read = { at: Date.now(), name, credential: await this.#readCredential(credential) };
    }
    return { url, credential: this.#read.credential };
  }

  /** Reads the Secret again at the next use: the server did not take what was in it. */
  forget(): void {
    this.#read = undefined;
  }

  async #readCredential(credential: GitCredentialConfiguration): Promise<RepositoryCredential> {
    const { secretName, key } = credential.kind === 'token' ? credential.token : credential.privateKey;
    const text = await readSecret({ client: this.#client }, this.#namespace, { secretName, key });
    if (text === undefined) {
      throw new Error(
        `the Secret ${secretName} in ${this.#namespace} is missing or has no key ${key}: create it, as the repository needs it`,
      );
    }
    return credential.kind === 'token'
      ? { kind: 'token', username: credential.username, token: text }
      : { kind: 'ssh', privateKey: text, knownHosts: credential.knownHosts };
  }
}
