import type { ControllerContext } from '../context.ts';
import { settle } from './afterwards.ts';
import { copyFromHome } from './copies.ts';
import { nextStep, type Places } from './next-step.ts';
import type { HandOverOptions } from './options.ts';
import { deleteOrphans } from './orphans.ts';
import { asksForNext, isCurrent } from './place.ts';
import { readPlaces } from './read-places.ts';
import { deleteOldest } from './room.ts';
import { takeStep } from './take-step.ts';

/** How a build that hands over stands. */
export interface HandOverState {
  /** In how many milliseconds there is more to do; undefined where nothing is going on. */
  readonly next: number | undefined;
  /** The namespaces in which a change of the build's Deployment is of interest. */
  readonly current: readonly string[];
}

/** More steps than any hand-over has: what is left is done next time. */
const MAX_STEPS = 20;
const WAIT_MS = 3_000;

/**
 * Takes a build that hands over as far as it goes: so that one namespace listens, that those which have served are put
 * away, and that their results come home. All state is in the cluster; whichever controller leads goes on from it.
 */
export async function advanceHandOver(
  context: ControllerContext,
  options: HandOverOptions,
): Promise<HandOverState> {
  const { places, waits } = await takeSteps(context, options);
  const times: number[] = waits ? [WAIT_MS] : [];
  const failures: unknown[] = [];
  const add = async (task: Promise<number | undefined>): Promise<void> => {
    try {
      const time = await task;
      if (time !== undefined) times.push(time);
    } catch (error) {
      options.signal.throwIfAborted();
      failures.push(error);
    }
  };
  // What is wrong with one namespace must not keep the others from being put away.
  for (const place of [places.home, ...places.made]) {
    if (isCurrent(place) && place.made !== undefined)
      await add(copyFromHome(context, options, place.namespace).then(() => undefined));
    await add(settle(context, options, place));
  }
  await add(
    deleteOldest(context, options, places, options.build.handOver.maxNamespaces).then(() => undefined),
  );
  await add(deleteOrphans(context, places));
  if (failures.length > 0) throw failures[0];
  const all = [places.home, ...places.made];
  const current = all.filter((place) => isCurrent(place) || asksForNext(place));
  return {
    next: times.length > 0 ? Math.min(...times) : undefined,
    current: current.map(({ namespace }) => namespace),
  };
}

async function takeSteps(
  context: ControllerContext,
  options: HandOverOptions,
): Promise<{ readonly places: Places; readonly waits: boolean }> {
  for (let steps = 0; ; steps++) {
    options.signal.throwIfAborted();
    const places = await readPlaces(context, options);
    const step = nextStep(places, options.build.handOver.version);
    if (step === undefined) return { places, waits: false };
    if (steps === MAX_STEPS || !(await takeStep(context, options, places, step)))
      return { places, waits: true };
  }
}
