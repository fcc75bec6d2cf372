import { fillTemplate } from '../../../lib/agent/job-template.ts';
import { hasStatus, KubernetesError } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { watch } from '../kubernetes/watch.ts';
import type { BuildSlots } from './build-slots.ts';
import { cancelJob } from './cancel-job.ts';
import { makeCommitNamespace } from './commit-namespace.ts';
import type { ControllerContext } from './context.ts';
import { type Job, jobHasEnded, jobOutcome } from './job-outcome.ts';
import { change, hasEnded, hopeless, type ImageBuild, type Ledger, startable } from './ledger.ts';
import type { LedgerStore } from './ledger-store.ts';
import { buildId, templateValues } from './names.ts';
import { requireMadeFor } from './own-objects.ts';
import { imageOf, type PipelineHandle, pipelineObject } from './pipeline.ts';
import { MissingSecretError, readCommitSecrets } from './registry-accounts.ts';

/** What image builds need beside the cluster. */
export interface ImageBuildsOptions {
  readonly pipeline: PipelineHandle;
  readonly ledger: LedgerStore;
  readonly slots: BuildSlots;
  /** Whether the image of a build that is made only where it is absent is there. */
  readonly isThere: (build: ImageBuild) => Promise<boolean>;
  /** Whether builds have to wait, since the registry can't take images just now. */
  readonly mayStart: () => boolean;
  /** Called when a build's phase has changed. */
  readonly changed: (build: ImageBuild) => void;
  /** Called when it is worth to look again. */
  readonly wake: () => void;
  readonly signal: AbortSignal;
}

const FIRST_PAUSE_MS = 10_000;
const LONGEST_PAUSE_MS = 600_000;

/** Builds the images that a pipeline's ledger asks for, each in a namespace of its own. */
export class ImageBuilds {
  readonly #context: ControllerContext;
  readonly #options: ImageBuildsOptions;
  /** Builds whose Job is followed. */
  readonly #followed = new Map<string, AbortController>();
  /** Builds whose objects could not be made, and when the next try is. */
  readonly #failures = new Map<string, { readonly count: number; readonly next: number }>();

  constructor(context: ControllerContext, options: ImageBuildsOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Does what there is to do for the ledger as it is. Called one at a time. */
  async reconcile(): Promise<void> {
    const { ledger, pipeline, slots, mayStart, signal, wake } = this.#options;
    let { builds } = await ledger.read();
    const unfinished = builds.filter((build) => !hasEnded(build));
    // What was superseded meanwhile is not tried again.
    for (const id of this.#failures.keys())
      if (!unfinished.some((build) => build.id === id)) this.#failures.delete(id);
    for (const build of unfinished) {
      if (build.phase !== 'Canceling') continue;
      slots.occupy(pipeline.namespace, build.id);
      await this.#cancel(build);
    }
    for (const build of unfinished) if (build.phase === 'Running') await this.#ensureMade(build);
    if (!unfinished.some(({ phase }) => phase === 'Waiting')) return;
    const { images, releases } = await this.#options.pipeline.configuration();
    const all = { images, releases } as Parameters<typeof imageOf>[0];
    const after = (build: ImageBuild): readonly string[] => imageOf(all, build)?.after ?? [];
    for (const [build, because] of hopeless(await ledger.read(), after)) {
      const message = `the image ${because.image}, which it is built from, was not built`;
      await this.#end(build, { phase: 'Failed', message });
    }
    builds = startable(await ledger.read(), after);
    for (const build of builds) {
      if (this.#pausesUntil(build.id) > Date.now() || !mayStart() || signal.aborted) continue;
      if (slots.take(pipeline.namespace, build.id, wake)) await this.#start(build);
    }
  }

  /** When the next try of a build is, for whoever calls again. */
  get nextTry(): number {
    const now = Date.now();
    // One whose pause is over waits for something else.
    const times = [...this.#failures.values()].map(({ next }) => next).filter((next) => next > now);
    return Math.min(Number.POSITIVE_INFINITY, ...times);
  }

  async #start(build: ImageBuild): Promise<void> {
    const { ledger, isThere, slots } = this.#options;
    try {
      if (await isThere(build)) {
        await this.#end(build, { phase: 'Skipped', message: `${build.target} is there already` });
        return;
      }
      // Noted before it is made: whoever finds the note makes what is missing, and nobody decides a second time.
      const startedAt = new Date().toISOString();
      const running = await ledger.change((now) =>
        now.builds.some(({ id, phase }) => id === build.id && phase === 'Waiting')
          ? change(now, build.id, { phase: 'Running', startedAt })
          : now,
      );
      const started = running.builds.find(({ id }) => id === build.id);
      if (started?.phase !== 'Running') {
        slots.free(build.id);
        return;
      }
      this.#options.changed(started);
      await this.#ensureMade(started);
    } catch (error) {
      if (!this.#followed.has(build.id)) slots.free(build.id);
      await this.#failed(build, error);
    }
  }

  /** Makes what is missing of a running build, and follows its Job. */
  async #ensureMade(build: ImageBuild): Promise<void> {
    const { pipeline, slots, mayStart, signal, wake } = this.#options;
    if (this.#followed.has(build.id) || this.#pausesUntil(build.id) > Date.now() || signal.aborted) return;
    let isMissing = false;
    try {
      const configuration = await pipeline.configuration();
      const image = imageOf(configuration, build);
      if (image === undefined) {
        await this.#end(build, {
          phase: 'Failed',
          message: `the pipeline has no image ${build.image} any more`,
        });
        return;
      }
      const { branch, commit, version, id, tested, outputs } = build;
      const values = templateValues({
        ...{ url: configuration.source?.url ?? '', branch, commit, version, id },
        ...(tested !== undefined && { digest: tested }),
        ...(outputs !== undefined && { outputs }),
      });
      const objects = fillTemplate(image.jobTemplate, values) as unknown as readonly KubernetesObject[];
      const job = jobOf(objects);
      const { namespace } = values;
      const { name } = job.metadata;
      const found = await this.#find(namespace, name);
      if (found === undefined) {
        isMissing = true;
        if (!mayStart()) {
          slots.free(id);
          return;
        }
        if (!slots.take(pipeline.namespace, id, wake)) return;
        const secrets = await readCommitSecrets(this.#context, pipeline.namespace, image);
        await makeCommitNamespace(this.#context, pipeline.namespace, namespace, objects, secrets);
        this.#context.log.info(
          { pipeline: pipeline.name, image: build.image, branch, commit, namespace, attempt: build.attempt },
          'the image build was started',
        );
      } else slots.occupy(pipeline.namespace, id);
      this.#failures.delete(id);
      this.#follow(build, namespace, name, image.maxAttempts);
    } catch (error) {
      if (error instanceof MissingSecretError) {
        const optional = build.release !== undefined && error.namespace !== pipeline.namespace;
        await this.#end(build, { phase: optional ? 'Skipped' : 'Failed', message: error.message });
      } else {
        // A template that can't be made must not keep others' builds from starting.
        if (isMissing || !(error instanceof KubernetesError)) slots.free(build.id);
        await this.#failed(build, error);
      }
    }
  }

  async #find(namespace: string, name: string): Promise<Job | undefined> {
    const reference = { apiVersion: 'batch/v1', kind: 'Job', namespace, name };
    // Before the namespace is there, nobody has rights in it.
    const found = await this.#context.client.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
    if (found === undefined) return undefined;
    requireMadeFor(this.#options.pipeline.namespace, found);
    return this.#context.client.get<Job>(reference).catch((error: unknown) => {
      if (hasStatus(error, 403)) return undefined;
      throw error;
    });
  }

  #follow(build: ImageBuild, namespace: string, name: string, maxAttempts: number): void {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#options.signal]);
    this.#followed.set(build.id, stop);
    this.#context.metrics.imageBuildsRunning.inc();
    const followed = async (): Promise<void> => {
      const job = await this.#waitForEnd(namespace, name, signal);
      if (signal.aborted) return;
      if (job === undefined) {
        this.#context.log.warn({ namespace }, 'the Job of an image build is gone, and is made again');
        return;
      }
      const outcome = await jobOutcome(this.#context, job);
      if (outcome.phase === 'Failed' && build.attempt < maxAttempts)
        await this.#tryAgain(build, outcome.message);
      else await this.#end(build, outcome);
    };
    void followed()
      .catch((error: unknown) => this.#failed(build, error))
      .finally(() => {
        this.#context.metrics.imageBuildsRunning.dec();
        this.#followed.delete(build.id);
        this.#options.wake();
      });
  }

  /** The Job when it has ended; undefined where it is gone. */
  async #waitForEnd(namespace: string, name: string, signal: AbortSignal): Promise<Job | undefined> {
    const watched = { apiVersion: 'batch/v1', kind: 'Job', namespace, name };
    const { client, log } = this.#context;
    const onProblem = (error: unknown): void => log.warn({ error, namespace }, 'a Job is not watched');
    for await (const event of watch<Job>(client, watched, signal, onProblem)) {
      if (event.type === 'deleted') return undefined;
      const job = event.type === 'listed' ? event.objects[0] : event.object;
      if (job === undefined || jobHasEnded(job)) return job;
    }
    return undefined;
  }

  async #tryAgain(build: ImageBuild, message: string | undefined): Promise<void> {
    const { ledger, pipeline, slots, changed } = this.#options;
    const { namespace, name } = pipeline;
    const attempt = build.attempt + 1;
    const { image, release, branch, commit, number } = build;
    const part = release === undefined ? image : `${release}/${image}`;
    const id = buildId({ namespace, pipeline: name, part, branch, commit, number, attempt });
    const again = {
      id,
      attempt,
      phase: 'Waiting' as const,
      message: `attempt ${build.attempt}: ${message ?? 'failed'}`,
    };
    // What failed for a moment, such as a registry that is down, is given time to pass.
    this.#pause(id, build.attempt);
    // One that is superseded meanwhile is not tried again.
    await ledger.change((now) => (isRunning(now, build) ? change(now, build.id, again) : now));
    slots.free(build.id);
    changed({ ...build, ...again });
  }

  async #cancel(build: ImageBuild): Promise<void> {
    this.#followed.get(build.id)?.abort();
    const { commit, version, branch, id } = build;
    const { namespace } = templateValues({ url: '', branch, commit, version, id });
    const gone = await cancelJob(this.#context, this.#options.pipeline.namespace, namespace);
    if (gone) await this.#end(build, { phase: 'Superseded' });
  }

  async #end(
    build: ImageBuild,
    end: Pick<ImageBuild, 'phase'> & { readonly message?: string },
  ): Promise<void> {
    const { ledger, slots, changed, pipeline } = this.#options;
    const update = { ...end, finishedAt: new Date().toISOString() };
    const after = await ledger.change((now) =>
      now.builds.some((known) => known.id === build.id && !hasEnded(known))
        ? change(now, build.id, update)
        : now,
    );
    slots.free(build.id);
    this.#failures.delete(build.id);
    const ended = after.builds.find(({ id }) => id === build.id);
    // Another controller has noted its end.
    if (ended?.finishedAt !== update.finishedAt) return;
    const { image, branch, commit } = build;
    const { events, log, metrics } = this.#context;
    metrics.imageBuilds.inc({ phase: end.phase });
    log.info(
      { pipeline: pipeline.name, image, branch, commit, phase: end.phase },
      end.message ?? 'the image build ended',
    );
    await events.say(pipelineObject(pipeline), {
      type: end.phase === 'Failed' ? 'Warning' : 'Normal',
      reason: `ImageBuild${end.phase}`,
      message: `${image} of ${commit}${end.message === undefined ? '' : `: ${end.message}`}`,
    });
    changed(ended);
  }

  /** What could not be made is tried again, each time later. */
  async #failed(build: ImageBuild, error: unknown): Promise<void> {
    const { pipeline, signal } = this.#options;
    if (signal.aborted) return;
    const pause = this.#pause(build.id, (this.#failures.get(build.id)?.count ?? 0) + 1);
    const { events, log, metrics } = this.#context;
    metrics.startFailures.inc();
    const { image, commit } = build;
    log.warn(
      { error, pipeline: pipeline.name, image, commit, seconds: pause / 1000 },
      'the image build is tried again',
    );
    const message = `${image} of ${commit}: ${(error as Error).message}`;
    await events.say(pipelineObject(pipeline), { type: 'Warning', reason: 'ImageBuildNotStarted', message });
  }

  /** Has a build wait, the longer the more often it has failed. */
  #pause(id: string, count: number): number {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1));
    this.#failures.set(id, { count, next: Date.now() + pause });
    return pause;
  }

  /** Forgets what has failed: there is a reason to try at once. */
  tryNow(): void {
    this.#failures.clear();
  }

  #pausesUntil(id: string): number {
    return this.#failures.get(id)?.next ?? 0;
  }
}

function isRunning({ builds }: Ledger, { id }: ImageBuild): boolean {
  return builds.some((known) => known.id === id && known.phase === 'Running');
}

/** The Job of a template: the last one, where a template of the user's own has several. */
function jobOf(objects: readonly KubernetesObject[]): KubernetesObject {
  const job = objects.findLast(({ kind }) => kind === 'Job');
  if (job === undefined) throw new Error('the job template has no Job');
  return job;
}
