// What the documents say of files, commands and data is so.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { REPOSITORY } from '../support/project.ts';
import { type Document, documents, parse } from './markdown.ts';

const all = documents();
const byPath = new Map(all.map((document) => [document.path, document]));
const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));

/** The file that a link points to, from the repository's root; undefined for one to elsewhere. */
function fileOf(document: string, target: string): { file: string; anchor: string | undefined } | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? document : normalize(join(dirname(document), decodeURI(path)));
  return { file: file.replace(/\/$/, ''), anchor };
}

/** What is wrong with a document's links. */
function linkProblems({ path, links }: Document): string[] {
  return links.flatMap(({ at, target }) => {
    const found = fileOf(path, target);
    if (found === undefined) return [];
    if (!existsSync(join(REPOSITORY, found.file))) return [`${at}: there is no ${found.file}`];
    const { anchor } = found;
    if (anchor === undefined || byPath.get(found.file)?.anchors.has(anchor)) return [];
    return [`${at}: ${found.file} has no heading #${anchor}`];
  });
}

test('there are documents, with links and blocks of code', () => {
  expect(all.length).toBeGreaterThan(20);
  expect(all.flatMap(({ links }) => links).length).toBeGreaterThan(40);
  expect(all.flatMap(({ blocks }) => blocks).length).toBeGreaterThan(40);
});

test.each(all)('links of $path lead somewhere', (document) => {
  expect(linkProblems(document)).toEqual([]);
});

test('every document can be reached from the README', () => {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const document = byPath.get(path);
    if (document === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { target } of document.links) visit(fileOf(path, target)?.file ?? '');
  };
  visit('README.md');
  expect(all.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
});

test('every example is linked from a document', () => {
  const linked = all.flatMap(({ path, links }) => links.map(({ target }) => fileOf(path, target)?.file));
  const examples = readdirSync(join(REPOSITORY, 'examples')).map((name) => `examples/${name}/main.ts`);
  expect(examples.filter((example) => !linked.includes(example))).toEqual([]);
});

test('every command of npm that they name is one', () => {
  const named = all.flatMap(({ path, text }) =>
    [...text.matchAll(/npm run ([a-z][\w:-]*)/g)].map(([, script]) => ({ path, script: script ?? '' })),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter(({ script }) => !Object.hasOwn(scripts, script))).toEqual([]);
});

describe('each threat names its tests', () => {
  const { text = '' } = byPath.get('docs/security.md') ?? {};
  const [, tested = ''] = text.split('### What tests it');
  const threats = [...text.matchAll(/^\| (T\d+) \| [^[]/gm)].map(([, threat]) => threat);

  test('of nineteen, in order', () => {
    expect(threats).toEqual(Array.from({ length: 19 }, (_, index) => `T${index + 1}`));
    expect([...tested.matchAll(/^\| (T\d+) \| \[/gm)].map(([, threat]) => threat)).toEqual(threats);
  });

  test.each(
    [...tested.matchAll(/\]\(\.\.\/([^)]+)\): “([^”]+)”/g)].map(([, file = '', title = '']) => [file, title]),
  )('%s has “%s”', (file, title) => {
    expect(readFileSync(join(REPOSITORY, file), 'utf8')).toContain(title);
  });
});

describe('blocks of data can be read', () => {
  const blocks = all.flatMap((document) => document.blocks);
  const json = blocks.filter(({ language }) => language === 'json');
  const yaml = blocks.filter(({ language }) => language === 'yaml');

  test.each(json)('JSON at $at', ({ code }) => {
    expect(JSON.parse(code)).toBeTypeOf('object');
  });

  test.each(yaml)('YAML at $at', ({ code }) => {
    const read = parseAllDocuments(code);
    expect(read.flatMap(({ errors, warnings }) => [...errors, ...warnings])).toEqual([]);
    expect(read.length).toBeGreaterThan(0);
  });

  test('every block says what it is in, but for plain text', () => {
    const languages = ['ts', 'sh', 'json', 'yaml', 'toml', 'dockerfile', 'mermaid', ''];
    expect(blocks.filter(({ language }) => !languages.includes(language)).map(({ at }) => at)).toEqual([]);
  });
});

describe('these tests find', () => {
  const problems = (text: string): string[] => linkProblems(parse('docs/x.md', text));

  test.each([
    ['a file that is not there', 'see [it](nowhere.md)', 'docs/x.md:1: there is no docs/nowhere.md'],
    [
      'a heading that is not there',
      'a\n[it](concepts.md#nowhere)',
      'docs/x.md:2: docs/concepts.md has no heading #nowhere',
    ],
  ])('%s', (_name, text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  test('no problem in links that are right, or are code', () => {
    expect(problems('[a](concepts.md#names-and-labels) [b](https://x.example/y) `[c](d.md)`')).toEqual([]);
  });

  test('a block that is never closed', () => {
    expect(() => parse('docs/x.md', '```ts\nconst a = 1;')).toThrow('docs/x.md:2: the block is never closed');
  });
});
