import { setTimeout as sleep } from 'node:timers/promises';
import { ended, failed, interrupted, overdue } from './ended.ts';
import type { GateParts } from './gate-parts.ts';
import { Keeper } from './keeper.ts';
import { type RunningContainer, runningContainer } from './own-pod.ts';
import { recordEnd } from './record-end.ts';
import { awaitsReleases, waitForReleases } from './releases.ts';
import type { Answer } from './run-directory.ts';
import { whyNothingToBuild } from './why-nothing-to-build.ts';

/** How much longer than its time a command may go on: its wrapper ends it in that time. */
const GRACE_SECONDS = 60;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * The gate of a build. All that it does may be done twice, and it goes on from what is in the cluster and in the run
 * directory: so it may be killed anywhere. What it leaves undone the next gate does, or the controller.
 */
export class BuildGate {
  readonly #parts: GateParts;
  #keeper: Keeper | undefined;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Serves one attempt of the wrapper after the other, until the pod is to end. */
  async serve(): Promise<void> {
    const { files, signal, log } = this.#parts;
    let served = 0;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const attempt = await files.attemptAfter(served, signal);
        await this.#serveAttempt(attempt);
        served = attempt;
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ error }, 'the gate tries again');
        const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++);
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      }
    }
    await this.#leave();
  }

  async #serveAttempt(attempt: number): Promise<void> {
    const { files, lease, signal, log } = this.#parts;
    if (!(await lease.tryTake())) {
      log.info('another pod has the Lease of the build, and is waited for');
      await lease.take(signal);
    }
    const answer = (await files.answered(attempt)) ?? (await this.#answer(attempt));
    // What a container that was restarted needs stays up for its next attempt.
    if (answer === 'run' && (await this.#follow(attempt)) === 'restarted') return;
    await this.#standDown();
  }

  /** Decides about an attempt, makes what the build needs, and says so to the wrapper. */
  async #answer(attempt: number): Promise<Answer> {
    const { files, lease, record, log } = this.#parts;
    const running = await this.#running(attempt);
    const answer = await this.#prepare(attempt, running);
    if (answer === 'run' && !lease.isGood) throw new Error('the Lease ran out before the build could start');
    try {
      await files.answer(attempt, answer);
      return answer;
    } catch (error) {
      // A command that was run before may have made a mess of the directory.
      log.error({ error }, 'the wrapper can not be answered');
      const message = `the wrapper could not be answered: ${(error as Error).message}`;
      if (answer === 'run') await record.advance(...failed(running.digest, message));
      return 'fail';
    }
  }

  async #prepare(attempt: number, running: RunningContainer): Promise<Answer> {
    const { configuration, pod, record, services, hold, handOver, signal } = this.#parts;
    const { digest } = running;
    if (running.endedBefore !== undefined) {
      const over = interrupted(attempt, running, await record.own());
      if (over !== undefined) await record.advance(...over);
    }
    const because = hold && (await whyNothingToBuild(this.#parts, running));
    if (because !== undefined) {
      await record.skip(digest, because);
      return 'skip';
    }
    await hold?.hold(handOver && pod.uid);
    await record.begin(digest);
    await this.#keep({ withServices: false });
    await handOver?.nextListener(signal);
    await services.whenEnded(signal);
    await services.start();
    await this.#keep({ withServices: true });
    const problem = await services.whyNotUp(configuration.servicesTimeoutSeconds, signal);
    if (problem !== undefined) {
      await record.advance(...failed(digest, problem));
      return 'fail';
    }
    await record.advance('Running', { digest, startedAt: new Date().toISOString() });
    return 'run';
  }

  /** Waits for the command's end and records it, and for the releases that follow. */
  async #follow(attempt: number): Promise<'restarted' | 'ended'> {
    const { configuration, files, lease, record, services, signal } = this.#parts;
    const { timeoutSeconds = Number.POSITIVE_INFINITY, releaseTimeoutSeconds } = configuration;
    const own = await record.own();
    if (own?.finishedAt === undefined || own.phase === 'Lost') {
      // Where the gate was killed, the controller may have let go of everything meanwhile.
      const keeper = await this.#keep({ withServices: true });
      if ((await files.exitCode(attempt)) === undefined) await keeper.once();
      const startedAt = own?.startedAt === undefined ? Date.now() : Date.parse(own.startedAt);
      const end = await files.endOf(attempt, startedAt + (timeoutSeconds + GRACE_SECONDS) * 1000, signal);
      if (end === 'restarted') return end;
      const { digest } = own ?? (await this.#running(attempt));
      await record.advance(...(end === 'overdue' ? overdue(digest) : ended(digest, end.exitCode)));
    }
    if (awaitsReleases(await record.own(), releaseTimeoutSeconds)) {
      await (await this.#keep({ withServices: false })).once();
      if (lease.isGood) await services.stop();
      await waitForReleases(record, releaseTimeoutSeconds, signal);
    }
    return 'ended';
  }

  #running(attempt: number): Promise<RunningContainer> {
    const { client, pod, configuration, signal } = this.#parts;
    return runningContainer(client, pod, configuration.container, attempt, signal);
  }

  /** Renews the Lease from now on and, while it is this pod's, keeps up what belongs to it. */
  async #keep({ withServices }: { readonly withServices: boolean }): Promise<Keeper> {
    const { lease, hold, services, record, log } = this.#parts;
    await this.#stopKeeping();
    this.#keeper = new Keeper(async () => {
      if (!(await lease.tryTake())) {
        log.warn('another pod of the build has the Lease');
        return;
      }
      await hold?.holdAgain();
      if (withServices) await services.start();
      await record.revive();
    }, log);
    return this.#keeper;
  }

  async #stopKeeping(): Promise<void> {
    await this.#keeper?.stop();
    this.#keeper = undefined;
  }

  /** Stops what runs beside the build, and lets Keel and the Lease go. */
  async #standDown(): Promise<void> {
    const { lease, services } = this.#parts;
    await this.#stopKeeping();
    // What is left where another pod has taken the Lease, is that pod's.
    if (!(await lease.tryTake())) return;
    await Promise.all([services.stop(), this.#letKeelGo()]);
    await lease.giveUp();
  }

  /** One that hands over builds no more: it stays off Keel's watch. */
  async #letKeelGo(): Promise<void> {
    const { hold, handOver } = this.#parts;
    if (handOver === undefined) await hold?.release();
  }

  /** What is left to do when the pod is to end, within what is left of its grace period. */
  async #leave(): Promise<void> {
    const { lease, services, log } = this.#parts;
    try {
      const kept = this.#keeper !== undefined;
      await this.#stopKeeping();
      if (!(kept ? await lease.tryTake() : await lease.isOwn())) return;
      const all = await Promise.allSettled([recordEnd(this.#parts), services.stop(), this.#letKeelGo()]);
      const refused = all.find((one) => one.status === 'rejected');
      if (refused !== undefined) throw refused.reason;
      await lease.giveUp();
    } catch (error) {
      log.warn({ error }, 'not all was put in order; the controller does the rest');
    }
  }
}
