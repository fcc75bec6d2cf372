import type { ApiObject } from 'cdk8s';
import { KeelsonAnnotations } from './labels.ts';
import { Notes } from './notes.ts';
import { type Problem, reportProblems } from './problem.ts';

/**
 * A check of a linter, by the linter and by its name there: `kube-score/container-image-pull-policy`,
 * `kube-linter/run-as-non-root`, `polaris/runAsRootAllowed`.
 */
export type LinterCheck = `${'kube-score' | 'kube-linter' | 'polaris'}/${string}`;

/** Checks that an object can't or should not pass, and why. */
export interface LinterException {
  /** The checks. */
  readonly checks: readonly LinterCheck[];
  /** Why the object is right as it is, on one line. It is written on the object. */
  readonly reason: string;
}

const NOTES = new Notes<LinterException>();

/**
 * Excepts an object from checks of linters, each with its reason: by the annotations that kube-score,
 * kube-linter and Polaris ask for, and by `keelson.dev/linter-exceptions`, which says why. Exceptions
 * that an object has already stay.
 *
 * A check that is not named by its linter, and a reason that is empty or has several lines, is a problem of
 * the synthesis.
 *
 * @see https://github.com/zegl/kube-score#ignoring-a-test
 * @see https://docs.kubelinter.io/#/configuring-kubelinter?id=ignoring-violations-for-specific-cases
 * @see https://polaris.docs.fairwinds.com/customization/exemptions/
 * @example
 * exceptFromLinters(build.deployment, {
 *   checks: ['kube-linter/env-var-secret'],
 *   reason: 'SECRET_FILE holds a path',
 * });
 */
export function exceptFromLinters(object: ApiObject, ...exceptions: readonly LinterException[]): void {
  for (const exception of exceptions) {
    const problems = exceptionProblems(exception);
    reportProblems(object, problems);
    if (problems.length === 0) NOTES.add(object, exception);
  }
  for (const [name, value] of Object.entries(linterAnnotations(NOTES.of(object)))) {
    object.metadata.addAnnotation(name, value);
  }
}

/** The same for an object that is no construct, such as those of a job template. */
export function exceptedFromLinters<T extends { metadata?: { annotations?: Record<string, string> } }>(
  object: T,
  exceptions: readonly LinterException[],
): T {
  const annotations = { ...object.metadata?.annotations, ...linterAnnotations(exceptions) };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function linterAnnotations(exceptions: readonly LinterException[]): Record<string, string> {
  const reasons = new Map<string, string>();
  for (const { checks, reason } of exceptions) {
    for (const check of checks) reasons.set(check, joined(reasons.get(check), reason));
  }
  if (reasons.size === 0) return {};
  const annotations: Record<string, string> = {};
  for (const [check, reason] of reasons) {
    const [tool, name] = check.split('/');
    if (tool === 'kube-score') annotations[KUBE_SCORE] = joined(annotations[KUBE_SCORE], name ?? '', ',');
    else if (tool === 'kube-linter') annotations[`ignore-check.kube-linter.io/${name}`] = reason;
    else annotations[`polaris.fairwinds.com/${name}-exempt`] = 'true';
  }
  const lines = exceptions.map(({ checks, reason }) => `${checks.join(', ')}: ${reason}\n`);
  annotations[KeelsonAnnotations.LINTER_EXCEPTIONS] = [...new Set(lines)].join('');
  return annotations;
}

const KUBE_SCORE = 'kube-score/ignore';
const CHECK = /^(kube-score|kube-linter|polaris)\/[A-Za-z0-9-]{1,50}$/;

function joined(before: string | undefined, next: string, separator = '; '): string {
  if (before === undefined) return next;
  return before.split(separator).includes(next) ? before : `${before}${separator}${next}`;
}

function exceptionProblems(exception: LinterException | undefined): Problem[] {
  const { checks, reason } = (exception ?? {}) as Partial<Record<keyof LinterException, unknown>>;
  const names: unknown[] = Array.isArray(checks) ? checks : [checks];
  const problems: Problem[] = (names.length === 0 ? [undefined] : names)
    .filter((check) => typeof check !== 'string' || !CHECK.test(check))
    .map((check) => ({
      property: 'checks',
      value: check,
      message: 'is not a check of a linter',
      remedy:
        'give the linter and the name of its check, such as kube-score/service-type; kube-linter and polaris are known too',
    }));
  if (typeof reason !== 'string' || !/^[^\p{Cc}]*\S[^\p{Cc}]*$/u.test(reason)) {
    problems.push({
      property: 'reason',
      value: reason,
      message: 'is not one line of text',
      remedy: 'say on one line why the object is right as it is',
    });
  }
  return problems;
}
