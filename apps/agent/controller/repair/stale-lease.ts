import type { BuildRun } from '../../../../lib/agent/status.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { type Lease, letGo } from '../../kubernetes/lease.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { changeBuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import type { BuildPod, Run } from './build-state.ts';

const POLICY = 'keel.sh/policy';

/** What a build that died has left behind. */
export interface Remains {
  readonly run: Run;
  readonly namespace: string;
  readonly lease: Lease;
  readonly holder: string;
  /** What Events are about: the build's Deployment or Job. */
  readonly workload: KubernetesObject;
  /** Services that no other build is using. */
  readonly idle: readonly string[];
  /** Whether Keel is let go: not where the build hands over, and there is none beside a Job. */
  readonly letKeelGo: boolean;
}

/** Puts in order what a build has left whose pod is gone: so that a controller that dies in between starts again. */
export async function clearRemains(context: ControllerContext, remains: Remains): Promise<void> {
  const { client, events, metrics, log } = context;
  const { run, namespace, lease, holder, workload, idle, letKeelGo } = remains;
  await markLost(context, namespace, run, ({ id }) => id === holder);
  await scaleToZero(context, namespace, idle);
  if (letKeelGo) await removeHold(context, workload);
  if (!(await letGo(client, lease))) return;
  metrics.repairs.inc({ reason: 'stale-lease' });
  log.warn({ namespace, build: run.name, pod: holder }, 'put in order what a lost build had left');
  await events.say(workload, {
    type: 'Warning',
    reason: 'BuildPutInOrder',
    message: `the pod ${holder}, which held the build, is gone: services were stopped${letKeelGo ? ' and Keel let go' : ''}`,
  });
}

/** Marks runs as lost that have not ended. */
export async function markLost(
  { client }: ControllerContext,
  namespace: string,
  { statusConfigMap }: Pick<Run, 'statusConfigMap'>,
  isLost: (run: BuildRun) => boolean,
): Promise<void> {
  await changeBuildRecord(client, { namespace, name: statusConfigMap }, (record) => {
    const lost = (run: BuildRun): boolean =>
      (run.phase === 'Starting' || run.phase === 'Running') && isLost(run);
    if (!record.runs.some(lost)) return record;
    const finishedAt = new Date().toISOString();
    const runs = record.runs.map(
      (run): BuildRun =>
        lost(run) ? { ...run, phase: 'Lost', finishedAt, message: 'the pod went away' } : run,
    );
    return { ...record, runs };
  });
}

/** Runs that have not ended although their pods are gone. */
export function hasNoPod(pods: readonly BuildPod[]): (run: BuildRun) => boolean {
  const present = new Set(pods.map(({ metadata }) => metadata.uid));
  return ({ id }) => !present.has(id);
}

/** Stops services that run. True where any did. */
export async function scaleToZero(
  { client }: ControllerContext,
  namespace: string,
  deployments: readonly string[],
): Promise<boolean> {
  let any = false;
  for (const name of deployments) {
    const reference = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name };
    if (((await client.replicas(reference)) ?? 0) === 0) continue;
    await client.scale(reference, 0);
    any = true;
  }
  return any;
}

/** Removes the gate's hold, and no other policy. */
async function removeHold(
  { client }: ControllerContext,
  { metadata, apiVersion, kind }: KubernetesObject,
): Promise<void> {
  const { name, namespace = '' } = metadata;
  const reference = { apiVersion, kind, namespace, name };
  for (let tries = 0; tries < 10; tries++) {
    const found = await client.get(reference);
    if (found?.metadata.annotations?.[POLICY] !== 'never') return;
    const { resourceVersion } = found.metadata;
    try {
      await client.patch(reference, { metadata: { resourceVersion, annotations: { [POLICY]: null } } });
      return;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
    }
  }
}
