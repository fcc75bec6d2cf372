// Every object is one that Kubernetes takes: each that is synthesized, and each that the controller makes of an image
// build's template, whatever the commit is like.
import { describe, expect, test } from 'vitest';
import { COMMIT, commitOn, filled, hostileBranches } from '../support/commits.ts';
import { pipelineConfiguration, reference } from '../support/programs.ts';
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

/** What the controller would make of the templates of every pipeline. */
function imageBuilds(output: Synthesized, values: ReturnType<typeof commitOn>): Manifest[] {
  return output.objects
    .filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'keelson-pipeline')
    .flatMap((object) => {
      const { images } = pipelineConfiguration({ find: <T>() => object as T });
      return images.flatMap(({ jobTemplate }) => filled(jobTemplate, values));
    });
}

describe.each([...variants])('in %s', (_name, synthesize) => {
  const output = synthesize();

  test('there are at least 40 objects, and each is valid in every version of Kubernetes', () => {
    expect(output.objects.length).toBeGreaterThanOrEqual(40);
    expect(problems(output.objects)).toEqual([]);
  });

  test('no object has what a fresh one does not have, or what changes at run time', () => {
    for (const { kind, metadata, ...rest } of output.objects) {
      expect(rest, `${kind} ${metadata.name}`).not.toHaveProperty('status');
      expect(metadata.annotations ?? {}).not.toHaveProperty('keel.sh/policy');
    }
  });

  test('each image build has at least 6 objects, and each is valid in every version of Kubernetes', () => {
    const objects = imageBuilds(output, commitOn('main'));
    expect(objects.length).toBeGreaterThanOrEqual(6);
    expect(objects[0]?.kind).toBe('Namespace');
    expect(problems(objects)).toEqual([]);
  });
});

describe('an image build', () => {
  const output = reference();

  test.each(hostileBranches)('of the branch %j is valid', (branch) => {
    expect(problems(imageBuilds(output, commitOn(branch)))).toEqual([]);
  });

  test.each<[string, Parameters<typeof commitOn>[1]]>([
    ['a hostile URL', { url: 'ssh://git@git.example.com/$(id)/"; drop\n---\nkind: x' }],
    ['a commit of a repository with SHA-256', { commit: 'a'.repeat(64) }],
    ['a long namespace', { namespace: `gw-${'x'.repeat(60)}` }],
    ['a version with a build part', { version: '1.0.0-rc.1+build.5', 'tag.version': '1.0.0-rc.1_build.5' }],
  ])('of %s is valid', (_name, values) => {
    expect(problems(imageBuilds(output, commitOn('main', values)))).toEqual([]);
  });

  test.each(['a'.repeat(40), 'a'.repeat(64)])(
    'has labels that Kubernetes takes, for the commit %s',
    (commit) => {
      for (const object of imageBuilds(output, commitOn('main', { commit }))) {
        for (const [key, value] of labelsIn(object)) {
          expect(value, `${object.kind} ${key}`).toMatch(/^([A-Za-z0-9]([-\w.]{0,61}[A-Za-z0-9])?)?$/);
        }
      }
    },
  );

  test('has the same objects for every branch', () => {
    const shape = (branch: string): string[] =>
      imageBuilds(output, commitOn(branch)).map(
        ({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`,
      );
    for (const branch of hostileBranches) expect(shape(branch), branch).toEqual(shape('main'));
  });

  test('leaves no placeholder unfilled', () => {
    expect(JSON.stringify(imageBuilds(output, commitOn('main')))).not.toContain('((keelson.');
    expect(JSON.stringify(imageBuilds(output, commitOn('main')))).toContain(COMMIT);
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
