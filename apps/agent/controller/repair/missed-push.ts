import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { parseImageReference } from '../../registry/image-reference.ts';
import type { BuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import type { Ledger } from '../ledger.ts';
import { askRegistry, type PipelineRegistry } from '../registries.ts';
import { type BuildPod, canNotPull, digestOfPod } from './build-state.ts';

/** A build's Deployment, as far as rolling it goes. */
export interface BuildDeployment extends KubernetesObject {
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec?: { readonly containers?: readonly { readonly name: string; readonly image?: string }[] };
    };
  };
}

const CONTAINER = 'build';
const POLICY = 'keel.sh/policy';

/** The registry that a build's image is pulled from. */
export function registryOfBuild(
  { insecureRegistry, certificateAuthority, pullSecrets = [] }: BuildConfiguration,
  host: string,
): PipelineRegistry {
  return {
    host,
    insecure: insecureRegistry,
    ...(certificateAuthority !== undefined && { certificateAuthority }),
    secrets: pullSecrets,
  };
}

/** How long Keel is given to roll a build by itself, since the image was pushed or the build before had ended. */
const GRACE_MS = 20_000;

/** A build as it was found. */
export interface FoundBuild {
  readonly namespace: string;
  readonly build: BuildConfiguration;
  readonly deployment: BuildDeployment;
  readonly pods: readonly BuildPod[];
  readonly record: BuildRecord;
  readonly ledger: Ledger;
}

/**
 * Rolls a build's Deployment where its image's tag names another digest than what ran last and than what its pod runs:
 * Keel has missed that. While a build is held back, or a pod is being made, nothing is missed yet.
 *
 * @returns whether it is worth to look again soon
 */
export async function rollForMissedPush(context: ControllerContext, found: FoundBuild): Promise<boolean> {
  const { namespace, build, deployment, record } = found;
  const stuck = isRollable(found);
  if (stuck === undefined) return false;
  const image = deployment.spec?.template?.spec?.containers?.find(({ name }) => name === CONTAINER)?.image;
  const { host, repository, tag, digest: pinned } = parseImageReference(image ?? build.image);
  if (tag === undefined || pinned !== undefined) return false;
  const digest = await askRegistry(context, namespace, registryOfBuild(build, host), (client) =>
    client.digestOf(repository, tag),
  );
  const { running, canNotPull: waits } = stuck;
  const rolledFor = deployment.spec?.template?.metadata?.annotations?.[KeelsonAnnotations.ROLLED_FOR];
  const [last] = record.runs;
  if (digest === undefined || [running, last?.digest, rolledFor].includes(digest)) return false;
  if (!waits && Date.now() - latest(found, digest) < GRACE_MS) return true;
  await roll(context, deployment, digest);
  const reason = waits ? 'is there now; the kubelet would try again later' : 'was missed by Keel';
  context.log.warn(
    { namespace, build: deployment.metadata.name, digest },
    `rolled the build: its image ${reason}`,
  );
  await context.events.say(deployment, {
    type: 'Normal',
    reason: 'BuildRolled',
    message: `${digest} of ${host}/${repository}:${tag} ${reason}`,
  });
  return true;
}

/** What the only pod runs, where the build may be rolled. The kubelet is waited for unless it can't pull. */
function isRollable({
  build,
  deployment,
  pods,
}: FoundBuild): { readonly running: string | undefined; readonly canNotPull: boolean } | undefined {
  const { annotations = {} } = deployment.metadata;
  if (annotations[POLICY] === 'never' || deployment.spec?.replicas === 0) return undefined;
  if (build.handOver !== undefined && annotations[POLICY] === undefined) return undefined;
  const [pod] = pods;
  if (pod === undefined || pods.length > 1 || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const running = digestOfPod(pod, CONTAINER);
  const waits = canNotPull(pod, CONTAINER);
  return running === undefined && !waits ? undefined : { running, canNotPull: waits };
}

/** When the image was pushed, as far as that is known, or the last run ended. */
function latest({ build, record, ledger }: FoundBuild, digest: string): number {
  const pushed = ledger.builds.findLast((known) => known.digest === digest && known.image === build.builder);
  return Math.max(
    Date.parse(pushed?.finishedAt ?? '') || 0,
    Date.parse(record.runs[0]?.finishedAt ?? '') || 0,
  );
}

async function roll(
  { client, metrics }: ControllerContext,
  { metadata }: BuildDeployment,
  digest: string,
): Promise<void> {
  const { name, namespace = '', resourceVersion } = metadata;
  const template = { metadata: { annotations: { [KeelsonAnnotations.ROLLED_FOR]: digest } } };
  const reference = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name };
  await client.patch(reference, { metadata: { resourceVersion }, spec: { template } });
  metrics.repairs.inc({ reason: 'missed-push' });
}
