import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import { parseImageReference } from '../../registry/image-reference.ts';
import type { BuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
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

/**
 * Rolls a build's Deployment where its image's tag names another digest than what ran last and than what its pod runs:
 * Keel has missed that. While a build is held back, or a pod is being made, nothing is missed yet.
 *
 * @returns the digest that it was rolled for
 */
export async function rollForMissedPush(
  context: ControllerContext,
  namespace: string,
  build: BuildConfiguration,
  deployment: BuildDeployment,
  pods: readonly BuildPod[],
  { runs }: BuildRecord,
): Promise<string | undefined> {
  const { annotations = {} } = deployment.metadata;
  if (annotations[POLICY] === 'never' || deployment.spec?.replicas === 0) return undefined;
  if (build.handOver !== undefined && annotations[POLICY] === undefined) return undefined;
  const [pod] = pods;
  if (pod === undefined || pods.length > 1 || pod.metadata.deletionTimestamp !== undefined) return undefined;
  const running = digestOfPod(pod, CONTAINER);
  // The kubelet tries again after minutes only, and Keel leaves a first image to it.
  if (running === undefined && !canNotPull(pod, CONTAINER)) return undefined;
  const image = deployment.spec?.template?.spec?.containers?.find(({ name }) => name === CONTAINER)?.image;
  const { host, repository, tag, digest: pinned } = parseImageReference(image ?? build.image);
  if (tag === undefined || pinned !== undefined) return undefined;
  const digest = await askRegistry(context, namespace, registryOfBuild(build, host), (client) =>
    client.digestOf(repository, tag),
  );
  const rolledFor = deployment.spec?.template?.metadata?.annotations?.[KeelsonAnnotations.ROLLED_FOR];
  if (digest === undefined || digest === running || digest === runs[0]?.digest || digest === rolledFor)
    return undefined;
  const { client, events, log, metrics } = context;
  const { name, resourceVersion } = deployment.metadata;
  await client.patch(
    { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name },
    {
      metadata: { resourceVersion },
      spec: { template: { metadata: { annotations: { [KeelsonAnnotations.ROLLED_FOR]: digest } } } },
    },
  );
  metrics.repairs.inc({ reason: 'missed-push' });
  log.warn({ namespace, build: name, digest }, 'rolled the build for an image that Keel has missed');
  await events.say(deployment, {
    type: 'Normal',
    reason: 'BuildRolled',
    message: `Keel has missed ${digest} of ${host}/${repository}:${tag}`,
  });
  return digest;
}
