import { setTimeout as sleep } from 'node:timers/promises';
import type { GateHandOverConfiguration } from '../../../lib/agent/configuration.ts';
import type { BuildRun } from '../../../lib/agent/status.ts';
import { KeelsonAnnotations } from '../../../lib/kubernetes/labels.ts';
import { ending, type GateParts, nextAttempt, phaseOf, result } from './build-gate.ts';
import { decide } from './decide.ts';
import type { KeelHold } from './keel-hold.ts';
import { type Pod, runningDigest } from './own-pod.ts';
import type { Answer } from './run-directory.ts';

/** How often the command of one pod is begun again after its container was restarted. */
const MAX_ATTEMPTS = 3;
const RELEASE_POLL_MS = 2_000;
/** How much longer than its time a release may take to be recorded. */
const RELEASE_GRACE_SECONDS = 60;

/**
 * The gate of a watched build. All that it does may be done twice, and it goes on from what is in the cluster and in the
 * run directory: so it may be killed anywhere, and what it leaves undone the controller does.
 */
export class DeploymentGate {
  readonly #parts: GateParts;
  readonly #hold: KeelHold;
  readonly #handOver: GateHandOverConfiguration | undefined;
  /** What keeps Lease and hold while the gate has them. */
  #keeping: { readonly stop: AbortController; readonly keepers: Promise<unknown>[] } | undefined;
  #attempt = 0;

  constructor(parts: GateParts, hold: KeelHold, handOver: GateHandOverConfiguration | undefined) {
    this.#parts = parts;
    this.#hold = hold;
    this.#handOver = handOver;
  }

  /** Serves one attempt of the wrapper after the other, until the pod is to end. */
  async serve(): Promise<void> {
    const { signal, log } = this.#parts;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const attempt = await nextAttempt(this.#parts, this.#attempt);
        await this.#serveAttempt(attempt);
        this.#attempt = attempt;
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ error }, 'the gate tries again');
        await sleep(Math.min(15_000, 500 * 2 ** failures++), undefined, { signal }).catch(() => undefined);
      }
    }
    await this.#leave();
  }

  async #serveAttempt(attempt: number): Promise<void> {
    const { client, pod, configuration, files, lease, signal } = this.#parts;
    await lease.take(signal);
    const { digest, pod: found } = await runningDigest(client, pod, configuration.container, signal);
    this.#keep(digest);
    const answered = await files.answered();
    const resumed = answered?.attempt === attempt ? answered.answer : undefined;
    if (resumed === 'run') await this.#resume(pod.uid);
    const answer = resumed ?? (await this.#answer(attempt, digest, found));
    if (answer === 'run' && !(await this.#follow(attempt, digest))) return;
    await this.#standDown();
  }

  /** Decides about an attempt, makes what the build needs, and says so to the wrapper. */
  async #answer(attempt: number, digest: string, pod: Pod): Promise<Answer> {
    const { files } = this.#parts;
    const answer = await this.#prepare(digest, pod);
    await files.answer(attempt, answer);
    return answer;
  }

  async #prepare(digest: string, pod: Pod): Promise<Answer> {
    const { record, services, configuration, signal } = this.#parts;
    const { runs, image } = await record.situation(digest, signal);
    const known = {
      digest,
      ...(image?.commit && { commit: image.commit }),
      ...(image?.branch && { branch: image.branch }),
    };
    const { annotations = {}, uid = '' } = pod.metadata;
    const before = {
      commit: annotations[KeelsonAnnotations.BUILT_COMMIT] || undefined,
      digest: annotations[KeelsonAnnotations.BUILT_DIGEST] || undefined,
    };
    const decision = decide({ id: uid, digest, image, runs, before });
    const because = decision.answer === 'skip' ? decision.because : await this.#whyLiberated(uid);
    if (because !== undefined) {
      // A run that has ended stays as it is.
      if (!runs.some(({ id, phase }) => id === uid && phase !== 'Skipped')) {
        await record.write('Skipped', { ...known, finishedAt: now(), message: because });
      }
      return 'skip';
    }
    await this.#holdBack(uid);
    await services.start();
    await record.write('Starting', known);
    await this.#waitForNextListener();
    const problem = await services.whyNotUp(configuration.servicesTimeoutSeconds, signal);
    if (problem !== undefined) {
      await record.write('Failed', { digest, finishedAt: now(), message: problem });
      return 'fail';
    }
    await record.write('Running', { digest, startedAt: now() });
    return 'run';
  }

  /** The gate was restarted while the command ran: the controller may have let go of everything meanwhile. */
  async #resume(uid: string): Promise<void> {
    const { record, services } = this.#parts;
    if ((await record.own())?.finishedAt !== undefined) return;
    await this.#holdBack(uid);
    await services.start();
  }

  /** Waits for the command's end and records it. False where the container was restarted, and the command is begun again. */
  async #follow(attempt: number, digest: string): Promise<boolean> {
    const { record } = this.#parts;
    let own = await record.own();
    if (own?.finishedAt === undefined) {
      const end = await ending(this.#parts, attempt, own?.startedAt);
      if ('exitCode' in end) {
        await record.write(phaseOf(end.exitCode), { digest, ...result(end.exitCode) });
      } else if ('overdue' in end) {
        const message = 'the command ran out of time, and did not end when it was told to';
        await record.write('TimedOut', { digest, finishedAt: now(), message });
      } else if (end.restarted === 'OOMKilled' || attempt >= MAX_ATTEMPTS) {
        const message = `the build's container was restarted: ${end.restarted}`;
        await record.write('Failed', { digest, finishedAt: now(), message });
      } else {
        return false;
      }
      own = await record.own();
    }
    if (own?.phase === 'Succeeded') await this.#waitForReleases(own);
    return true;
  }

  /** A build that hands over starts when the next listener is there, or would be late. */
  async #waitForNextListener(): Promise<void> {
    if (this.#handOver === undefined) return;
    const { log, signal } = this.#parts;
    const deadline = Date.now() + this.#handOver.timeoutSeconds * 1000;
    while ((await this.#hold.annotations())[KeelsonAnnotations.HANDED_OVER] === undefined) {
      if (Date.now() > deadline) {
        log.warn('there is no next listener yet; the build starts all the same');
        return;
      }
      await sleep(500, undefined, { signal });
    }
  }

  /** In a namespace that has handed over nothing is built any more, but by the pod that it did so for. */
  async #whyLiberated(uid: string): Promise<string | undefined> {
    if (this.#handOver === undefined) return undefined;
    const annotations = await this.#hold.annotations();
    const to = annotations[KeelsonAnnotations.HANDED_OVER];
    if (to === undefined || annotations[KeelsonAnnotations.HAND_OVER] === uid) return undefined;
    return `this namespace has handed over to ${to}`;
  }

  /** Waits until the controller has said of each part of a release what became of it. */
  async #waitForReleases({ finishedAt }: BuildRun): Promise<void> {
    const { configuration, record, log, signal } = this.#parts;
    const { releaseTimeoutSeconds } = configuration;
    if (releaseTimeoutSeconds === undefined) return;
    const since = Date.parse(finishedAt ?? now());
    const deadline = since + (releaseTimeoutSeconds + RELEASE_GRACE_SECONDS) * 1000;
    for (;;) {
      const releases = (await record.own())?.releases;
      if (releases?.every(({ phase }) => phase !== 'Running')) return;
      if (Date.now() > deadline) {
        log.warn('the releases have not ended in time; the build is let go');
        return;
      }
      await sleep(RELEASE_POLL_MS, undefined, { signal });
    }
  }

  /** Keeps the Lease from now on. */
  #keep(digest: string): void {
    if (this.#keeping !== undefined) return;
    const stop = new AbortController();
    const keeper = this.#parts.lease.keep(this.#until(stop), () => this.#takeUpAgain(digest));
    this.#keeping = { stop, keepers: [keeper] };
  }

  /** Holds Keel back, and keeps it so. */
  async #holdBack(uid: string): Promise<void> {
    await this.#hold.hold(this.#handOver && uid);
    if (this.#keeping !== undefined)
      this.#keeping.keepers.push(this.#hold.keep(this.#until(this.#keeping.stop)));
  }

  #until({ signal }: AbortController): AbortSignal {
    return AbortSignal.any([signal, this.#parts.signal]);
  }

  /** The controller had taken the pod for lost, and has let go of everything; it is still there. */
  async #takeUpAgain(digest: string): Promise<void> {
    const { record, services, log } = this.#parts;
    const own = await record.own();
    if (own === undefined || own.phase === 'Skipped') return;
    log.warn('the Lease was lost, and is taken up again');
    await this.#hold.hold();
    await services.start();
    if (own.phase === 'Lost') {
      const { finishedAt: _, message: __, ...rest } = own;
      await record.write('Running', { ...rest, digest, message: 'the pod was not heard of for a while' });
    }
  }

  /** Stops what runs beside the build, and lets Keel and the Lease go. */
  async #standDown(): Promise<void> {
    const { lease, services } = this.#parts;
    this.#keeping?.stop.abort();
    await Promise.all(this.#keeping?.keepers ?? []);
    this.#keeping = undefined;
    await services.stop();
    // One that hands over builds no more: it stays off Keel's watch.
    if (this.#handOver === undefined) await this.#hold.release();
    await lease.giveUp();
  }

  /** What is left to do when the pod is to end, within what is left of its grace period. */
  async #leave(): Promise<void> {
    const { files, record, log } = this.#parts;
    if (this.#keeping === undefined) return;
    try {
      const own = await record.own();
      if (own !== undefined && own.finishedAt === undefined) {
        const { digest } = own;
        const exitCode = await files.exitCode((await files.attempt()) ?? 0);
        if (exitCode !== undefined) await record.write(phaseOf(exitCode), { digest, ...result(exitCode) });
        else await record.write('Lost', { digest, finishedAt: now(), message: 'the pod went away' });
      }
      await this.#standDown();
    } catch (error) {
      log.warn({ error }, 'not all was put in order; the controller does the rest');
    }
  }
}

function now(): string {
  return new Date().toISOString();
}
