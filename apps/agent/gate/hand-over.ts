import { setTimeout as sleep } from 'node:timers/promises';
import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import type { Log } from '../observe/log.ts';
import type { KeelHold } from './keel-hold.ts';

const POLL_MS = 500;

/** What a build that hands over has to know of its namespace. */
export class HandOver {
  readonly #hold: KeelHold;
  readonly #pod: string;
  readonly #timeoutSeconds: number;
  readonly #log: Log;

  /** @param pod the pod's UID */
  constructor(hold: KeelHold, pod: string, timeoutSeconds: number, log: Log) {
    this.#hold = hold;
    this.#pod = pod;
    this.#timeoutSeconds = timeoutSeconds;
    this.#log = log;
  }

  /** In a namespace that has handed over nothing is built any more, but by the pod that it did so for. */
  async whyLiberated(): Promise<string | undefined> {
    const annotations = await this.#hold.annotations();
    const to = annotations[KeelsonAnnotations.HANDED_OVER];
    if (to === undefined || annotations[KeelsonAnnotations.HAND_OVER] === this.#pod) return undefined;
    return `this namespace has handed over to ${to}`;
  }

  /** Waits until the next listener is there, or would be late. */
  async nextListener(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + this.#timeoutSeconds * 1000;
    while ((await this.#hold.annotations())[KeelsonAnnotations.HANDED_OVER] === undefined) {
      if (Date.now() > deadline) {
        this.#log.warn('there is no next listener yet; the build starts all the same');
        return;
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
