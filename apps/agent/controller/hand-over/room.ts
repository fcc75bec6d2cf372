import type { ControllerContext } from '../context.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { endOfBuild } from './end-of-build.ts';
import type { Places } from './next-step.ts';
import type { HandOverOptions } from './options.ts';
import { type BuiltPlace, handedOverTo, isKept } from './place.ts';

/**
 * Deletes the oldest namespaces that are liberated and whose builds have ended, until there are no more than so many.
 *
 * @returns how many there are too many
 */
export async function deleteOldest(
  context: ControllerContext,
  options: HandOverOptions,
  { made }: Places,
  most: number,
): Promise<number> {
  let excess = Math.max(0, made.length - most);
  for (const place of made) {
    if (excess === 0) break;
    if (handedOverTo(place) === undefined || isKept(place)) continue;
    if ((await endOfBuild(context, options, place)) === undefined) continue;
    await deleteNamespace(context, place, `the build may have ${options.build.handOver.maxNamespaces}`);
    excess--;
  }
  return excess;
}

/**
 * Whether there may be one more namespace. Where there are as many as there may be, the oldest have to go.
 *
 * @param before the namespace that hands over; where its own build has ended, it is the next to be deleted, and need not
 * be waited for
 */
export async function makeRoom(
  context: ControllerContext,
  options: HandOverOptions,
  places: Places,
  before: BuiltPlace,
): Promise<boolean> {
  const { maxNamespaces } = options.build.handOver;
  const excess = await deleteOldest(context, options, places, maxNamespaces - 1);
  if (excess === 0) return true;
  const isNext = excess === 1 && before.made !== undefined;
  if (isNext && (await endOfBuild(context, options, before)) !== undefined) return true;
  const { events, log } = context;
  const message = `the build has as many namespaces as it may have, ${maxNamespaces}, and builds in all of them: the next listener waits`;
  log.info({ namespace: before.namespace }, message);
  await events.say(before.deployment, { type: 'Warning', reason: 'ListenerWaits', message });
  return false;
}
