import { Construct } from 'constructs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { declareStage, stageGraph } from '../../lib/app/graph.ts';
import { reference } from '../support/programs.ts';
import { hostileStrings } from '../yaml/hostile.ts';

const root = (): Construct => new Construct(undefined as never, '');

test('stages are nodes, and what they take from each other are labelled arrows', () => {
  const tree = root();
  const [git, image, other] = ['git', 'image', 'other'].map((id) => new Construct(tree, id));
  declareStage(git as Construct, { title: 'git main' });
  declareStage(image as Construct, {
    title: 'Makisu image',
    detail: 'registry:5000/a',
    inputs: [
      { from: git as Construct, label: 'new commit' },
      { from: git as Construct },
      { from: other as Construct },
    ],
  });
  expect(stageGraph(tree.node.findAll())).toBe(
    [
      'flowchart LR',
      '  s0["git main"]',
      '  s1["Makisu image<br/>registry:5000/a"]',
      '  s0 -->|"new commit"| s1',
      '  s0 --> s1',
      '',
    ].join('\n'),
  );
});

const NODE = /^ {2}s\d+\["(?:[A-Za-z0-9 ._/:@,=+-]|#\d+;)*(?:<br\/>(?:[A-Za-z0-9 ._/:@,=+-]|#\d+;)*)?"\]$/;

/** What Mermaid shows of a text with entities. */
function shown(text: string): string {
  return text.replace(/#(\d+);/g, (_entity, code: string) => String.fromCodePoint(Number(code)));
}

function graphOf(title: string): string[] {
  const tree = root();
  declareStage(tree, { title, detail: title });
  return stageGraph([tree]).trimEnd().split('\n');
}

test.each([
  ...hostileStrings.slice(0, 120),
  'a"]\n  s1["b',
  '"] --> s9',
  '%%{init: {}}%%',
  '`**md**`',
  'end',
  '#35;',
  '<script>',
  '-->|x|',
])('the title %j stays one node', (title) => {
  const [head, node = '', ...rest] = graphOf(title);
  expect([head, rest]).toEqual(['flowchart LR', []]);
  expect(node).toMatch(NODE);
  expect(shown(node)).toBe(`  s0["${title}<br/>${title}"]`);
});

test('any title stays one node, and is shown as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (title) => {
      const lines = graphOf(title);
      expect(lines).toHaveLength(2);
      expect(lines[1]).toMatch(NODE);
      expect(shown(lines[1] ?? '')).toBe(`  s0["${title}<br/>${title}"]`);
    }),
  );
});

test('the graph of the reference pipeline shows the way of a commit to its build', () => {
  const graph = reference({ NVIDIA_VISIBLE_DEVICES: 'all' }).files.get('graph.mmd');
  const ids = new Map(
    [...(graph ?? '').matchAll(/^ {2}(s\d+)\["([^<"]*)/gm)].map(([, id, title]) => [title, id]),
  );
  const arrow = (from: string, label: string, to: string): string =>
    `${ids.get(from)} -->|"${label}"| ${ids.get(to)}`;
  expect([...ids.keys()]).toEqual([
    'registry',
    'git main',
    'Makisu image',
    'MinIO',
    'RabbitMQ',
    'GPU node',
    'build build',
    'release release',
    'Makisu stock',
    'Makisu azure',
  ]);
  expect(graph).toContain(arrow('build build', 'has passed', 'release release'));
  expect(graph).toContain(arrow('git main', 'new commit', 'Makisu image'));
  expect(graph).toContain(arrow('Makisu image', 'new digest, seen by Keel', 'build build'));
  expect(graph).toContain(arrow('MinIO', 'runs beside', 'build build'));
  expect(graph).toContain(arrow('RabbitMQ', 'runs beside', 'build build'));
  expect(graph).toContain(arrow('GPU node', 'runs on', 'build build'));
});
