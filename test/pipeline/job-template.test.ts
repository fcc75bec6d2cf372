// What a program changes in job templates reaches the controller, is checked, and leaves what the controller relies on.
import type { KubernetesObject, TemplateChange, Transform } from 'keelson';
import { describe, expect, test } from 'vitest';
import { templatesOf } from '../support/image-build.ts';
import { imageBuild, pipelineConfiguration } from '../support/programs.ts';
import { type Build, problemsOf, synthesized } from '../support/synthesized.ts';

const labelled: Transform = (object) => ({
  ...object,
  metadata: { ...object.metadata, labels: { ...object.metadata.labels, 'example.com/team': 'ci' } },
});
const changed =
  (change: TemplateChange): Build =>
  (app) =>
    imageBuild(app).jobTemplate?.addChange(change);
/** A change of the objects of one kind. */
const of =
  (kind: string, change: (object: KubernetesObject) => unknown): TemplateChange =>
  (object) =>
    object.kind === kind ? (change(object as KubernetesObject) as ReturnType<TemplateChange>) : object;

describe("the app's transform", () => {
  test('gets objects with placeholders, and the construct that has the template', () => {
    const seen: string[] = [];
    synthesized((app) => imageBuild(app), {
      transform: (object, source) => {
        seen.push(`${source.node.path} ${object.kind} ${object.metadata.name}`);
        return object;
      },
    });
    expect(seen).toContain('ci/image Namespace ((keelson.namespace))');
    expect(seen).toContain('ci/image Job imagebuilder');
    expect(seen).toContain('ci/record/configuration ConfigMap keelson-pipeline');
  });

  test('that returns what it gets changes nothing', () => {
    const output = synthesized((app) => imageBuild(app), { transform: (object) => object });
    expect(output.files).toEqual(synthesized((app) => imageBuild(app)).files);
  });

  test('comes after the changes of the template', () => {
    const seen: unknown[] = [];
    synthesized(changed(of('Job', (job) => labelled(job, undefined as never))), {
      transform: (object) => {
        if (object.kind === 'Job') seen.push(object.metadata.labels?.['example.com/team']);
        return object;
      },
    });
    expect(new Set(seen)).toEqual(new Set(['ci']));
  });
});

describe('a change', () => {
  test('in place of an object leaves templates of others alone', () => {
    const change: TemplateChange = of('LimitRange', (object) => {
      delete (object as { spec?: unknown }).spec;
      (object.metadata as { labels?: object }).labels = { a: 'b' };
      return object;
    });
    const first = JSON.stringify(pipelineConfiguration(synthesized(changed(change))));
    const plain = JSON.stringify(pipelineConfiguration(synthesized((app) => imageBuild(app))));
    expect(first).not.toBe(plain);
    expect(JSON.stringify(pipelineConfiguration(synthesized((app) => imageBuild(app))))).toBe(plain);
  });

  test('may leave out what is not needed', () => {
    const output = synthesized(changed((object) => (object.kind === 'ResourceQuota' ? undefined : object)));
    const kinds = templatesOf(pipelineConfiguration(output))
      .flat()
      .map(({ kind }) => kind);
    expect(kinds).toContain('LimitRange');
    expect(kinds).not.toContain('ResourceQuota');
  });

  test('keeps every placeholder that it does not touch', () => {
    const placeholders = (text: string): string[] => text.match(/\(\(keelson\.[a-z.]+\)\)/g) ?? [];
    const output = synthesized((app) => imageBuild(app), { transform: labelled });
    const plain = synthesized((app) => imageBuild(app));
    expect(placeholders(JSON.stringify(pipelineConfiguration(output)))).toEqual(
      placeholders(JSON.stringify(pipelineConfiguration(plain))),
    );
  });

  const keelson = 'keelson.dev/owner';
  test.each<[string, TemplateChange, string]>([
    [
      'a label that is none',
      of('Job', ({ metadata, ...job }) => ({
        ...job,
        metadata: { ...metadata, labels: { ...metadata.labels, 'a b': 'c' } },
      })),
      'jobTemplate.Job.metadata.labels: is not a valid key (got "a b"); use letters',
    ],
    [
      'a label that is no text',
      of('Job', ({ metadata, ...job }) => ({
        ...job,
        metadata: { ...metadata, labels: { ...metadata.labels, a: true } },
      })),
      'jobTemplate.Job.metadata.labels.a: is no text (got true)',
    ],
    [
      'a value that is no data',
      of('Job', (job) => ({ ...job, spec: { startTime: new Date(0) } })),
      'jobTemplate.Job: spec.startTime: cannot write an instance of Date',
    ],
    [
      'a secret in a ConfigMap',
      of('ConfigMap', (map) => ({ ...map, data: { key: '-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY' } })),
      'jobTemplate.ConfigMap.data.key: holds a secret in plain text (got a hidden value)',
    ],
    [
      'another name',
      of('Job', ({ metadata, ...job }) => ({ ...job, metadata: { ...metadata, name: 'mine' } })),
      'jobTemplate.Job: has another kind, name or namespace, by which the controller knows it (got "imagebuilder")',
    ],
    [
      'another namespace',
      of('Service', ({ metadata, ...rest }) => ({
        ...rest,
        metadata: { ...metadata, namespace: 'kube-system' },
      })),
      'jobTemplate.Service: has another kind, name or namespace',
    ],
    [
      'an owner',
      of('Namespace', ({ metadata, ...rest }) => ({
        ...rest,
        metadata: { ...metadata, labels: { [keelson]: 'me' } },
      })),
      'jobTemplate.Namespace.metadata.labels.keelson.dev/owner: is changed, by which the controller knows it (got "me")',
    ],
    [
      'annotations that are gone',
      of('Job', ({ metadata: { annotations: _, ...metadata }, ...rest }) => ({ ...rest, metadata })),
      'jobTemplate.Job.metadata.annotations.keelson.dev/branch: is changed',
    ],
    ['no Job', (object) => (object.kind === 'Job' ? undefined : object), 'jobTemplate.Job: is left out'],
    [
      'no Namespace',
      (object) => (object.kind === 'Namespace' ? undefined : object),
      'jobTemplate.Namespace: is left out, and nothing is built without it',
    ],
    [
      'a placeholder that is none',
      of('Job', (job) => ({ ...job, spec: { a: ['((keelson.brunch))'] } })),
      'jobTemplate.Job: is no placeholder (got "((keelson.brunch))"); use placeholder(name) with one of its names',
    ],
    ['no object', of('Job', () => 'text'), 'jobTemplate.Job: has another kind'],
    ['nothing', of('Job', () => null), 'jobTemplate.Job: has another kind'],
  ])('that makes %s is refused', (_name, change, problem) => {
    const problems = problemsOf(changed(change));
    expect(problems).toContainEqual(expect.stringContaining(`ci/image: ${problem}`));
    for (const one of problems) {
      expect(one).not.toMatch(/CANARY|TypeError|Cannot read|\n/);
    }
  });
});
