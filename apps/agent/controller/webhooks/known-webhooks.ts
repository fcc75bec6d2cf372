import type { SecretKeyConfiguration, SourceConfiguration } from '../../../../lib/agent/configuration.ts';
import type { Log } from '../../observe/log.ts';

/** The webhook of a pipeline's repository. */
export interface KnownWebhook {
  /** What its sender has to know. */
  readonly secret: string;
  /** The repository. */
  readonly url: string;
}

/** What the secrets are read with. */
export interface KnownWebhooksOptions {
  /** The value of a Secret's key in a pipeline's namespace; undefined where there is none. */
  readonly read: (namespace: string, secret: SecretKeyConfiguration) => Promise<string | undefined>;
  readonly log: Log;
  /** How old a secret may be before a delivery has it read again. */
  readonly maxAgeMs?: number;
}

interface Entry {
  readonly url: string;
  readonly key: SecretKeyConfiguration;
  secret: string | undefined;
  readAt: number;
}

/**
 * The webhooks of all pipelines, with their secrets in memory: so a look-up takes as long for a pipeline that there is
 * not. A delivery for one has its secret read again, after the answer and at most once a minute, so that a changed
 * one counts from the next delivery on.
 */
export class KnownWebhooks {
  readonly #options: KnownWebhooksOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: KnownWebhooksOptions) {
    this.#options = options;
  }

  /** Notes a pipeline's source, after its configuration was read. Without a webhook it is forgotten. */
  async set(namespace: string, source: SourceConfiguration | undefined): Promise<void> {
    const key = source?.webhook?.secret;
    if (source === undefined || key === undefined) {
      this.#entries.delete(namespace);
      return;
    }
    const entry = this.#entries.get(namespace);
    const same = entry?.key.secretName === key.secretName && entry.key.key === key.key;
    const next: Entry = { url: source.url, key, secret: same ? entry.secret : undefined, readAt: Date.now() };
    this.#entries.set(namespace, next);
    await this.#read(namespace, next);
  }

  /** Forgets a pipeline that is gone. */
  delete(namespace: string): void {
    this.#entries.delete(namespace);
  }

  /** The webhook of the pipeline in a namespace, from memory. */
  async find(namespace: string): Promise<KnownWebhook | undefined> {
    const entry = this.#entries.get(namespace);
    if (entry === undefined) return undefined;
    const { maxAgeMs = 60_000 } = this.#options;
    const { secret, url } = entry;
    if (Date.now() - entry.readAt >= maxAgeMs) {
      entry.readAt = Date.now();
      setImmediate(() => void this.#read(namespace, entry));
    }
    return secret === undefined ? undefined : { secret, url };
  }

  async #read(namespace: string, entry: Entry): Promise<void> {
    const { read, log } = this.#options;
    const { secretName, key } = entry.key;
    try {
      // Editors and `echo` end files with a line break, which no git server takes into a secret.
      const secret = (await read(namespace, entry.key))?.replace(/[\r\n]+$/, '');
      entry.secret = secret === '' ? undefined : secret;
      if (entry.secret === undefined)
        log.warn({ namespace, secretName, key }, 'the Secret of a webhook is missing: it is refused');
    } catch (error) {
      log.warn({ error, namespace, secretName, key }, 'the Secret of a webhook could not be read');
    }
  }
}
