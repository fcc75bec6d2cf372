import type { BuildPhase, BuildRun } from '../../../lib/agent/status.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Events } from '../kubernetes/events.ts';
import type { Log } from '../observe/log.ts';
import {
  type BuildRecord,
  changeBuildRecord,
  readBuildRecord,
  type StatusReference,
  withRun,
} from '../status/build-status.ts';
import type { OwnPod } from './own-pod.ts';

const WARNINGS: ReadonlySet<BuildPhase> = new Set<BuildPhase>(['Failed', 'TimedOut', 'Lost']);

/** What the gate says of a run; whose it is, and what is known of its image, is added. */
type RunState = Omit<BuildRun, 'id' | 'pod'>;

/** How a run goes on or ends. */
export type RunChange = Pick<BuildRun, 'digest' | 'startedAt' | 'finishedAt' | 'exitCode' | 'message'>;

/** What is known of the runs of a build, kept in the build's status ConfigMap. */
export class RunRecord {
  readonly #client: Kubernetes;
  readonly #status: StatusReference;
  readonly #limit: number;
  readonly #events: Events;
  readonly #log: Log;
  readonly #pod: OwnPod;

  constructor(options: {
    readonly client: Kubernetes;
    readonly status: StatusReference;
    readonly historyLimit: number;
    readonly events: Events;
    readonly log: Log;
    readonly pod: OwnPod;
  }) {
    this.#client = options.client;
    this.#status = options.status;
    this.#limit = options.historyLimit;
    this.#events = options.events;
    this.#log = options.log;
    this.#pod = options.pod;
  }

  /** All that is known of the build. */
  read(): Promise<BuildRecord> {
    return readBuildRecord(this.#client, this.#status);
  }

  /** This pod's run as it is recorded; undefined where it is not. */
  async own(): Promise<BuildRun | undefined> {
    return (await this.read()).runs.find(({ id }) => id === this.#pod.uid);
  }

  /** Records that a run begins. Others that have not ended never will: this pod has the Lease. */
  async begin(digest: string): Promise<void> {
    await this.#write(() => ({ phase: 'Starting', digest }), ended);
  }

  /** Records that there is nothing to do, unless this pod is the one that has done it. */
  async skip(digest: string, message: string): Promise<void> {
    const skipped: RunState = { phase: 'Skipped', digest, finishedAt: now(), message };
    await this.#write((own) => (own === undefined || own.phase === 'Skipped' ? skipped : undefined), ended);
  }

  /** Records how the run goes on or has ended. */
  async advance(phase: BuildPhase, change: RunChange): Promise<void> {
    await this.#write((own) => ({ ...(own && unended(own)), ...change, phase }));
  }

  /** Goes on with a run that the controller has taken for lost. */
  async revive(): Promise<void> {
    const own = await this.own();
    if (own?.phase !== 'Lost') return;
    const message = 'the pod was not heard of for a while';
    await this.advance(own.startedAt === undefined ? 'Starting' : 'Running', { digest: own.digest, message });
  }

  async #write(
    next: (own: BuildRun | undefined) => RunState | undefined,
    other: (run: BuildRun) => BuildRun = (run) => run,
  ): Promise<void> {
    const { uid, name } = this.#pod;
    let written: BuildRun | undefined;
    await changeBuildRecord(this.#client, this.#status, (record) => {
      const state = next(record.runs.find(({ id }) => id === uid));
      if (state === undefined) return record;
      const image = record.images.find(({ digest }) => digest === state.digest);
      written = { id: uid, pod: name, ...state, ...image };
      const others = record.runs.map((run) => (run.id === uid ? run : other(run)));
      return { ...record, runs: withRun(others, written, this.#limit) };
    });
    if (written !== undefined) await this.#say(written);
  }

  async #say({ phase, digest, commit, exitCode, message }: BuildRun): Promise<void> {
    this.#log.info({ phase, digest, commit, exitCode }, message ?? `the run is ${phase}`);
    await this.#events.say(
      { apiVersion: 'v1', kind: 'Pod', metadata: { ...this.#pod } },
      {
        type: WARNINGS.has(phase) ? 'Warning' : 'Normal',
        reason: `Build${phase}`,
        message: `${commit === undefined ? digest : `commit ${commit}`}${message === undefined ? '' : `: ${message}`}`,
      },
    );
  }
}

/** A run without what is said of its end. */
function unended({ finishedAt: _, exitCode: __, message: ___, ...run }: BuildRun): BuildRun {
  return run;
}

function ended(run: BuildRun): BuildRun {
  if (run.phase !== 'Starting' && run.phase !== 'Running') return run;
  return { ...run, phase: 'Lost', finishedAt: now(), message: 'the pod went away' };
}

function now(): string {
  return new Date().toISOString();
}
