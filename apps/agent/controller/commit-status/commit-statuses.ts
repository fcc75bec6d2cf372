import { Counter, type Registry } from 'prom-client';
import type { SecretKeyConfiguration, StatusesConfiguration } from '../../../../lib/agent/configuration.ts';
import type { Log } from '../../observe/log.ts';
import { CommitStatusError } from './errors.ts';
import { postCommitStatus } from './post-commit-status.ts';
import type { CommitStatus } from './status.ts';

/** What commit statuses are written with. */
export interface CommitStatusesOptions {
  /** The value of a Secret's key in a pipeline's namespace; undefined where there is none. */
  readonly read: (namespace: string, secret: SecretKeyConfiguration) => Promise<string | undefined>;
  /** Told of a status that was not written and will not be, such as for an Event. */
  readonly failed: (namespace: string, error: CommitStatusError) => void;
  readonly log: Log;
  readonly metrics: Registry;
  /** Ends all of it; what has not been written then is forgotten. */
  readonly signal: AbortSignal;
  /** What requests are made with. */
  readonly fetch: typeof fetch;
  readonly post?: typeof postCommitStatus;
}

/** Where a status is written. */
export type WrittenTo = StatusesConfiguration & {
  /** Whether the API may be asked by plain http, as a repository is that is read by it. @default false */
  readonly allowHttp?: boolean;
};

interface Item {
  readonly target: WrittenTo;
  readonly status: CommitStatus;
}

/** Statuses that wait for one pipeline; an API that is away for long must not fill the memory. */
const MAX_WAITING = 100;
/** Statuses that are known to be written, over all pipelines. */
const MAX_KNOWN = 5000;
/** What could not be written, by all tries, is left alone for so long. */
const QUIET_MS = 10 * 60_000;
const METRIC = 'keelson_commit_statuses_total';

type Result = 'written' | 'failed' | 'dropped';

/**
 * Writes commit statuses in the background, one at a time for each pipeline. A newer status takes the place of one of the
 * same commit and context that still waits, and what was written last is not written again.
 */
export class CommitStatuses {
  readonly #options: CommitStatusesOptions;
  readonly #results: Counter<'result'>;
  readonly #waiting = new Map<string, Map<string, Item>>();
  readonly #writers = new Map<string, Promise<void>>();
  /** What was written last, by pipeline, commit and context; what was written longest ago is first. */
  readonly #written = new Map<string, string>();
  /** What could not be written, and until when it is not tried again: whoever posts says the same time and again. */
  readonly #failed = new Map<string, { readonly content: string; readonly until: number }>();

  constructor(options: CommitStatusesOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#results =
      (metrics.getSingleMetric(METRIC) as Counter<'result'> | undefined) ??
      new Counter({
        name: METRIC,
        help: 'Commit statuses: written, failed, or dropped because too many waited.',
        labelNames: ['result'],
        registers: [metrics],
      });
  }

  /** Has a status written. It returns at once and throws nothing. */
  post(namespace: string, target: WrittenTo, status: CommitStatus): void {
    if (this.#options.signal.aborted) return;
    const waiting = this.#waiting.get(namespace) ?? new Map<string, Item>();
    this.#waiting.set(namespace, waiting);
    waiting.set(keyOf(status), { target, status });
    const [oldest] = waiting.keys();
    if (waiting.size > MAX_WAITING && oldest !== undefined) {
      waiting.delete(oldest);
      this.#count('dropped');
    }
    if (!this.#writers.has(namespace)) this.#writers.set(namespace, this.#writeAll(namespace, waiting));
  }

  /** Waits until nothing is waiting. */
  async settled(): Promise<void> {
    while (this.#writers.size > 0) await Promise.all(this.#writers.values());
  }

  async #writeAll(namespace: string, waiting: Map<string, Item>): Promise<void> {
    // The caller goes on first.
    await Promise.resolve();
    for (let next = first(waiting); next !== undefined; next = first(waiting)) {
      const [key, item] = next;
      waiting.delete(key);
      if (!this.#options.signal.aborted) await this.#write(namespace, key, item);
    }
    this.#waiting.delete(namespace);
    this.#writers.delete(namespace);
  }

  async #write(namespace: string, key: string, { target, status }: Item): Promise<void> {
    const { log, signal, failed, fetch, post = postCommitStatus } = this.#options;
    const { allowHttp = false } = target;
    const { commit, context, state, description, targetUrl } = status;
    const known = `${namespace} ${key}`;
    const content = JSON.stringify([target.apiUrl, target.repository, state, description, targetUrl]);
    if (this.#written.get(known) === content) return;
    const failure = this.#failed.get(known);
    if (failure?.content === content && Date.now() < failure.until) return;
    try {
      const token = await this.#token(namespace, target.token);
      await post(target, status, { token, signal, fetch, allowHttp });
      remember(this.#written, known, content);
      this.#failed.delete(known);
      this.#count('written');
      log.info({ namespace, commit, context, state }, 'a commit status was written');
    } catch (error) {
      if (signal.aborted) return;
      this.#written.delete(known);
      this.#count('failed');
      log.warn({ error, namespace, commit, context, state }, 'a commit status was not written');
      if (!(error instanceof CommitStatusError)) return;
      const quiet = Math.max(error.retryAfterMs ?? 0, QUIET_MS);
      remember(this.#failed, known, { content, until: Date.now() + quiet });
      failed(namespace, error);
    }
  }

  async #token(namespace: string, secret: SecretKeyConfiguration): Promise<string> {
    const token = (await this.#options.read(namespace, secret))?.trim();
    if (token !== undefined && token !== '') return token;
    throw new CommitStatusError(
      'unauthorized',
      `a commit status was not written: the Secret ${secret.secretName} has no key ${secret.key}`,
    );
  }

  #count(result: Result): void {
    this.#results.inc({ result });
  }
}

/** As the newest entry; the oldest one is forgotten where there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KNOWN && oldest !== undefined) map.delete(oldest);
}

function keyOf({ commit, context }: CommitStatus): string {
  return `${commit} ${context}`;
}

function first(waiting: ReadonlyMap<string, Item>): [string, Item] | undefined {
  return waiting.entries().next().value;
}
