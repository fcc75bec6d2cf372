import type { Push } from './push.ts';

/** Who is told of pushes. */
export type Notify = (namespace: string, push: Push) => void;

interface Pause {
  readonly timer: NodeJS.Timeout;
  /** What has come meanwhile. */
  waiting: Push | undefined;
}

/**
 * Tells of the first push at once, and of all that follow within the interval together at its end: so often at most is a
 * pipeline's repository polled, however many deliveries a sender makes or repeats.
 */
export class Notifications {
  readonly #notify: Notify;
  readonly #intervalMs: number;
  readonly #pauses = new Map<string, Pause>();

  constructor(notify: Notify, intervalMs = 1000) {
    this.#notify = notify;
    this.#intervalMs = intervalMs;
  }

  /** Tells of a push, now or at the end of the interval. */
  push(namespace: string, push: Push): void {
    const pause = this.#pauses.get(namespace);
    if (pause === undefined) this.#tell(namespace, push);
    // Of pushes to several branches no branch is the hint.
    else pause.waiting = pause.waiting === undefined || pause.waiting.branch === push.branch ? push : {};
  }

  /** Forgets what has not been told. */
  stop(): void {
    for (const { timer } of this.#pauses.values()) clearTimeout(timer);
    this.#pauses.clear();
  }

  #tell(namespace: string, push: Push): void {
    const timer = setTimeout(() => this.#goOn(namespace), this.#intervalMs);
    timer.unref();
    this.#pauses.set(namespace, { timer, waiting: undefined });
    this.#notify(namespace, push);
  }

  #goOn(namespace: string): void {
    const waiting = this.#pauses.get(namespace)?.waiting;
    this.#pauses.delete(namespace);
    if (waiting !== undefined) this.#tell(namespace, waiting);
  }
}
