import {
  fillTemplate,
  type ImageConfiguration,
  type PipelineConfiguration,
  type TemplateValues,
} from 'keelson';
import { commitOn } from '../support/commits.ts';
import { type Api, type KubernetesObject, waitFor } from './api.ts';
import { kubectl } from './kubectl.ts';
import { testApi } from './provided.ts';
import { find } from './reference.ts';

/** The document by which the controller knows a pipeline. */
export function configurationIn(objects: readonly KubernetesObject[]): PipelineConfiguration {
  const { data } = find(objects, 'ConfigMap', 'keelson-pipeline') as { data?: Record<string, string> };
  return JSON.parse(data?.['pipeline.json'] ?? '');
}

/** What became of a Job. */
export interface JobEnd {
  readonly succeeded: boolean;
  /** Of all containers. */
  readonly log: string;
}

/** Builds a commit as the controller does, with its copies of Secrets, and waits for the end of the Job. */
export async function imageBuild(
  api: Api,
  { jobTemplate }: Pick<ImageConfiguration, 'jobTemplate'>,
  values: Partial<TemplateValues> & { readonly namespace: string },
  copies: readonly KubernetesObject[] = [],
  change = (object: KubernetesObject): KubernetesObject => object,
): Promise<JobEnd> {
  const { namespace, branch = 'main' } = values;
  for (const object of fillTemplate(jobTemplate, commitOn(branch, values))) {
    await api.apply(change(object as KubernetesObject));
    if (object.kind === 'Namespace') for (const copy of copies) await api.apply(copy);
  }
  return jobEnd(api, namespace, 'imagebuilder');
}

/** Waits for the end of a Job. */
export async function jobEnd(api: Api, namespace: string, name: string): Promise<JobEnd> {
  const run = (...args: string[]): Promise<string> => kubectl(testApi().kubeconfig, '-n', namespace, ...args);
  const ended = await waitFor(
    async () => {
      const path = `/apis/batch/v1/namespaces/${namespace}/jobs/${name}`;
      const { status } = await api.get<{ status: { conditions?: { type: string }[] } }>(path);
      return status.conditions?.find(({ type }) => type === 'Complete' || type === 'Failed')?.type;
    },
    { timeout: 110_000, describe: () => run('describe', 'pods').catch(String) },
  );
  const log = await run('logs', `job/${name}`, '--all-containers', '--tail=-1').catch(String);
  return { succeeded: ended === 'Complete', log };
}
