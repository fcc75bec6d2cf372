// The real kube-score and the real kube-linter, with their default checks, on what every variant and every example
// makes, image builds of a commit included. They find nothing but what an object is excepted from, and every exception
// is one that they would find.
import { describe, expect, test } from 'vitest';
import { Missing } from '../cluster/missing.ts';
import { findings } from '../kubernetes/linters/check.ts';
import { clean, objectsOf } from '../kubernetes/linters/clean.ts';
import { kubeLinter } from '../kubernetes/linters/kube-linter.ts';
import { examples, runExample } from '../support/examples.ts';
import { withTemplates } from '../support/image-build.ts';
import {
  exceptedChecks,
  exceptionReasons,
  exceptionsOf,
  withoutExceptions,
} from '../support/linter-exceptions.ts';
import type { Manifest } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';
import { type Linter, linterProgram } from './programs.ts';
import { kubeLinterFindings, kubeScoreFindings } from './run.ts';

const FINDINGS = { 'kube-score': kubeScoreFindings, 'kube-linter': kubeLinterFindings } as const;
const LINTERS: readonly Linter[] = ['kube-score', 'kube-linter'];

const paths = new Map<Linter, string>();
let missing = '';
try {
  // One after the other: each build uses every core.
  for (const name of LINTERS) paths.set(name, await linterProgram(name));
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  missing = ` (skipped: ${error.message})`;
  console.warn(`skipped: ${error.message}`);
}

const lint = (linter: Linter, objects: readonly Manifest[]): string[] =>
  FINDINGS[linter](paths.get(linter) ?? '', objects);

const programs: readonly [name: string, objects: () => readonly Manifest[]][] = [
  ...[...variants].map(([name, synthesize]) => [name, () => synthesize().objects] as const),
  ...examples.map((name) => [`the example ${name}`, () => objectsOfExample(name)] as const),
].map(([name, objects]) => [name, () => withTemplates(objects())]);

function objectsOfExample(name: string): readonly Manifest[] {
  const { code, stderr, objects } = runExample(name);
  if (code !== 0) throw new Error(`the example ${name} ended with ${code}: ${stderr}`);
  return objects;
}

describe.skipIf(missing !== '')(`real linters${missing}`, () => {
  describe.each(programs)('in %s', (_name, make) => {
    const objects = missing === '' ? make() : [];

    test.each(LINTERS)('%s finds nothing', (linter) => {
      expect(lint(linter, objects)).toEqual([]);
    });

    test.each(LINTERS)('%s would find each exception, and no more', (linter) => {
      expect(lint(linter, withoutExceptions(objects))).toEqual(exceptionsOf(linter, objects));
    });

    test('every exception has its reason', () => {
      for (const object of objects) {
        expect([...exceptionReasons(object).keys()].sort(), object.metadata.name).toEqual(
          exceptedChecks(object),
        );
      }
    });
  });

  test('kube-linter finds nothing in clean objects, and in spoiled ones what our own checks find', () => {
    const drafts = kubeLinter.map((check, index) => {
      const draft = clean();
      check.spoil(draft);
      return objectsOf(draft).map((object): Manifest => {
        const namespace = object.metadata.namespace === undefined ? {} : { namespace: `clean-${index}` };
        return { ...object, metadata: { ...object.metadata, ...namespace } };
      });
    });
    const namespaced = drafts.flat().filter(({ metadata }) => metadata.namespace !== undefined);
    expect(lint('kube-linter', objectsOf(clean()))).toEqual([]);
    expect(lint('kube-linter', namespaced)).toEqual(findings(kubeLinter, namespaced));
    expect(findings(kubeLinter, namespaced).length).toBeGreaterThanOrEqual(kubeLinter.length);
  });

  test('kube-score finds what is wrong', () => {
    const draft = clean();
    expect(lint('kube-score', objectsOf(draft))).toEqual([]);
    draft.container.image = 'web';
    draft.service.spec = { ...draft.service.spec, type: 'NodePort' };
    expect(lint('kube-score', objectsOf(draft))).toEqual([
      'Deployment clean/web: kube-score/container-image-tag',
      'Service clean/web: kube-score/service-type',
    ]);
  });
});
