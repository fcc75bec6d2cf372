// What kube-linter and Polaris find in what we make, by checks of our own written after theirs (`npm run test:linters`
// runs the real kube-linter and kube-score). A check passes, or the object says why it does not.
import { describe, expect, test } from 'vitest';
import { withTemplates } from '../../support/image-build.ts';
import {
  exceptedChecks,
  exceptionReasons,
  exceptionsOf,
  finding,
  withoutExceptions,
} from '../../support/linter-exceptions.ts';
import { variants } from '../../support/variants.ts';
import { findings } from './check.ts';
import { clean, objectsOf } from './clean.ts';
import { kubeLinter } from './kube-linter.ts';
import { polarisPods } from './polaris.ts';
import { polarisRights } from './polaris-rights.ts';

const CHECKS = [...kubeLinter, ...polarisPods, ...polarisRights];

describe.each([...variants])('in %s', (_name, synthesize) => {
  const objects = withTemplates(synthesize().objects);
  const bare = withoutExceptions(objects);

  test.each(CHECKS.map((check) => [check.name, check] as const))(
    '%s finds just what is excepted from it',
    (name, check) => {
      const excepted = objects.filter((object) => exceptedChecks(object).includes(name));
      expect(findings([check], bare)).toEqual(excepted.map((object) => finding(object, name)).sort());
    },
  );

  test('every exception is of a check that there is, and has its reason', () => {
    const known = CHECKS.map(({ name }) => name);
    for (const object of objects) {
      const checks = exceptedChecks(object);
      const reasons = exceptionReasons(object);
      expect([...reasons.keys()].sort(), object.metadata.name).toEqual(checks);
      for (const reason of reasons.values()) expect(reason).toMatch(/\w+ \w+/);
      expect(checks.filter((check) => !check.startsWith('kube-score/') && !known.includes(check))).toEqual(
        [],
      );
    }
    expect(exceptionsOf('kube-linter', objects).length).toBeGreaterThan(0);
  });

  test('there is none of the only kind that checks left out here are about', () => {
    expect(objects.filter(({ kind }) => kind === 'HorizontalPodAutoscaler')).toEqual([]);
  });
});

test('the checks find nothing in clean objects', () => {
  expect(findings(CHECKS, objectsOf(clean()))).toEqual([]);
});

test.each(CHECKS.map((check) => [check.name, check] as const))(
  '%s finds what it is about',
  (_name, check) => {
    const draft = clean();
    check.spoil(draft);
    expect(findings([check], objectsOf(draft)).length).toBeGreaterThan(0);
  },
);

test('each check is here once: 31 of kube-linter, 41 of Polaris', () => {
  expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
  expect([kubeLinter.length, polarisPods.length + polarisRights.length]).toEqual([31, 41]);
});
