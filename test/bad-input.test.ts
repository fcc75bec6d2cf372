// What is wrong with a program is said with the path of the construct, the property, the value and the remedy, and
// nothing is written then (`problemsOf` looks).
import { ApiObject, Chart } from 'cdk8s';
import { KeelWatchedBuild, Pipeline } from 'keelson';
import { describe, expect, test } from 'vitest';
import { builds } from './bad-input/builds.ts';
import { gitops } from './bad-input/gitops.ts';
import { gpus } from './bad-input/gpus.ts';
import { images } from './bad-input/images.ts';
import { keel } from './bad-input/keel.ts';
import { linters } from './bad-input/linters.ts';
import { names } from './bad-input/names.ts';
import { resources } from './bad-input/resources.ts';
import type { Row } from './bad-input/row.ts';
import { aBuild, branch } from './bad-input/row.ts';
import { secrets } from './bad-input/secrets.ts';
import { sources } from './bad-input/sources.ts';
import { hostileBranches } from './support/commits.ts';
import { existingPlatform, image, pipelineConfiguration } from './support/programs.ts';
import { problemsOf, synthesized } from './support/synthesized.ts';

const ROWS: readonly Row[] = [
  ...names,
  ...sources,
  ...images,
  ...resources,
  ...gpus,
  ...builds,
  ...gitops,
  ...keel,
  ...linters,
  ...secrets,
];

/** An expected problem, in which an ellipsis stands for anything. */
function pattern(problem: string): RegExp {
  const parts = problem.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

test('there are at least 60 rows, each given once', () => {
  expect(ROWS.length).toBeGreaterThanOrEqual(60);
  expect(new Set(ROWS.map(([given]) => given)).size).toBe(ROWS.length);
});

describe('is refused with the path, the property, the value and the remedy', () => {
  test.each(ROWS)('%s', (_given, build, problem) => {
    const problems = problemsOf(build);
    expect(problems).toContainEqual(expect.stringMatching(pattern(problem)));
    for (const one of problems) {
      expect(one).toMatch(/^[^:]+: [^:].*; \S|cannot write/s);
      expect(one).not.toContain('CANARY');
      expect(one).not.toMatch(/\n|undefined|\[object|TypeError|Cannot read/);
    }
  });
});

describe('is accepted, however it looks', () => {
  test.each(hostileBranches)('the branch %j', (name) => {
    expect(pipelineConfiguration(synthesized(branch(name))).source?.branches).toEqual([name]);
  });

  test('a storage class that nobody knows, with a warning', () => {
    const { warnings } = synthesized(
      aBuild({ volume: { storageClassName: 'mine', accessMode: 'ReadWriteMany' } }),
    );
    expect(warnings).toEqual([
      expect.stringMatching(/^ci\/build: volume.accessMode: may not be served by mine/),
    ]);
  });

  test('a volume of one node on a storage class of one node, without a warning', () => {
    expect(synthesized(aBuild({ volume: { storageClassName: 'gp2' } })).warnings).toEqual([]);
  });
});

test('all problems of a program come together', () => {
  const problems = problemsOf((app) => {
    const ci = new Pipeline(app, 'ci', { platform: existingPlatform(), namespace: 'kube-system' });
    new KeelWatchedBuild(ci, 'build', { image: image(), command: [], env: { 'A B': '1', C: 2 as never } });
    const chart = new Chart(app, 'chart');
    const [a, b] = ['a', 'b'].map(
      (id) => new ApiObject(chart, id, { apiVersion: 'v1', kind: 'X', metadata: { name: `${id}!` } }),
    );
    a?.addDependency(b as ApiObject);
    b?.addDependency(a as ApiObject);
    new ApiObject(new Chart(app, 'other'), 'x', { apiVersion: 'v1', kind: 'X', metadata: { name: 'NO' } });
  });
  const starts = [
    'ci/namespace: namespace: ',
    'ci/build: command: ',
    'ci/build: env.A B: ',
    'ci/build: env.C: ',
  ];
  starts.push('constructs depend on each other in a circle: chart/a', 'other/x: metadata.name: ');
  expect(problems.map((problem, index) => problem.slice(0, starts[index]?.length))).toEqual(starts);
});
