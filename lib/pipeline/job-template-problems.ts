import { fillTemplate, type TemplateObject, type TemplateValues } from '../agent/job-template.ts';
import { identity, objectProblems } from '../app/object-problems.ts';
import type { KubernetesObject } from '../app/render.ts';
import { yamlDocument } from '../app/yaml.ts';
import { formatProblem } from '../kubernetes/problem.ts';

/** A commit, to look at a template as it will be filled. */
const A_COMMIT: TemplateValues = {
  namespace: 'gw-0-1-0-main-1a2b3c4d',
  url: 'https://git.example.com/project.git',
  branch: 'main',
  commit: '1a2b3c4d'.repeat(5),
  version: '0.1.0',
  id: 'main-1a2b3c4d',
  'tag.branch': 'main',
  'tag.commit': '1a2b3c4d'.repeat(5),
  'tag.version': '0.1.0',
  digest: `sha256:${'1a2b3c4d'.repeat(8)}`,
  outputs: 'http://10.1.2.3:8081/1a2b3c4d.tar',
};

/** Kinds without which nothing is built. */
const NEEDED: ReadonlySet<string> = new Set(['Namespace', 'Job']);

/**
 * What is wrong with an object of a job template after a program has changed it: what would be wrong with any
 * object, and what the controller would no longer know it by.
 *
 * @throws TypeError where it holds what YAML can't hold
 */
export function changeProblems(before: TemplateObject, after: TemplateObject | undefined): string[] {
  const { kind, metadata } = before;
  if (after === undefined) {
    return NEEDED.has(kind)
      ? [problem(kind, '', metadata.name, 'is left out, and nothing is built without it')]
      : [];
  }
  const lost = lostProblems(before as KubernetesObject, after as KubernetesObject);
  if (lost.length > 0) return lost;
  const text = yamlDocument(after);
  const filled = fillTemplate(after, A_COMMIT) as KubernetesObject;
  const unknown = /\(\(keelson\.[^)]*\)\)/.exec(yamlDocument(filled))?.[0];
  return [
    ...objectProblems(filled, text, () => filled).map((found) => `jobTemplate.${kind}.${found}`),
    ...(unknown === undefined
      ? []
      : [problem(kind, '', unknown, 'is no placeholder', 'use placeholder(name) with one of its names')]),
  ];
}

/** What the controller finds objects by, and network policies pods. */
function lostProblems(before: KubernetesObject, after: KubernetesObject): string[] {
  const { kind, metadata } = before;
  if (typeof after?.metadata?.name !== 'string' || identity(before) !== identity(after)) {
    return [
      problem(
        kind,
        '',
        metadata.name,
        'has another kind, name or namespace, by which the controller knows it',
      ),
    ];
  }
  return (['labels', 'annotations'] as const).flatMap((map) =>
    Object.entries(metadata[map] ?? {})
      .filter(([key, value]) => key.startsWith('keelson.dev/') && after.metadata[map]?.[key] !== value)
      .map(([key]) =>
        problem(
          kind,
          `.metadata.${map}.${key}`,
          after.metadata[map]?.[key],
          'is changed, by which the controller knows it',
        ),
      ),
  );
}

function problem(
  kind: string,
  path: string,
  value: unknown,
  message: string,
  remedy = 'leave it as it is',
): string {
  return formatProblem({ property: `jobTemplate.${kind}${path}`, value, message, remedy });
}
