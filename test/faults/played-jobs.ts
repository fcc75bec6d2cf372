// In the place of Kubernetes' Job controller: says of Jobs that they have ended, and remembers each that there was.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubernetes } from '../../apps/agent/kubernetes/client.ts';
import { watch } from '../../apps/agent/kubernetes/watch.ts';
import { agentClient } from '../cluster/agent-context.ts';
import type { WatchedPlatform } from './watched-platform.ts';
import { annotation, type BuildJob } from './watched-project.ts';

/** A Job that was seen. */
export interface SeenJob {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly url: string;
  readonly branch: string;
  readonly commit: string;
  readonly seenAt: number;
  endedAt?: number;
}

/** How a Job ends. */
export type Outcome = 'Complete' | 'Failed';

/** Does what a Job does, and says how it ends; undefined where the test ends it. */
export type Play = (job: SeenJob) => Promise<Outcome | undefined>;

/** A Job that takes some time, in milliseconds. */
export function lasting(milliseconds: () => number): Play {
  return async () => {
    await sleep(milliseconds());
    return 'Complete';
  };
}

/** The Jobs of image builds of a platform. */
export class PlayedJobs {
  /** Every Job that was ever there, in the order in which they were seen. */
  readonly seen: SeenJob[] = [];
  /** Most Jobs that were there at once and had not ended. */
  mostAtOnce = 0;
  readonly #client: Kubernetes;
  readonly #urls: ReadonlySet<string>;
  readonly #play: Play;
  readonly #closed = new AbortController();
  readonly #watching: Promise<void>;
  readonly #ending = new Set<Promise<unknown>>();

  constructor(platform: WatchedPlatform, play: Play = async () => 'Complete') {
    this.#client = agentClient(platform.kubeconfig, undefined, this.#closed.signal);
    this.#urls = new Set(Object.values(platform.projects).map(({ url }) => url));
    this.#play = play;
    this.#watching = this.#watch();
  }

  /** The Jobs that there were for a commit. */
  of(commit: string): readonly SeenJob[] {
    return this.seen.filter((job) => job.commit === commit);
  }

  /** Says that a Job has ended, as often as it takes. */
  async end(job: SeenJob, outcome: Outcome = 'Complete'): Promise<void> {
    const reference = { apiVersion: 'batch/v1', kind: 'Job', namespace: job.namespace, name: job.name };
    while (!this.#closed.signal.aborted) {
      try {
        await this.#client.patch(reference, { metadata: { uid: job.uid }, status: ended(outcome) }, 'status');
        job.endedAt = Date.now();
        return;
      } catch (error) {
        const { status } = error as { status?: number };
        // It has been removed.
        if (status === 404 || status === 409) return;
        if (status === 422) throw error;
        await sleep(100);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#watching;
    await Promise.all(this.#ending);
  }

  async #watch(): Promise<void> {
    const labelSelector = 'keelson.dev/stage=image-build';
    const watched = { apiVersion: 'batch/v1', kind: 'Job', labelSelector };
    for await (const event of watch<BuildJob & { metadata: { uid: string } }>(
      this.#client,
      watched,
      this.#closed.signal,
    )) {
      if (event.type === 'listed') for (const job of event.objects) this.#see(job);
      else if (event.type === 'changed') this.#see(event.object);
      else this.#forget(event.object.metadata.uid);
    }
  }

  /** A Job that was removed runs no more. */
  #forget(uid: string): void {
    const job = this.seen.find((known) => known.uid === uid);
    if (job !== undefined) job.endedAt ??= Date.now();
  }

  #see({ metadata }: BuildJob & { metadata: { uid: string } }): void {
    const { uid, name, namespace = '' } = metadata;
    const [url = '', branch = '', commit = ''] = ['url', 'branch', 'commit'].map((key) =>
      annotation(metadata, key),
    );
    if (!this.#urls.has(url) || this.seen.some((known) => known.uid === uid)) return;
    const job: SeenJob = { uid, name, namespace, url, branch, commit, seenAt: Date.now() };
    this.seen.push(job);
    this.mostAtOnce = Math.max(
      this.mostAtOnce,
      this.seen.filter(({ endedAt }) => endedAt === undefined).length,
    );
    const ending = this.#play(job)
      .then((outcome) => outcome && this.end(job, outcome))
      .finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}

function ended(type: Outcome): object {
  const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  const before = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
  const condition = (name: string): object => ({
    type: name,
    status: 'True',
    lastProbeTime: now,
    lastTransitionTime: now,
    reason: 'Test',
    message: 'the test said so',
  });
  return {
    startTime: now,
    conditions: [condition(before), condition(type)],
    ...(type === 'Complete' ? { completionTime: now, succeeded: 1 } : { failed: 1 }),
  };
}
