import { KeelsonLabels } from '../../../lib/kubernetes/labels.ts';
import { hasStatus } from '../kubernetes/errors.ts';
import type { ControllerContext } from './context.ts';
import type { Job } from './job-outcome.ts';

/**
 * Removes the Jobs of a commit's namespace. True once none of its pods is left, so that none can push any more.
 *
 * @param home the pipeline's namespace
 */
export async function cancelJob(
  { client }: ControllerContext,
  home: string,
  namespace: string,
): Promise<boolean> {
  const found = await client.get({ apiVersion: 'v1', kind: 'Namespace', name: namespace });
  // One that was made for another pipeline has nothing of this one.
  if (found?.metadata.labels?.[KeelsonLabels.HOME] !== home) return true;
  try {
    const jobs = await client.list<Job>({ apiVersion: 'batch/v1', kind: 'Job', namespace });
    for (const { metadata } of jobs.items) {
      await client.delete(
        { apiVersion: 'batch/v1', kind: 'Job', namespace, name: metadata.name },
        metadata.uid,
      );
    }
    const pods = await client.list({ apiVersion: 'v1', kind: 'Pod', namespace });
    return jobs.items.length === 0 && pods.items.length === 0;
  } catch (error) {
    // Without the rights that it gives itself first, nothing was made there.
    if (hasStatus(error, 403)) return true;
    throw error;
  }
}
