// What the controller makes of an image build for a commit.
import type { Job } from 'kubernetes-types/batch/v1.js';
import { commitOn, filled } from './commits.ts';
import { pipelineConfiguration } from './programs.ts';
import type { Manifest, Synthesized } from './synthesized.ts';

export interface ImageBuild {
  readonly objects: readonly Manifest[];
  readonly job: Job;
  /** Makisu's arguments. */
  readonly args: readonly string[];
}

/** The first image build of the only pipeline, for a commit on a branch. */
export function imageBuildOf(output: Synthesized, branch = 'main'): ImageBuild {
  const [configuration] = pipelineConfiguration(output).images;
  const objects = filled(configuration?.jobTemplate ?? [], commitOn(branch));
  const job: Job = objects.find(({ kind }) => kind === 'Job') as object;
  return { objects, job, args: job.spec?.template.spec?.containers[0]?.args ?? [] };
}
