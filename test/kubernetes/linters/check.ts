// A check of a linter, written down as what it finds and what spoils it.
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import { finding } from '../../support/linter-exceptions.ts';
import { containersOf, podsOf } from '../../support/pods.ts';
import type { Manifest } from '../../support/synthesized.ts';
import type { Draft } from './clean.ts';

/** An object as a check looks at it. */
export interface Subject {
  readonly object: Manifest;
  readonly kind: string;
  /** The object's spec; empty where it has none. */
  readonly spec: Readonly<Record<string, unknown>>;
  /** All objects of its namespace. */
  readonly beside: readonly Manifest[];
  readonly all: readonly Manifest[];
}

/** A pod that the object makes. */
export interface PodSubject extends Subject {
  readonly pod: PodSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: readonly Container[];
}

export interface Check {
  /** The linter, and its name of the check: `kube-linter/latest-tag`. */
  readonly name: string;
  /** Whether the linter would find something wrong. */
  fails(subject: Subject): boolean;
  /** Makes of clean objects some in which it finds something. */
  spoil(draft: Draft): void;
}

/** A check of the objects of some kinds. */
export function ofKind(
  kinds: string,
  name: string,
  fails: (subject: Subject) => boolean,
  spoil: Check['spoil'],
): Check {
  const names = kinds.split(' ');
  return { name, spoil, fails: (subject) => names.includes(subject.kind) && fails(subject) };
}

/** A check of what makes pods. */
export function ofPod(name: string, fails: (subject: PodSubject) => boolean, spoil: Check['spoil']): Check {
  return {
    name,
    spoil,
    fails: (subject) => {
      const [made] = podsOf([subject.object]);
      if (made === undefined) return false;
      const { spec: pod, labels } = made;
      return fails({ ...subject, pod, labels, containers: containersOf(pod) });
    },
  };
}

/** A check of each container, those that start before the others too. */
export function ofContainer(
  name: string,
  fails: (container: Container, subject: PodSubject) => boolean,
  spoil: Check['spoil'],
): Check {
  return ofPod(name, (subject) => subject.containers.some((container) => fails(container, subject)), spoil);
}

/** What checks find in objects: `Deployment ci/build: kube-linter/latest-tag`, sorted. */
export function findings(checks: readonly Check[], objects: readonly Manifest[]): string[] {
  return objects
    .flatMap((object) => {
      const { namespace } = object.metadata;
      const subject: Subject = {
        object,
        kind: object.kind,
        spec: (object['spec'] ?? {}) as Subject['spec'],
        beside: objects.filter(({ metadata }) => metadata.namespace === namespace),
        all: objects,
      };
      return checks.filter((check) => check.fails(subject)).map(({ name }) => finding(object, name));
    })
    .sort();
}

/** Whether labels are those that a selector of exact values asks for. */
export function matches(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector ?? {}).every(([key, value]) => labels[key] === value);
}
