import type { BuildConfiguration, JobConfiguration } from '../../../../lib/agent/configuration.ts';
import type { BuildRun } from '../../../../lib/agent/status.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { readBuildRecord } from '../../status/build-status.ts';
import { Apart } from '../apart.ts';
import type { ControllerContext } from '../context.ts';
import type { Ledger } from '../ledger.ts';
import { type BuildPod, type Holding, listBuildPods, type Run, readHolding } from './build-state.ts';
import { noteCommits } from './image-commits.ts';
import { type BuildDeployment, rollForMissedPush } from './missed-push.ts';
import { clearRemains, hasNoPod, markLost, scaleToZero } from './stale-lease.ts';

/** What is looked at. */
export interface Repaired {
  readonly namespace: string;
  readonly builds: readonly BuildConfiguration[];
  readonly jobs: readonly JobConfiguration[];
  readonly ledger: Ledger;
  /** Told of the runs of a build. */
  readonly told: (build: string, runs: readonly BuildRun[]) => void;
}

/** While a build runs, or an image was just pushed, it is looked at more often. */
const SOON_MS = 3_000;

interface Looked {
  readonly run: Run;
  readonly workload: KubernetesObject;
  readonly build: BuildConfiguration | undefined;
  readonly holding: Holding;
  readonly pods: readonly BuildPod[];
}

/**
 * Compares what the cluster says of builds with what should be, and puts in order what is not. It remembers nothing.
 *
 * @returns in how many milliseconds it is worth to look again; undefined where nothing is going on
 */
export async function repairPipeline(
  context: ControllerContext,
  pipeline: Repaired,
): Promise<number | undefined> {
  const apart = new Apart();
  const looked: Looked[] = [];
  /** Services of which it is not known that nobody uses them. */
  const inUse = new Set<string>();
  const lookAt = async ({ services }: Pick<Run, 'services'>, one: () => Promise<Looked>): Promise<void> => {
    const found = await apart.do(one);
    if (found !== undefined) looked.push(found);
    if (found === undefined || isHeld(found)) for (const { deployment } of services) inUse.add(deployment);
  };
  for (const { deployment: name, ...build } of pipeline.builds) {
    await lookAt(build, () =>
      look(context, pipeline, { name, ...build }, 'apps/v1', 'Deployment', { deployment: name, ...build }),
    );
  }
  for (const { job, ...build } of pipeline.jobs) {
    // A Job's pods have its build's name, which its Lease has too.
    await lookAt(build, () =>
      look(context, pipeline, { name: build.lease, ...build }, 'batch/v1', 'Job', undefined, job),
    );
  }
  let soon = false;
  for (const each of looked) {
    if (!isHeld(each)) await apart.do(() => settle(context, pipeline, each, inUse));
    if (each.build !== undefined && (await followImages(context, pipeline, each.build, each))) soon = true;
  }
  apart.throwFirst();
  return soon || looked.some((each) => isHeld(each) || each.pods.length > 1) ? SOON_MS : undefined;
}

function isHeld({ holding }: Looked): boolean {
  return holding.holder !== undefined && !holding.stale;
}

async function look(
  context: ControllerContext,
  { namespace }: Repaired,
  run: Run,
  apiVersion: string,
  kind: string,
  build: BuildConfiguration | undefined,
  name = run.name,
): Promise<Looked> {
  let pods: readonly BuildPod[] = [];
  const list = async (): Promise<readonly BuildPod[]> => {
    pods = await listBuildPods(context, namespace, run.name);
    return pods;
  };
  const holding = await readHolding(context, namespace, run.lease, list);
  if (holding.holder === undefined) await list();
  return { run, workload: { apiVersion, kind, metadata: { name, namespace } }, build, holding, pods };
}

/** Nobody builds: nothing of a build may be left running. */
async function settle(
  context: ControllerContext,
  { namespace }: Repaired,
  { run, workload, build, holding, pods }: Looked,
  inUse: ReadonlySet<string>,
): Promise<void> {
  const idle = run.services.map(({ deployment }) => deployment).filter((name) => !inUse.has(name));
  const { lease, holder, stale } = holding;
  if (lease !== undefined && holder !== undefined && stale) {
    const letKeelGo = build !== undefined && build.handOver === undefined;
    await clearRemains(context, { run, namespace, lease, holder, workload, idle, letKeelGo });
    return;
  }
  await markLost(context, namespace, run, hasNoPod(pods));
  // A gate takes the Lease before it starts services: what runs without one is left, or new from the manifests.
  const current = await readHolding(context, namespace, run.lease, async () => pods);
  if (current.holder === undefined && (await scaleToZero(context, namespace, idle))) {
    context.metrics.repairs.inc({ reason: 'services-left-running' });
    context.log.info({ namespace, build: run.name, services: idle }, 'stopped services that nobody uses');
  }
}

/** True where it is worth to look again soon. */
async function followImages(
  context: ControllerContext,
  { namespace, ledger, told }: Repaired,
  build: BuildConfiguration,
  { pods, run }: Looked,
): Promise<boolean> {
  const { client } = context;
  const status = { namespace, name: run.statusConfigMap };
  try {
    await noteCommits(context, namespace, build, pods, await readBuildRecord(client, status), ledger);
    const { deployment: name } = build;
    const deployment = await client.get<BuildDeployment>({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      namespace,
      name,
    });
    if (deployment === undefined) return false;
    // What has changed meanwhile counts.
    const now = await listBuildPods(context, namespace, name);
    const record = await readBuildRecord(client, status);
    told(name, record.runs);
    return await rollForMissedPush(context, { namespace, build, deployment, pods: now, record, ledger });
  } catch (error) {
    // A registry that does not answer must not keep the rest from being put in order.
    context.metrics.errors.inc({ task: 'follow-images' });
    context.log.warn(
      { error, namespace, build: build.deployment },
      'the images of a build could not be looked at',
    );
    return false;
  }
}
