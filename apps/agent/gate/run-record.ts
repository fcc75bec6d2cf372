import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Events } from '../kubernetes/events.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { Log } from '../observe/log.ts';
import { changeBuildRecord, readBuildRecord, type StatusReference, withRun } from '../status/build-status.ts';
import type { KnownImage } from '../status/known-images.ts';
import type { OwnPod } from './own-pod.ts';

/** How long a gate waits for the controller to say of which commit an image is. */
const IMAGE_MS = 10_000;

const WARNINGS: ReadonlySet<BuildPhase> = new Set<BuildPhase>(['Failed', 'TimedOut', 'Lost']);

/** What is known of a run of a build, kept in the build's status ConfigMap. */
export class RunRecord {
  readonly #client: Kubernetes;
  readonly #status: StatusReference;
  readonly #limit: number;
  readonly #workload: KubernetesObject;
  readonly #events: Events;
  readonly #log: Log;
  readonly #pod: OwnPod;

  constructor(options: {
    readonly client: Kubernetes;
    readonly status: StatusReference;
    readonly historyLimit: number;
    /** What Events are about. */
    readonly workload: KubernetesObject;
    readonly events: Events;
    readonly log: Log;
    readonly pod: OwnPod;
  }) {
    this.#client = options.client;
    this.#status = options.status;
    this.#limit = options.historyLimit;
    this.#workload = options.workload;
    this.#events = options.events;
    this.#log = options.log;
    this.#pod = options.pod;
  }

  /** This pod's run as it is recorded; undefined where it is not. */
  async own(): Promise<BuildRun | undefined> {
    return (await this.runs()).find(({ id }) => id === this.#pod.uid);
  }

  /** All runs, newest first. */
  async runs(): Promise<readonly BuildRun[]> {
    return (await readBuildRecord(this.#client, this.#status)).runs;
  }

  /**
   * All runs, and what is known of the image of this digest. Where runs came before, the controller is given a moment to
   * find out its commit: without one, only the digest can say whether it was built.
   */
  async situation(
    digest: string,
    signal: AbortSignal,
  ): Promise<{ readonly runs: readonly BuildRun[]; readonly image: KnownImage | undefined }> {
    const deadline = Date.now() + IMAGE_MS;
    for (;;) {
      const { runs, images } = await readBuildRecord(this.#client, this.#status);
      const image = images.find((known) => known.digest === digest);
      const decisive = runs.some((run) => run.commit !== undefined && run.digest !== digest);
      if (image !== undefined || !decisive || Date.now() > deadline) return { runs, image };
      await sleep(500, undefined, { signal });
    }
  }

  /** Records what has become of the run. The pods of other runs that have not ended are gone: this one has the Lease. */
  async write(phase: BuildPhase, change: Partial<BuildRun> & { readonly digest: string }): Promise<void> {
    const { uid, name } = this.#pod;
    let written: BuildRun | undefined;
    await changeBuildRecord(this.#client, this.#status, (record) => {
      const before = record.runs.find(({ id }) => id === uid);
      written = { ...before, ...change, id: uid, pod: name, phase };
      const others = record.runs.map((run) => (run.id === uid ? run : ended(run)));
      return { ...record, runs: withRun(others, written, this.#limit) };
    });
    const { digest, commit, message, exitCode } = written ?? change;
    this.#log.info({ phase, digest, commit, exitCode }, message ?? 'the run goes on');
    await this.#events.say(this.#workload, {
      type: WARNINGS.has(phase) ? 'Warning' : 'Normal',
      reason: `Build${phase}`,
      message: `${commit === undefined ? digest : `commit ${commit}`}${message === undefined ? '' : `: ${message}`}`,
    });
  }
}

function ended(run: BuildRun): BuildRun {
  if (run.phase !== 'Starting' && run.phase !== 'Running') return run;
  return { ...run, phase: 'Lost', finishedAt: new Date().toISOString(), message: 'the pod went away' };
}
