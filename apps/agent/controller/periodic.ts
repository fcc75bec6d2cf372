import type { Log } from '../observe/log.ts';

/** Options of a {@link Periodic}. */
export interface PeriodicOptions {
  /** Its name, in logs. */
  readonly name: string;
  /** What is done; it may say in how many milliseconds it wants to be done again, else it is `interval`. */
  readonly task: () => Promise<number | undefined>;
  readonly intervalMs: number;
  /** The longest pause while it fails, in milliseconds. @default 600_000 */
  readonly longestPauseMs?: number;
  readonly log: Log;
  /** Called for each failure. */
  readonly failed?: (error: unknown) => void;
  readonly signal: AbortSignal;
}

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 600_000;

/** Does something again and again: one at a time, at once when woken, and ever later while it fails. */
export class Periodic {
  readonly #options: PeriodicOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;

  constructor(options: PeriodicOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  /** Does it soon: in a while, where that is said, at once elsewhere. A task that runs is run again after it has ended. */
  wake(inMs = 0): void {
    if (this.#options.signal.aborted) return;
    if (this.#running === undefined) this.#schedule(inMs);
    else this.#again = true;
  }

  /** Resolves when nothing runs any more. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #schedule(inMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#run();
    }, inMs);
  }

  async #run(): Promise<void> {
    const { name, task, intervalMs, longestPauseMs = LONGEST_PAUSE_MS } = this.#options;
    const { log, failed, signal } = this.#options;
    let next = intervalMs;
    try {
      next = (await task()) ?? intervalMs;
      this.#failures = 0;
    } catch (error) {
      if (!signal.aborted) {
        const pause = Math.min(longestPauseMs, FIRST_PAUSE_MS * 2 ** this.#failures++);
        next = pause * (0.75 + Math.random() / 2);
        log.warn({ error, task: name, seconds: Math.round(next / 1000) }, 'is tried again');
        failed?.(error);
      }
    } finally {
      this.#running = undefined;
    }
    if (signal.aborted) return;
    this.#schedule(this.#again ? 0 : next);
    this.#again = false;
  }
}
