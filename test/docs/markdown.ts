// What the documents consist of: blocks of code, headings and links.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY } from '../support/project.ts';

export interface Block {
  /** `docs/concepts.md:28`, the line of the first line of code. */
  readonly at: string;
  readonly document: string;
  readonly line: number;
  /** `ts`, `json`, … */
  readonly language: string;
  /** What stands after the language: `fragment`. */
  readonly note: string;
  readonly code: string;
}

export interface Link {
  readonly at: string;
  readonly target: string;
}

export interface Document {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly blocks: readonly Block[];
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  readonly text: string;
}

/** The documents of the repository's root and of docs/. */
export function documents(): Document[] {
  const below = readdirSync(join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' });
  const paths = [...readdirSync(REPOSITORY), ...below.map((path) => join('docs', path))];
  return paths
    .filter((path) => path.endsWith('.md'))
    .sort()
    .map((path) => parse(path, readFileSync(join(REPOSITORY, path), 'utf8')));
}

/** Reads the part of Markdown that the documents use. A block that is never closed is an error. */
export function parse(path: string, text: string): Document {
  const blocks: Block[] = [];
  const links: Link[] = [];
  const anchors = new Set<string>();
  let open: { line: number; info: string; indent: string; code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^( *)```(.*)$/.exec(line);
    if (open !== undefined) {
      if (fence === null)
        open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line);
      else {
        blocks.push(block(path, open));
        open = undefined;
      }
    } else if (fence !== null) {
      open = { line: index + 2, info: fence[2]?.trim() ?? '', indent: fence[1] ?? '', code: [] };
    } else {
      const heading = /^#{1,6} (.*)$/.exec(line);
      if (heading !== null) anchors.add(anchor(heading[1] ?? '', anchors));
      for (const target of linksOf(line)) links.push({ at: `${path}:${index + 1}`, target });
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block is never closed`);
  return { path, blocks, anchors, links, text };
}

function block(
  document: string,
  { line, info, code }: { line: number; info: string; code: string[] },
): Block {
  const [language = '', ...note] = info.split(' ');
  return {
    at: `${document}:${line}`,
    document,
    line,
    language,
    note: note.join(' '),
    code: `${code.join('\n')}\n`,
  };
}

function linksOf(line: string): string[] {
  const prose = line.replace(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target ?? '');
}

/** What GitHub makes of a heading, with a number where another has the same. */
function anchor(heading: string, taken: ReadonlySet<string>): string {
  const base = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
    .replaceAll(' ', '-');
  let name = base;
  for (let count = 1; taken.has(name); count++) name = `${base}-${count}`;
  return name;
}
