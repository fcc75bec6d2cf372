import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { BuildRecord } from '../../status/build-status.ts';
import type { ControllerContext } from '../context.ts';
import { listBuildPods, readHolding } from '../repair/build-state.ts';
import type { HandOverOptions } from './options.ts';
import { annotationsOf, type Place, REPLACED } from './place.ts';
import { isResult, takeResults } from './results.ts';
import { readRecord } from './started-for.ts';

/** How the builds of a namespace have ended. */
export interface EndOfBuild {
  /** When the last one did, in milliseconds; 0 where there was none. */
  readonly at: number;
  /** Whether nothing was built that anybody could want to look at. */
  readonly empty: boolean;
}

/** Takes the results of a namespace, and says when its last build ended; undefined while one runs. */
export async function endOfBuild(
  context: ControllerContext,
  options: HandOverOptions,
  place: Place,
): Promise<EndOfBuild | undefined> {
  const { deployment, lease } = options.build;
  // Before the record: a gate gives up the Lease when it has written its result.
  const pods = () => listBuildPods(context, place.namespace, deployment);
  const { holder } = await readHolding(context, place.namespace, lease, pods);
  const isHome = place.made === undefined;
  const record: BuildRecord = isHome
    ? await readRecord(context, options, place)
    : await takeResults(context, options, place);
  if (holder !== undefined) return undefined;
  if (record.runs.some(({ phase }) => phase === 'Starting' || phase === 'Running')) return undefined;
  const results = record.runs.filter(isResult);
  const times = results.map(({ finishedAt = '' }) => Date.parse(finishedAt));
  const wasReplaced = annotationsOf(place)[KeelsonAnnotations.HAND_OVER] === REPLACED;
  return { at: Math.max(0, ...times), empty: wasReplaced && results.length === 0 };
}
