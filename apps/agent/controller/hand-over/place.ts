import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { KubernetesObject } from '../../kubernetes/object.ts';
import type { BuildDeployment } from '../repair/missed-push.ts';
import { type NextListener, parseNextListener } from './next-listener.ts';

/** A namespace in which a build that hands over is, or is to be. */
export interface Place {
  readonly namespace: string;
  /** The Namespace that the controller made; undefined for the pipeline's own. */
  readonly made: KubernetesObject | undefined;
  /** The build's Deployment; undefined where it is not there, or may not be read yet. */
  readonly deployment: BuildDeployment | undefined;
}

/** A place with a Deployment. */
export type BuiltPlace = Place & { readonly deployment: BuildDeployment };

/** The annotation by which Keel is held back, or let go. */
export const POLICY = 'keel.sh/policy';
/** Its value that holds Keel back. */
export const NEVER = 'never';
/** In the place of a pod's UID: the controller itself has asked for the next listener. */
export const REPLACED = 'replaced';

/** The annotations of the build's Deployment. */
export function annotationsOf({ deployment }: Place): Readonly<Record<string, string>> {
  return deployment?.metadata.annotations ?? {};
}

/** Whether there is a Deployment. */
export function isBuilt(place: Place): place is BuiltPlace {
  return place.deployment !== undefined;
}

/** Whether Keel's names were made real, be it that a gate has taken the Deployment off Keel's watch since. */
export function isActive(place: Place): boolean {
  return annotationsOf(place)[POLICY] !== undefined;
}

/** Which namespace listens in its place. */
export function handedOverTo(place: Place): string | undefined {
  return annotationsOf(place)[KeelsonAnnotations.HANDED_OVER];
}

/** Whether it listens, or did until its gate took it off the watch for a build. */
export function isCurrent(place: Place): boolean {
  return isActive(place) && handedOverTo(place) === undefined;
}

/** Whether it waits for the next listener. */
export function asksForNext(place: Place): boolean {
  const { [KeelsonAnnotations.HAND_OVER]: asked, [KeelsonAnnotations.NEXT_LISTENER]: next } =
    annotationsOf(place);
  return handedOverTo(place) === undefined && (asked !== undefined || next !== undefined);
}

/** The listener that is being made, or was made, in its place. */
export function nextOf(place: Place): NextListener | undefined {
  return parseNextListener(annotationsOf(place)[KeelsonAnnotations.NEXT_LISTENER]);
}

/** The listener that it still stands for: what it has handed over to is another one where a person did that. */
export function namedBy(place: Place): NextListener | undefined {
  const next = nextOf(place);
  const to = handedOverTo(place);
  return to === undefined || to === next?.namespace ? next : undefined;
}

/** Whether this is the namespace with that name and that claim. */
export function isListener({ made }: Place, { namespace, claim }: NextListener): boolean {
  return made?.metadata.name === namespace && made.metadata.annotations?.[KeelsonAnnotations.CLAIM] === claim;
}

/** Whether a person wants the namespace to stay. */
export function isKept({ made }: Place): boolean {
  return made?.metadata.annotations?.[KeelsonAnnotations.KEEP] === 'true';
}
