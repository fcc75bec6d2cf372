import type { BuildRun } from '../../../../lib/agent/status.ts';
import type { ImageBuild } from '../ledger.ts';
import type { PipelineHandle } from '../pipeline.ts';
import type { CommitStatuses } from './commit-statuses.ts';
import { type StatusState, statusContext, statusOfRun } from './status.ts';

const STATES: Readonly<Partial<Record<ImageBuild['phase'], StatusState>>> = {
  Running: 'pending',
  Succeeded: 'success',
  Failed: 'failure',
  Superseded: 'error',
};
/** Older runs were told of by whichever controller led then. */
const NEWEST_RUNS = 3;

/** Says on the git server what has become of a pipeline's commits, where the pipeline wants that. */
export class PipelineStatuses {
  readonly #statuses: CommitStatuses;
  readonly #pipeline: PipelineHandle;

  constructor(statuses: CommitStatuses, pipeline: PipelineHandle) {
    this.#statuses = statuses;
    this.#pipeline = pipeline;
  }

  /** Says what has become of an image. Those of a release are no news of the commit. */
  postImage({ image, commit, phase, message, release }: ImageBuild): void {
    const state = STATES[phase];
    if (state === undefined || release !== undefined) return;
    this.#post(image, commit, state, message ?? `the image build is ${phase.toLowerCase()}`);
  }

  /** Says what has become of a build's runs. What was written before is not written again. */
  postRuns(build: string, runs: readonly BuildRun[]): void {
    for (const run of runs.slice(0, NEWEST_RUNS).reverse()) {
      const status = statusOfRun(run);
      if (status === undefined || run.commit === undefined) continue;
      this.#post(build, run.commit, status.state, status.description);
    }
  }

  #post(name: string, commit: string, state: StatusState, description: string): void {
    const { source, namespace, name: pipeline } = this.#pipeline;
    if (source?.statuses === undefined) return;
    const status = { commit, context: statusContext(pipeline, name), state, description };
    const allowHttp = source.url.startsWith('http:');
    this.#statuses.post(namespace, { ...source.statuses, allowHttp }, status);
  }
}
