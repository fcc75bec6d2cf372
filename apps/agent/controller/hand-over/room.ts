import type { ControllerContext } from '../context.ts';
import { deleteNamespace } from './delete-namespace.ts';
import { endOfBuild } from './end-of-build.ts';
import type { Places } from './next-step.ts';
import type { HandOverOptions } from './options.ts';
import { type BuiltPlace, handedOverTo, isKept } from './place.ts';

/**
 * Whether there may be one more namespace. Where there are as many as there may be, the oldest are deleted that are
 * liberated and whose builds have ended.
 *
 * @param before the namespace that hands over; where its own build has ended, it is the next to be deleted, and need not
 * be waited for
 */
export async function makeRoom(
  context: ControllerContext,
  options: HandOverOptions,
  { made }: Places,
  before: BuiltPlace,
): Promise<boolean> {
  const { maxNamespaces } = options.build.handOver;
  let excess = made.length - maxNamespaces + 1;
  for (const place of made) {
    if (excess <= 0) break;
    if (handedOverTo(place) === undefined || isKept(place)) continue;
    if ((await endOfBuild(context, options, place)) === undefined) continue;
    await deleteNamespace(context, place, `the build may have ${maxNamespaces}`);
    excess--;
  }
  if (excess <= 0) return true;
  const { events, log } = context;
  const isLast = excess === 1 && before.made !== undefined;
  if (isLast && (await endOfBuild(context, options, before)) !== undefined) return true;
  const message = `the build has ${made.length} of ${maxNamespaces} namespaces, and runs in all of them: the next listener waits`;
  log.info({ namespace: before.namespace }, message);
  await events.say(before.deployment, { type: 'Warning', reason: 'ListenerWaits', message });
  return false;
}
