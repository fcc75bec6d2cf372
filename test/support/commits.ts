// Commits as the controller would fill a job template with them.
import { branchTag, fillTemplate, type TemplateObject, type TemplateValues } from 'keelson';
import type { Manifest } from './synthesized.ts';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** Branch names that git accepts and that a careless program trips over. */
export const hostileBranches: readonly string[] = [
  '$(touch\x24{IFS}/tmp/x)',
  '$(KEELSON_GIT_URL)',
  '$$(KEELSON_GIT_URL)',
  '`id`',
  'a;b',
  'a|b',
  'a&&b',
  "a'b",
  'a"b',
  '{{.x}}',
  '((keelson.url))',
  '\x24{HOME}',
  '%s',
  'x{}',
  'no',
  '1e3',
  '0o14',
  '<<',
  '名前',
  'a\u202eb',
  'feature/x',
  'x'.repeat(250),
];

/** The values of a commit on a branch. */
export function commitOn(branch: string, values: Partial<TemplateValues> = {}): TemplateValues {
  return {
    namespace: 'gw-0-1-0-main-1a2b3c4d',
    url: 'https://git.example.com/team/project.git',
    branch,
    commit: COMMIT,
    version: '0.1.0',
    id: 'main-1a2b3c4d',
    'tag.branch': branchTag(branch),
    'tag.commit': (values.commit ?? COMMIT).slice(0, 63),
    'tag.version': '0.1.0',
    digest: `sha256:${'0123456789abcdef'.repeat(4)}`,
    outputs: 'http://10.1.2.3:8081/0c9e1c7e-5f0f-4d6b-9d07-0a2f6f3b1c11.tar',
    ...values,
  };
}

/** The objects that the controller makes for a commit. */
export function filled(template: readonly TemplateObject[], values: TemplateValues): Manifest[] {
  return fillTemplate(template, values).map((object) => ({ ...object }));
}

/**
 * What the kubelet makes of a value of command, args or env when the given variables are known, as in
 * https://github.com/kubernetes/kubernetes/tree/master/third_party/forked/golang/expansion
 */
export function expanded(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, next: string, name: string | undefined) => {
    if (next === '$') return '$';
    return (name !== undefined && variables[name]) || whole;
  });
}
