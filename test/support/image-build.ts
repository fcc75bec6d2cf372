// What the controller makes of job templates for a commit.

import type { PipelineConfiguration, TemplateObject, TemplateValues } from 'keelson';
import type { Job } from 'kubernetes-types/batch/v1.js';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { commitOn, filled } from './commits.ts';
import { containersOf } from './pods.ts';
import { pipelineConfiguration } from './programs.ts';
import type { Manifest, Synthesized } from './synthesized.ts';

export interface ImageBuild {
  readonly objects: readonly Manifest[];
  readonly job: Job;
  /** Makisu's arguments. */
  readonly args: readonly string[];
}

/** Every job template of a pipeline: of its image builds and of its releases. */
export function templatesOf({ images, releases }: PipelineConfiguration): (readonly TemplateObject[])[] {
  const parts = releases.flatMap((release) => [...release.images, ...release.jobs]);
  return [...images, ...parts].map(({ jobTemplate }) => jobTemplate);
}

/** What the controller would make of the templates of every pipeline among the objects, a list for each template. */
export function templated(objects: readonly Manifest[], values: TemplateValues): Manifest[][] {
  return templatesIn(objects).map((template) => filled(template, values));
}

function templatesIn(objects: readonly Manifest[]): (readonly TemplateObject[])[] {
  return objects
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'keelson-pipeline')
    .flatMap((object) => templatesOf(pipelineConfiguration({ find: <T>() => object as T })));
}

/** The objects, with those that the controller makes for one commit, which has a namespace for each template. */
export function withTemplates(objects: readonly Manifest[]): readonly Manifest[] {
  const made = templatesIn(objects).map((template, index) =>
    filled(template, commitOn('main', { namespace: `gw-0-1-0-main-${index + 1}` })),
  );
  return [...objects, ...made.flat()];
}

/** The same, with the arguments of the container that runs the Dockerfile, wherever it is in the pod. */
export function buildPodOf(output: Synthesized): Pick<ImageBuild, 'objects' | 'args'> & { pod: PodSpec } {
  const { objects, job } = imageBuildOf(output);
  const pod: PodSpec = job.spec?.template.spec ?? { containers: [] };
  const builder = containersOf(pod).find(({ name }) => name !== 'source');
  return { objects, pod, args: builder?.args ?? [] };
}

/** The first image build of the only pipeline, for a commit on a branch. */
export function imageBuildOf(output: Synthesized, branch = 'main'): ImageBuild {
  const [configuration] = pipelineConfiguration(output).images;
  const objects = filled(configuration?.jobTemplate ?? [], commitOn(branch));
  const job: Job = objects.find(({ kind }) => kind === 'Job') as object;
  return { objects, job, args: job.spec?.template.spec?.containers[0]?.args ?? [] };
}
