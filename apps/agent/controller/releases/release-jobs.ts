import { createHash } from 'node:crypto';
import { fillTemplate } from '../../../../lib/agent/job-template.ts';
import type { ReleaseConfiguration, ReleaseJobConfiguration } from '../../../../lib/agent/release.ts';
import type { ReleaseRun } from '../../../../lib/agent/status.ts';
import { KubernetesError } from '../../kubernetes/errors.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { type ControllerContext, FIELD_MANAGER } from '../context.ts';
import { type Job, jobHasEnded, jobOutcome } from '../job-outcome.ts';
import { templateValues } from '../names.ts';
import { requireNamespaceOf, requireObjectsOf } from '../own-objects.ts';
import type { Subject } from './subject.ts';

/** What a release knows of the commit beside its subject. */
export interface ReleasedVersion {
  readonly url: string;
  readonly commit: string;
  readonly version: string;
}

/**
 * Makes a Job of a release, or finds the one that was made before: its name follows from what is released. Undefined while
 * it runs.
 *
 * @param home the pipeline's namespace
 */
export async function runReleaseJob(
  context: ControllerContext,
  home: string,
  release: ReleaseConfiguration,
  job: ReleaseJobConfiguration,
  subject: Subject,
  { url, commit, version }: ReleasedVersion,
): Promise<Pick<ReleaseRun, 'phase' | 'message'> | undefined> {
  const { branch, digest, outputs } = subject;
  const id = releaseId([release.namespace, release.name, job.name, commit, digest, subject.since]);
  const values = templateValues({ url, branch, commit, version, id, digest, outputs });
  const objects = fillTemplate(job.jobTemplate, values) as unknown as readonly KubernetesObject[];
  const made = objects.findLast(({ kind }) => kind === 'Job');
  if (made === undefined) return { phase: 'Failed', message: 'its template has no Job' };
  try {
    requireObjectsOf(release.namespace, objects, 'its template');
    await requireNamespaceOf(context, home, release.namespace);
  } catch (error) {
    if (error instanceof KubernetesError) throw error;
    return { phase: 'Failed', message: (error as Error).message };
  }
  const { name } = made.metadata;
  const reference = { apiVersion: 'batch/v1', kind: 'Job', namespace: release.namespace, name };
  const found = await context.client.get<Job>(reference);
  if (found === undefined) {
    for (const object of objects) await context.client.apply(object, { fieldManager: FIELD_MANAGER });
    context.log.info(
      { release: release.name, part: job.name, job: name, commit },
      'a part of a release was started',
    );
    return undefined;
  }
  return jobHasEnded(found) ? jobOutcome(context, found) : undefined;
}

/** A DNS label of at most 40 characters, the same for the same release. */
function releaseId(parts: readonly string[]): string {
  return `release-${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)}`;
}
