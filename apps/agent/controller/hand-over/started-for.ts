import type { BuildPhase } from '../../../../lib/agent/status.ts';
import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import { type BuildRecord, readBuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import { type BuildPod, digestOfPod, listBuildPods } from '../repair/build-state.ts';
import type { HandOverOptions, ResultsOptions } from './options.ts';
import { annotationsOf, type BuiltPlace } from './place.ts';

/** What a build was started for; empty where that is not known. */
export interface StartedFor {
  readonly commit: string;
  readonly digest: string;
}

const CONTAINER = 'build';
const ENDED: ReadonlySet<BuildPhase> = new Set<BuildPhase>(['Succeeded', 'Failed', 'TimedOut']);

/**
 * What the build was started for that hands over. Where its pod is gone before its end, that is what the one before was
 * started for: the next listener is to build what was not.
 */
export async function startedFor(
  context: ControllerContext,
  { build }: HandOverOptions,
  place: BuiltPlace,
  record: BuildRecord,
): Promise<StartedFor> {
  const asked = annotationsOf(place)[KeelsonAnnotations.HAND_OVER];
  const run = record.runs.find(({ id }) => id === asked);
  const pods = await listBuildPods(context, place.namespace, build.deployment);
  const pod = pods.find((one) => one.metadata.uid === asked && !hasEnded(one));
  const digest = run?.digest ?? (pod && digestOfPod(pod, CONTAINER));
  if (digest !== undefined && (pod !== undefined || (run !== undefined && ENDED.has(run.phase)))) {
    const known = record.images.find((image) => image.digest === digest);
    return { digest, commit: run?.commit ?? known?.commit ?? '' };
  }
  const { [KeelsonAnnotations.BUILT_COMMIT]: commit = '', [KeelsonAnnotations.BUILT_DIGEST]: before = '' } =
    place.deployment.spec?.template?.metadata?.annotations ?? {};
  return { commit, digest: before };
}

/** Reads what is known of the builds in a namespace. */
export function readRecord(
  { client }: ControllerContext,
  { build }: Pick<ResultsOptions, 'build'>,
  { namespace }: { readonly namespace: string },
): Promise<BuildRecord> {
  return readBuildRecord(client, { namespace, name: build.statusConfigMap });
}

function hasEnded({ status }: BuildPod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
