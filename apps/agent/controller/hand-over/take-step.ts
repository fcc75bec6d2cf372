import { activeNames } from '../../../../lib/agent/listener.ts';
import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { ControllerContext } from '../context.ts';
import { listBuildPods, readHolding } from '../repair/build-state.ts';
import { annotate } from './annotate.ts';
import { endOfBuild } from './end-of-build.ts';
import { makeListener } from './make-listener.ts';
import { chooseListener, formatNextListener } from './next-listener.ts';
import type { Places, Step } from './next-step.ts';
import type { HandOverOptions } from './options.ts';
import { annotationsOf, type BuiltPlace, NEVER, POLICY, REPLACED } from './place.ts';
import { makeRoom } from './room.ts';

const { HAND_OVER, NEXT_LISTENER, HANDED_OVER } = KeelsonAnnotations;

/** Does one step, or finds that somebody was quicker: then it is decided anew. False where it has to wait for something. */
export async function takeStep(
  context: ControllerContext,
  options: HandOverOptions,
  places: Places,
  step: Step,
): Promise<boolean> {
  const { place } = step;
  switch (step.kind) {
    case 'start':
      return start(context, place);
    case 'return':
      return returnHome(context, options, place);
    case 'choose':
      return (await makeRoom(context, options, places, place)) && choose(context, options, place);
    case 'make':
      return (await makeListener(context, options, place, step.next)) || choose(context, options, place);
    case 'say':
      return say(context, place, step.to);
    case 'replace':
      return replace(context, options, places, place);
    case 'silence':
      return silence(context, place, step.to);
  }
}

async function start(context: ControllerContext, place: BuiltPlace): Promise<boolean> {
  const names = activeNames(annotationsOf(place));
  if (names[POLICY] === undefined) {
    context.log.warn(
      { namespace: place.namespace },
      'the build’s Deployment does not say what Keel is to do',
    );
    return false;
  }
  if (await annotate(context.client, place.deployment, names))
    context.log.info({ namespace: place.namespace }, 'listens');
  return true;
}

/** Where home is building, it asks for another listener; else it listens, and its pod starts again where it was scaled down. */
async function returnHome(
  context: ControllerContext,
  { build }: HandOverOptions,
  place: BuiltPlace,
): Promise<boolean> {
  const { namespace, deployment } = place;
  const { holder, stale } = await readHolding(context, namespace, build.lease, () =>
    listBuildPods(context, namespace, build.deployment),
  );
  const isBuilding = holder !== undefined && !stale;
  const forgotten = { [HANDED_OVER]: null, [NEXT_LISTENER]: null };
  const written = isBuilding
    ? await annotate(context.client, deployment, forgotten)
    : await annotate(
        context.client,
        deployment,
        { ...activeNames(annotationsOf(place)), ...forgotten, [HAND_OVER]: null },
        deployment.spec?.replicas === 0 ? { spec: { replicas: 1 } } : {},
      );
  if (!written) return true;
  const message = `the listener ${annotationsOf(place)[HANDED_OVER]} is gone`;
  context.log.warn({ namespace, build: build.deployment }, message);
  context.metrics.repairs.inc({ reason: 'listener-gone' });
  await context.events.say(deployment, { type: 'Warning', reason: 'ListenerGone', message });
  return true;
}

async function choose(
  context: ControllerContext,
  { pipeline }: HandOverOptions,
  place: BuiltPlace,
): Promise<boolean> {
  const next = chooseListener(pipeline);
  if (await annotate(context.client, place.deployment, { [NEXT_LISTENER]: formatNextListener(next) }))
    context.log.info({ namespace: place.namespace, next: next.namespace }, 'hands over');
  return true;
}

async function say(context: ControllerContext, place: BuiltPlace, to: string): Promise<boolean> {
  const { client, events } = context;
  if (!(await annotate(client, place.deployment, { [POLICY]: NEVER, [HANDED_OVER]: to }))) return true;
  const message = `the next image is built in ${to}`;
  await events.say(place.deployment, { type: 'Normal', reason: 'HandedOver', message });
  return true;
}

/** The listener waits and was made of another template: the controller asks in its gate's place. */
async function replace(
  context: ControllerContext,
  options: HandOverOptions,
  places: Places,
  place: BuiltPlace,
): Promise<boolean> {
  if ((await endOfBuild(context, options, place)) === undefined) return false;
  if (!(await makeRoom(context, options, places, place))) return false;
  if (await annotate(context.client, place.deployment, { [POLICY]: NEVER, [HAND_OVER]: REPLACED }))
    context.log.info({ namespace: place.namespace }, 'the listener’s template has changed: it hands over');
  return true;
}

async function silence(context: ControllerContext, place: BuiltPlace, to: string): Promise<boolean> {
  const silent = { [POLICY]: NEVER, [HAND_OVER]: REPLACED, [HANDED_OVER]: to };
  if (!(await annotate(context.client, place.deployment, silent))) return true;
  context.log.warn({ namespace: place.namespace, to }, 'two namespaces listened: this one does no more');
  context.metrics.repairs.inc({ reason: 'two-listeners' });
  return true;
}
