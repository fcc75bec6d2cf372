import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';

/** Keel writes its old copy of a Deployment within moments of reading it, so the first looks are soon. */
const PAUSES_MS = [2_000, 3_000, 5_000];
const LATER_MS = 10_000;

/** Does something again and again, so that what it makes stays as it is. */
export class Keeper {
  readonly #task: () => Promise<void>;
  readonly #log: Log;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(task: () => Promise<void>, log: Log) {
    this.#task = task;
    this.#log = log;
    this.#ended = this.#keep();
  }

  /** Does it out of turn. */
  async once(): Promise<void> {
    await this.#task().catch((error: unknown) => {
      this.#log.warn({ error }, 'the build could not be looked after');
    });
  }

  /** Ends it, when what it is doing is done. */
  stop(): Promise<void> {
    this.#stop.abort();
    return this.#ended;
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stop;
    for (let round = 0; ; round++) {
      await sleep(PAUSES_MS[round] ?? LATER_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.once();
    }
  }
}
