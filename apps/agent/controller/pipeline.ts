import type {
  ImageConfiguration,
  PipelineConfiguration,
  SourceConfiguration,
} from '../../../lib/agent/configuration.ts';
import { PIPELINE_CONFIG_MAP } from '../../../lib/agent/configuration.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import type { ImageBuild } from './ledger.ts';

/** A pipeline as the controller keeps it: templates are read when they are needed, for there may be many pipelines. */
export interface PipelineHandle {
  readonly name: string;
  readonly namespace: string;
  readonly source: SourceConfiguration | undefined;
  /** Reads the whole configuration as it is now. */
  readonly configuration: () => Promise<PipelineConfiguration>;
}

/** The object that Events about a pipeline are about. */
export function pipelineObject({ namespace }: Pick<PipelineHandle, 'namespace'>): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: PIPELINE_CONFIG_MAP, namespace } };
}

/** The configuration of the image that a build is of; undefined where the pipeline has it no more. */
export function imageOf(
  { images, releases }: PipelineConfiguration,
  { image, release }: Pick<ImageBuild, 'image' | 'release'>,
): ImageConfiguration | undefined {
  const all = release === undefined ? images : (releases.find(({ name }) => name === release)?.images ?? []);
  return all.find(({ name }) => name === image);
}

/** Host, repository and tag of a target, once the commit is known. */
export function targetOf({ host, repository }: ImageConfiguration['target'], tag: string): string {
  return `${host}/${repository}:${tag}`;
}
