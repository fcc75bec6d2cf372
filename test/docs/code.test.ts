// The code in documents and comments compiles against the library, as strictly as the library itself, and whole
// programs run.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { validateObject } from '../kubernetes/validator.ts';
import { REPOSITORY, runProgram } from '../support/project.ts';
import { inTemporaryDirectory, objectsIn, readFiles } from '../support/synthesized.ts';
import { documents, parse } from './markdown.ts';
import * as prelude from './prelude.ts';
import { commentExamples, compile, examplesIn, isFragment, textOf } from './programs.ts';

const names = Object.keys(prelude);
const blocks = documents()
  .flatMap((document) => document.blocks)
  .filter(({ language }) => language === 'ts');
const examples = commentExamples();

/** Programs with mistakes, to see that they are found, and where. */
const mistaken = [
  ...parse('docs/whole.md', '```ts\nimport { Tag } from "keelson";\n\nTag.brunch();\n```').blocks,
  ...parse('docs/missing.md', '```ts\nTag.branch();\n```').blocks,
  ...parse('docs/fragment.md', '```ts fragment\nTag.branch();\nnew Pipeline(app, "x", { plattform });\n```')
    .blocks,
  ...examplesIn('lib/x.ts', '/**\n * A thing.\n *\n * @example\n * Tag.nomed("x")\n * @see nothing\n */'),
];

test('every block of TypeScript is a program, or says that it is a fragment', () => {
  expect(blocks.length).toBeGreaterThan(10);
  expect(blocks.filter(({ note }) => !['', 'fragment'].includes(note)).map(({ at }) => at)).toEqual([]);
  expect(
    blocks.filter((block) => !isFragment(block) && !block.code.includes('import ')).map(({ at }) => at),
  ).toEqual([]);
});

test('examples are found in the comments of the library', () => {
  expect(examples.length).toBeGreaterThan(15);
});

test('all of it compiles', { timeout: 60_000 }, () => {
  const problems = compile([...blocks, ...examples, ...mistaken], names);
  const expected = [
    expect.stringMatching(/^docs\/whole.md:4: Property 'brunch' does not exist/),
    expect.stringMatching(/^docs\/missing.md:2: Cannot find name 'Tag'/),
    expect.stringMatching(/^docs\/fragment.md:3: .*plattform.*PipelineProps/),
    expect.stringMatching(/^docs\/fragment.md:3: No value exists .*plattform/),
    expect.stringMatching(/^lib\/x.ts:5: Property 'nomed' does not exist/),
  ];
  expect(problems).toEqual(expected);
});

/** Runs programs with the library as it is in the repository, each in a folder of its own below a directory. */
function run(directory: string, programs: readonly string[]): string[] {
  symlinkSync(join(REPOSITORY, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  const library = JSON.stringify(join(REPOSITORY, 'lib/index.ts'));
  for (const [index, code] of programs.entries()) {
    mkdirSync(join(directory, String(index)));
    writeFileSync(
      join(directory, `${index}/main.ts`),
      code.replace(/from ['"]keelson['"]/g, `from ${library}`),
    );
  }
  const { code, stderr } = runProgram('test/docs/run.ts', { cwd: directory });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(readFileSync(join(directory, 'failed.json'), 'utf8'));
}

test('whole programs run, and write objects that Kubernetes takes', { timeout: 120_000 }, () => {
  const programs = blocks.filter((block) => !isFragment(block) && /\bsynth(Yaml)?\(\)/.test(block.code));
  expect(programs.length).toBeGreaterThan(8);
  inTemporaryDirectory((directory) => {
    const named = (problem: string): string =>
      problem.replace(/^\d+/, (index) => programs[Number(index)]?.at ?? index);
    expect(
      run(
        directory,
        programs.map(({ code }) => code),
      ).map(named),
    ).toEqual([]);
    for (const [index, { at, code }] of programs.entries()) {
      if (!code.includes('synth()')) continue;
      const objects = objectsIn(readFiles(join(directory, String(index), 'manifests')));
      for (const object of objects) {
        expect(validateObject(object, '1.34'), `${at}: ${object.kind} ${object.metadata.name}`).toEqual([]);
      }
    }
  });
});

test('the ways around props work, one after the other', { timeout: 60_000 }, () => {
  const fragments = blocks.filter(
    (block) => isFragment(block) && block.document === 'docs/how-to/escape-hatches.md',
  );
  expect(fragments.length).toBeGreaterThan(3);
  const synth = parse('', '```ts fragment\napp.synthYaml();\n```').blocks;
  inTemporaryDirectory((directory) => {
    const programs = [...fragments, ...synth].map((block) => textOf(block, names));
    expect(run(directory, programs)).toEqual([]);
  });
});

test('a program that fails is found', { timeout: 60_000 }, () => {
  inTemporaryDirectory((directory) => {
    const programs = ['throw new Error("no");', 'process.exitCode = 1;', 'export {};'];
    expect(run(directory, programs)).toEqual(['0: Error: no', '1: it ended with exit code 1']);
  });
});
