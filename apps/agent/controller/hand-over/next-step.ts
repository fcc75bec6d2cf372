import { KeelsonAnnotations } from '../../../../lib/kubernetes/labels.ts';
import type { NextListener } from './next-listener.ts';
import {
  annotationsOf,
  asksForNext,
  type BuiltPlace,
  handedOverTo,
  isActive,
  isBuilt,
  isCurrent,
  isListener,
  NEVER,
  namedBy,
  nextOf,
  type Place,
  POLICY,
} from './place.ts';

/** What is to be done next, so that one namespace listens. */
export type Step =
  /** Home's names are made the real ones. */
  | { readonly kind: 'start'; readonly place: BuiltPlace }
  /** What home has handed over to is gone: it listens again. */
  | { readonly kind: 'return'; readonly place: BuiltPlace }
  /** A name is chosen for the next listener. */
  | { readonly kind: 'choose'; readonly place: BuiltPlace }
  /** The next listener is made, or what is missing of it. */
  | { readonly kind: 'make'; readonly place: BuiltPlace; readonly next: NextListener }
  /** The next listener is there: that is said. */
  | { readonly kind: 'say'; readonly place: BuiltPlace; readonly to: string }
  /** The listener was made of another template: it is to hand over without a build. */
  | { readonly kind: 'replace'; readonly place: BuiltPlace }
  /** It is not the only one that listens: it does no more. */
  | { readonly kind: 'silence'; readonly place: BuiltPlace; readonly to: string };

/** Where a build is: home, and the namespaces that the controller made, the oldest first. */
export interface Places {
  readonly home: Place;
  readonly made: readonly Place[];
}

/** Compares what is there with what should be. Undefined where nothing is to be done. */
export function nextStep({ home, made }: Places, version: string): Step | undefined {
  const all = [home, ...made].filter(isBuilt);
  const find = (next: NextListener | undefined): Place | undefined =>
    next && made.find((place) => isListener(place, next));
  const asking = all.filter(asksForNext);
  for (const place of asking) {
    const target = find(nextOf(place));
    if (target !== undefined && isActive(target)) return { kind: 'say', place, to: target.namespace };
  }
  const current = all.filter(isCurrent);
  const [place] = asking;
  if (place !== undefined) {
    // Where what was written of it was erased, the listener is still there.
    const other = current.findLast((one) => one !== place);
    if (other !== undefined) return { kind: 'say', place, to: other.namespace };
    const next = nextOf(place);
    return next === undefined ? { kind: 'choose', place } : { kind: 'make', place, next };
  }
  const [first] = current;
  const last = current.at(-1);
  if (first !== undefined && last !== undefined) {
    if (first !== last) return { kind: 'silence', place: first, to: last.namespace };
    // One that a person has taken off the watch stays so.
    const isOutdated = first.made !== undefined && versionOf(first) !== version;
    return isOutdated && annotationsOf(first)[POLICY] !== NEVER
      ? { kind: 'replace', place: first }
      : undefined;
  }
  for (const liberated of all.toReversed()) {
    const next = namedBy(liberated);
    const target = find(next);
    if (next !== undefined && target !== undefined && handedOverTo(target) === undefined)
      return { kind: 'make', place: liberated, next };
  }
  if (!isBuilt(home)) return undefined;
  return { kind: handedOverTo(home) === undefined ? 'start' : 'return', place: home };
}

function versionOf({ made }: Place): string | undefined {
  return made?.metadata.annotations?.[KeelsonAnnotations.LISTENER_VERSION];
}
