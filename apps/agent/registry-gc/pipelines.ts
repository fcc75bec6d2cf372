import {
  PIPELINE_CONFIG_MAP,
  PIPELINE_KEY,
  type PipelineConfiguration,
} from '../../../lib/agent/configuration.ts';
import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import { parseDocument } from '../configuration.ts';
import type { ControllerContext } from '../controller/context.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { KubernetesObject } from '../kubernetes/object.ts';
import { UsageError } from '../program.ts';

interface ConfigMap extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** Reads the pipelines of a platform. Of one that can't be read nothing is known, and so nothing of its images is deleted. */
export async function readPipelines({
  client,
  configuration: { platform },
  log,
}: Pick<ControllerContext, 'client' | 'configuration' | 'log'>): Promise<readonly PipelineConfiguration[]> {
  const labelSelector = `${KeelsonLabels.PLATFORM}=${platform}`;
  const { items } = await client.list({ apiVersion: 'v1', kind: 'Namespace', labelSelector });
  const pipelines: PipelineConfiguration[] = [];
  for (const { metadata } of items) {
    const namespace = metadata.name;
    try {
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', namespace, name: PIPELINE_CONFIG_MAP };
      const text = (await client.get<ConfigMap>(reference))?.data?.[PIPELINE_KEY];
      if (text === undefined) continue;
      const pipeline = parseDocument('Pipeline', text);
      if (pipeline.platform === platform && pipeline.namespace === namespace) pipelines.push(pipeline);
    } catch (error) {
      // Without the rights in it, a namespace is no pipeline's: its owner decides.
      if (hasStatus(error, 403)) continue;
      if (!(error instanceof UsageError)) throw error;
      log.warn({ error, namespace }, 'a pipeline can not be read, and its images are left alone');
    }
  }
  return pipelines;
}
