import type { ControllerContext } from '../context.ts';
import { deleteNamespace } from './delete-namespace.ts';
import type { Places } from './next-step.ts';
import { handedOverTo, isActive, isKept, isListener, namedBy, type Place } from './place.ts';
import { age } from './read-places.ts';

/** For how long a namespace may be there without being of use. */
export const ORPHAN_SECONDS = 600;

/**
 * Deletes namespaces that never listened and that nobody waits for any more.
 *
 * @returns in how many milliseconds there may be one; undefined where there is none
 */
export async function deleteOrphans(
  context: ControllerContext,
  { home, made }: Places,
): Promise<number | undefined> {
  const { orphanSeconds = ORPHAN_SECONDS } = context;
  const named = [home, ...made].flatMap((place) => namedBy(place) ?? []);
  const isOrphan = (place: Place): boolean =>
    !isActive(place) &&
    handedOverTo(place) === undefined &&
    !isKept(place) &&
    !named.some((next) => isListener(place, next));
  let next: number | undefined;
  for (const place of made) {
    if (place.made === undefined || !isOrphan(place)) continue;
    const wait = orphanSeconds * 1000 - age(place.made);
    if (wait > 0) next = Math.min(next ?? wait, wait);
    else {
      context.metrics.repairs.inc({ reason: 'orphan-listener' });
      await deleteNamespace(context, place, 'nobody waits for it');
    }
  }
  return next;
}
