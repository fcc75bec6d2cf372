// Every object is one that Kubernetes takes: each that is synthesized, and each that the controller makes of an image
// build's template, whatever the commit is like.
import type { TemplateValues } from 'keelson';
import { describe, expect, test } from 'vitest';

import { COMMIT, commitOn, hostileBranches } from '../support/commits.ts';
import { templated } from '../support/image-build.ts';
import { listeners } from '../support/listeners.ts';
import { reference } from '../support/programs.ts';

import type { Manifest, Synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';
import { kubernetesVersions, validateObject } from './validator.ts';

function problems(objects: readonly Manifest[]): string[] {
  return objects.flatMap((object) =>
    kubernetesVersions.flatMap((version) =>
      validateObject(object, version).map(
        (problem) => `${version} ${object.kind} ${object.metadata.name}: ${problem}`,
      ),
    ),
  );
}

/** What the controller would make of every template. */
const made = ({ objects }: Synthesized, values: TemplateValues): Manifest[] =>
  templated(objects, values).flat();

function emptyLists(value: unknown, path = ''): string[] {
  if (Array.isArray(value) && value.length === 0) return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => emptyLists(inner, `${path}/${key}`));
}

describe.each([...variants])('in %s', (_name, synthesize) => {
  const output = synthesize();

  test('each object is valid in every version of Kubernetes', () => {
    expect(output.objects.length).toBeGreaterThanOrEqual(10);
    expect(problems(output.objects)).toEqual([]);
  });

  test('no object has what a fresh one does not have, or what changes at run time', () => {
    for (const { kind, metadata, ...rest } of output.objects) {
      expect(rest, `${kind} ${metadata.name}`).not.toHaveProperty('status');
      expect(metadata.annotations ?? {}).not.toHaveProperty('keel.sh/policy');
    }
  });

  test('no list is empty, for API servers leave those out, so that each apply would be a change', () => {
    const empty = output.objects.flatMap((object) =>
      emptyLists(object).map((path) => `${object.kind} ${object.metadata.name}: ${path}`),
    );
    expect(empty).toEqual([]);
  });

  test('each object of a listener is valid in every version of Kubernetes', () => {
    expect(problems(listeners(output.objects))).toEqual([]);
    expect(JSON.stringify(listeners(output.objects))).not.toContain('((keelson.');
  });

  test('each object of a job template is valid in every version of Kubernetes', () => {
    for (const objects of templated(output.objects, commitOn('main'))) {
      expect(['Namespace', 'Job']).toContain(objects[0]?.kind);
      expect(problems(objects)).toEqual([]);
    }
  });
});

describe('a job template', () => {
  const output = reference();

  test('the reference pipeline has at least 40 objects, and an image build of at least 6', () => {
    expect(output.objects.length).toBeGreaterThanOrEqual(40);
    expect(templated(output.objects, commitOn('main'))[0]?.length).toBeGreaterThanOrEqual(6);
  });

  test.each(hostileBranches)('of the branch %j is valid', (branch) => {
    expect(problems(made(output, commitOn(branch)))).toEqual([]);
  });

  test.each<[string, Parameters<typeof commitOn>[1]]>([
    ['a hostile URL', { url: 'ssh://git@git.example.com/$(id)/"; drop\n---\nkind: x' }],
    ['a commit of a repository with SHA-256', { commit: 'a'.repeat(64) }],
    ['a long namespace', { namespace: `gw-${'x'.repeat(60)}` }],
    ['a version with a build part', { version: '1.0.0-rc.1+build.5', 'tag.version': '1.0.0-rc.1_build.5' }],
  ])('of %s is valid', (_name, values) => {
    expect(problems(made(output, commitOn('main', values)))).toEqual([]);
  });

  test.each(['a'.repeat(40), 'a'.repeat(64)])(
    'has labels that Kubernetes takes, for the commit %s',
    (commit) => {
      for (const object of made(output, commitOn('main', { commit }))) {
        for (const [key, value] of labelsIn(object)) {
          expect(value, `${object.kind} ${key}`).toMatch(/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/);
        }
      }
    },
  );

  test('has the same objects for every branch', () => {
    const shape = (branch: string): string[] =>
      made(output, commitOn(branch)).map(
        ({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`,
      );
    for (const branch of hostileBranches) expect(shape(branch), branch).toEqual(shape('main'));
  });

  test('leaves no placeholder unfilled', () => {
    expect(JSON.stringify(made(output, commitOn('main')))).not.toContain('((keelson.');
    expect(JSON.stringify(made(output, commitOn('main')))).toContain(COMMIT);
  });
});

/** Every label anywhere in an object. */
function labelsIn(node: unknown): [string, unknown][] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) => [
    ...(/^(labels|matchLabels)$/.test(key) ? Object.entries(value as object) : []),
    ...labelsIn(value),
  ]);
}
