import type { ControllerContext } from '../context.ts';
import type { BuildDeployment } from '../repair/missed-push.ts';
import { scaleToZero } from '../repair/stale-lease.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { endOfBuild } from './end-of-build.ts';
import type { HandOverOptions } from './options.ts';
import { handedOverTo, isKept, type Place } from './place.ts';

/** While a build runs, its end is looked for this often. */
const SOON_MS = 3_000;

/**
 * Takes the results of a namespace home and, where it is liberated and its build has ended, does with it what is done
 * afterwards.
 *
 * @returns in how many milliseconds there is more to do; undefined where there is not
 */
export async function settle(
  context: ControllerContext,
  options: HandOverOptions,
  place: Place,
): Promise<number | undefined> {
  if (place.deployment === undefined) return undefined;
  const end = await endOfBuild(context, options, place);
  if (end === undefined) return SOON_MS;
  if (handedOverTo(place) === undefined) return undefined;
  if (end.empty) {
    if (!isKept(place)) await deleteNamespace(context, place, 'another listener took its place');
    return undefined;
  }
  const { keepSeconds = 0, handOver } = options.build;
  const wait = end.at + keepSeconds * 1000 - Date.now();
  if (wait > 0) return wait;
  if (handOver.afterwards === 'keep') return undefined;
  if (handOver.afterwards === 'selfDestruct' && place.made !== undefined) {
    if (!isKept(place)) await deleteNamespace(context, place, 'its build has ended');
  } else await scaleDown(context, options, place);
  return undefined;
}

/** At home the controller may scale the build and its services alone. */
async function scaleDown(
  context: ControllerContext,
  { build }: HandOverOptions,
  { namespace, made }: Place,
): Promise<void> {
  const names =
    made === undefined
      ? [build.deployment]
      : (await listDeployments(context, namespace)).map(({ metadata }) => metadata.name);
  if (await scaleToZero(context, namespace, names))
    context.log.info({ namespace, deployments: names }, 'scaled down a namespace whose build has ended');
}

async function listDeployments(
  { client }: ControllerContext,
  namespace: string,
): Promise<readonly BuildDeployment[]> {
  const { items } = await client.list<BuildDeployment>({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace,
  });
  return items.filter(({ spec }) => spec?.replicas !== 0);
}
