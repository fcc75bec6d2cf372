import type { BuildRun } from '../../../lib/agent/status.ts';
import type { GitHttp } from '../git/refs-http.ts';
import { versionAt } from '../git/version.ts';
import { Apart } from './apart.ts';
import type { BuildSlots } from './build-slots.ts';
import type { CommitStatuses } from './commit-status/commit-statuses.ts';
import { PipelineStatuses } from './commit-status/pipeline-statuses.ts';
import type { ControllerContext } from './context.ts';
import { makeGeneratedSecrets } from './generated-secrets/make-generated-secrets.ts';
import { RepositorySource } from './git-credentials.ts';
import { HandOvers } from './hand-over/hand-overs.ts';
import { repairListeners } from './hand-over/repair-listeners.ts';
import { ImageBuilds } from './image-builds.ts';
import type { ImageBuild, Ledger } from './ledger.ts';
import { LedgerStore } from './ledger-store.ts';
import { Periodic } from './periodic.ts';
import { imageOf, type PipelineHandle, pipelineObject } from './pipeline.ts';
import { PipelineReader, type SlimPipeline } from './pipeline-reader.ts';
import { isImageThere, noteDigests } from './pushed-images.ts';
import { advanceReleases } from './releases/releases.ts';
import { repairPipeline } from './repair/repair-pipeline.ts';
import { watchHeads } from './watch-heads.ts';
import type { KnownWebhooks } from './webhooks/known-webhooks.ts';

/** What all pipelines share. */
export interface SharedParts {
  readonly slots: BuildSlots;
  readonly http: GitHttp;
  /** Whether image builds have to wait. */
  readonly mayStart: () => boolean;
  readonly webhooks: KnownWebhooks;
  readonly statuses: CommitStatuses;
}

const LOOK_MS = 30_000;
const RECONCILE_MS = 30_000;
/** Also while something of it fails: the rest is put in order in time. */
const REPAIR_MS = 60_000;
const RELEASE_MS = 30_000;
const OPEN_RELEASE_MS = 2_000;
const HAND_OVER_MS = 30_000;
/** Heads are looked up not more often than this, however many webhooks come. */
const LEAST_PAUSE_MS = 1_000;

/** Serves one pipeline, as long as it leads. */
export class PipelineController {
  readonly #context: ControllerContext;
  readonly #namespace: string;
  readonly #shared: SharedParts;
  readonly #signal: AbortSignal;
  readonly #ledger: LedgerStore;
  readonly #repository: RepositorySource;
  readonly #tasks: readonly Periodic[];
  readonly #look: Periodic;
  readonly #poll: Periodic;
  readonly #reconcile: Periodic;
  readonly #repair: Periodic;
  readonly #release: Periodic;
  readonly #digests: Periodic;
  readonly #handOver: Periodic;
  readonly #handOvers: HandOvers;
  readonly #builds: ImageBuilds;
  readonly #statuses: PipelineStatuses;
  readonly #reader: PipelineReader;
  /** Resolves when it is known which image builds run. */
  readonly loaded: Promise<void>;
  #isLoaded: () => void = () => undefined;
  /** Whether the builds that ran at first have their slots. */
  #isOccupied = false;
  #slim: SlimPipeline | undefined;
  #polledAt = 0;
  #dueAt = Date.now();

  constructor(context: ControllerContext, namespace: string, shared: SharedParts, signal: AbortSignal) {
    this.#context = context;
    this.#namespace = namespace;
    this.loaded = new Promise((resolve) => {
      this.#isLoaded = resolve;
    });
    this.#shared = shared;
    this.#signal = signal;
    const { client } = context;
    this.#reader = new PipelineReader(context, namespace);
    this.#ledger = new LedgerStore(client, namespace);
    this.#statuses = new PipelineStatuses(shared.statuses, this.#handle());
    this.#repository = new RepositorySource(client, namespace);
    this.#poll = this.#periodic('poll', () => this.#lookUpHeads(), LOOK_MS);
    this.#reconcile = this.#periodic('build-images', () => this.#buildImages(), RECONCILE_MS);
    this.#repair = this.#periodic('repair', () => this.#putInOrder(), REPAIR_MS, REPAIR_MS);
    this.#release = this.#periodic('release', () => this.#releaseWhatPassed(), RELEASE_MS);
    this.#digests = this.#periodic('digests', () => this.#noteDigests(), RECONCILE_MS);
    this.#handOver = this.#periodic('hand-over', () => this.#advanceHandOvers(), HAND_OVER_MS);
    this.#handOvers = new HandOvers(context, {
      home: namespace,
      changed: () => {
        this.#handOver.wake();
        this.#repair.wake(1_000);
      },
      resultTaken: () => this.#release.wake(),
      signal,
    });
    this.#look = this.#periodic('configuration', () => this.#readConfiguration(), LOOK_MS);
    this.#tasks = [
      ...[this.#look, this.#poll, this.#reconcile, this.#repair, this.#release, this.#digests],
      this.#handOver,
    ];
    this.#builds = new ImageBuilds(context, {
      pipeline: this.#handle(),
      ledger: this.#ledger,
      slots: shared.slots,
      isThere: async (build) => {
        const image = imageOf(await this.#reader.read(), build);
        return image?.onlyIfAbsent === true && isImageThere(context, namespace, image, build);
      },
      mayStart: shared.mayStart,
      changed: (build) => {
        this.#statuses.postImage(build);
        if (build.phase === 'Succeeded') {
          this.#digests.wake();
          this.#repair.wake(2_000);
        }
        if (build.release !== undefined) this.#release.wake();
      },
      wake: () => this.#reconcile.wake(),
      signal,
    });
  }

  /** Serves it from now on, or in a while. */
  start(inMs: number): void {
    this.#look.wake(inMs);
  }

  /** Looks up the heads soon: somebody says that there is something new. */
  poke(): void {
    this.#poll.wake(Math.max(0, this.#polledAt + LEAST_PAUSE_MS - Date.now()));
  }

  /** What the pipeline has been asked to build. */
  ledger(): Promise<Ledger> {
    return this.#ledger.read();
  }

  /** Builds what there is to build. */
  buildImages(): void {
    this.#reconcile.wake();
  }

  /** Resolves when nothing of it runs any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.settled()));
  }

  /** Reads the configuration where it has changed. */
  async #readConfiguration(): Promise<undefined> {
    const found = await this.#reader.changed();
    if (found === 'unchanged') return undefined;
    if (found === 'gone') {
      this.#slim = undefined;
      this.#isLoaded();
      return undefined;
    }
    const { name, source } = found.slim;
    this.#slim = found.slim;
    // What could not be made of the template of before may be made of this one.
    this.#builds.tryNow();
    await this.#shared.webhooks.set(this.#namespace, source);
    const { builds: known } = await this.#ledger.read();
    for (const { id, phase } of this.#isOccupied ? [] : known) {
      if (phase === 'Running' || phase === 'Canceling') this.#shared.slots.occupy(this.#namespace, id);
    }
    this.#isOccupied = true;
    this.#isLoaded();
    this.#reader.taken(found.version);
    this.#context.log.info(
      { pipeline: name, namespace: this.#namespace },
      'read the configuration of a pipeline',
    );
    // Many pipelines that are found at once don't ask their servers at once.
    this.#dueAt = Date.now() + Math.random() * Math.min(this.#pollMs, 1_000);
    this.#poll.wake(this.#dueAt - Date.now());
    this.#reconcile.wake();
    this.#repair.wake();
    this.#release.wake();
    this.#digests.wake();
    this.#handOvers.reconfigured();
    this.#handOver.wake();
    return undefined;
  }

  #handle(): PipelineHandle {
    const controller = this;
    return {
      namespace: this.#namespace,
      configuration: () => this.#reader.read(),
      get name() {
        return controller.#slim?.name ?? controller.#namespace;
      },
      get source() {
        return controller.#slim?.source;
      },
    };
  }

  get #pollMs(): number {
    return (this.#slim?.source?.pollSeconds ?? 60) * 1000;
  }

  async #lookUpHeads(): Promise<number | undefined> {
    const source = this.#slim?.source;
    if (source === undefined) return undefined;
    this.#context.metrics.pollDelay.observe(Math.max(0, Date.now() - this.#dueAt) / 1000);
    this.#polledAt = Date.now();
    this.#dueAt = this.#polledAt + this.#pollMs * (0.9 + Math.random() / 10);
    const options = {
      pipeline: { ...this.#handle(), source },
      ledger: this.#ledger,
      repository: this.#repository,
      http: this.#shared.http,
      noted: () => this.#reconcile.wake(),
      ended: (build: ImageBuild) => this.#statuses.postImage(build),
      signal: this.#signal,
    };
    await watchHeads(this.#context, options);
    return Math.max(0, this.#dueAt - Date.now());
  }

  async #buildImages(): Promise<number | undefined> {
    if (this.#slim === undefined) return undefined;
    await this.#builds.reconcile();
    const wait = this.#builds.nextTry - Date.now();
    // Pods of a build that is superseded are waited for.
    const canceling = (await this.#ledger.read()).builds.some(({ phase }) => phase === 'Canceling');
    return canceling ? 1_000 : Math.min(RECONCILE_MS, Math.max(1_000, wait));
  }

  /** Apart from what builds: a registry that does not answer must not keep builds from starting. */
  async #noteDigests(): Promise<undefined> {
    if (this.#slim === undefined) return undefined;
    const { images, builds } = this.#slim;
    await noteDigests(this.#context, {
      namespace: this.#namespace,
      ledger: this.#ledger,
      images,
      builds,
      noted: () => {
        this.#release.wake();
        this.#repair.wake();
      },
    });
    return undefined;
  }

  async #putInOrder(): Promise<number | undefined> {
    if (this.#slim === undefined) return undefined;
    const { builds, jobs, generatedSecrets } = this.#slim;
    const apart = new Apart();
    if (generatedSecrets.length > 0)
      await apart.do(() => makeGeneratedSecrets(this.#context, this.#namespace, generatedSecrets));
    const times: (number | undefined)[] = [];
    if (builds.length > 0 || jobs.length > 0) {
      const ledger = await this.#ledger.read();
      const told = (build: string, runs: readonly BuildRun[]): void => this.#statuses.postRuns(build, runs);
      const repaired = { namespace: this.#namespace, builds, jobs, ledger, told };
      times.push(
        await apart.do(() => repairPipeline(this.#context, repaired)),
        await apart.do(() => repairListeners(this.#context, this.#namespace, builds, ledger, told)),
      );
    }
    apart.throwFirst();
    const known = times.filter((time) => time !== undefined);
    const next = known.length > 0 ? Math.min(...known) : undefined;
    // A gate waits for the releases of a run that has passed.
    if (next !== undefined) this.#release.wake();
    return next;
  }

  async #advanceHandOvers(): Promise<number | undefined> {
    if (this.#slim === undefined) return undefined;
    return this.#handOvers.advance(this.#slim.name, this.#slim.builds);
  }

  async #releaseWhatPassed(): Promise<number | undefined> {
    if (this.#slim?.releases !== true) return undefined;
    const configuration = await this.#reader.read();
    const { name: pipeline } = configuration;
    const open = await advanceReleases(this.#context, {
      pipeline,
      namespace: this.#namespace,
      ledger: this.#ledger,
      configuration,
      versionOf: (branch, commit) => this.#versionOf(branch, commit),
      requested: () => this.#reconcile.wake(),
    });
    return open ? OPEN_RELEASE_MS : undefined;
  }

  async #versionOf(branch: string, commit: string): Promise<string> {
    const known = (await this.#ledger.read()).builds.find((build) => build.commit === commit);
    if (known !== undefined) return known.version;
    const source = this.#slim?.source;
    if (source === undefined) return '0.0.0';
    const repository = await this.#repository.repository(source);
    const options = { http: this.#shared.http, signal: this.#signal };
    return versionAt(source.version, { repository, branch, commit }, options);
  }

  #periodic(
    name: string,
    task: () => Promise<number | undefined>,
    intervalMs: number,
    longestPauseMs?: number,
  ): Periodic {
    const { log, metrics, events } = this.#context;
    const namespace = this.#namespace;
    return new Periodic({
      name,
      task,
      intervalMs,
      ...(longestPauseMs !== undefined && { longestPauseMs }),
      log: log.child({ namespace }),
      failed: (error) => {
        metrics.errors.inc({ task: name });
        if (name === 'poll') return;
        const message = `${name}: ${(error as Error).message}`;
        void events.say(pipelineObject({ namespace }), { type: 'Warning', reason: 'TaskFailed', message });
      },
      signal: this.#signal,
    });
  }
}
