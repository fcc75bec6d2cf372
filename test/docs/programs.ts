// The TypeScript of the documents and of the examples in the library's comments, checked as one program.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { REPOSITORY } from '../support/project.ts';
import type { Block } from './markdown.ts';

const PRELUDE = join(REPOSITORY, 'test/docs/prelude.ts');

/** The `@example`s of the library's comments, each as a fragment. */
export function commentExamples(): Block[] {
  const files = readdirSync(join(REPOSITORY, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => `lib/${path}`)
    .sort();
  return files.flatMap((path) => examplesIn(path, readFileSync(join(REPOSITORY, path), 'utf8')));
}

export function examplesIn(path: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; code: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const content = /^\s*\* ?(?!\/)(.*)$/.exec(line)?.[1];
    if (open !== undefined && (content === undefined || /^@[a-z]/.test(content))) {
      blocks.push(fragment(path, open));
      open = undefined;
    }
    if (open !== undefined) open.code.push(content ?? '');
    if (content === '@example') open = { line: index + 2, code: [] };
  }
  return blocks;
}

function fragment(path: string, { line, code }: { line: number; code: readonly string[] }): Block {
  const own = code.filter((text) => !text.startsWith('```'));
  return {
    at: `${path}:${line}`,
    document: path,
    line,
    language: 'ts',
    note: 'fragment',
    code: `${own.join('\n')}\n`,
  };
}

export function isFragment({ note }: Block): boolean {
  return note === 'fragment';
}

/** What the compiler says of all blocks, each with the place in the document. */
export function compile(blocks: readonly Block[], preludeNames: readonly string[]): string[] {
  const virtual = new Map(
    blocks.map((block, index) => [join(REPOSITORY, 'test/docs', `block-${index}.ts`), block]),
  );
  const texts = new Map([...virtual].map(([path, block]) => [path, textOf(block, preludeNames)]));
  const options = compilerOptions();
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, languageVersion, ...rest) => {
    const text = texts.get(path);
    return text === undefined
      ? getSourceFile(path, languageVersion, ...rest)
      : ts.createSourceFile(path, text, languageVersion);
  };
  const program = ts.createProgram([...virtual.keys()], options, host);
  return [...virtual].flatMap(([path, block]) => {
    const file = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map((diagnostic) => describeProblem(block, diagnostic));
  });
}

function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(join(REPOSITORY, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, REPOSITORY);
  // A program of a user's exports nothing, so that what an export needs is not asked of it.
  return {
    ...options,
    noEmit: true,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
  };
}

/** A fragment gets imports of what it uses and doesn't declare, on a line before its first. */
export function textOf(block: Block, preludeNames: readonly string[]): string {
  if (!isFragment(block)) return `export {};${block.code}`;
  const { used, declared } = identifiersIn(block.code);
  const names = preludeNames.filter((name) => used.has(name) && !declared.has(name));
  return `import { ${names.join(', ')} } from ${JSON.stringify(PRELUDE)};\n${block.code}`;
}

function identifiersIn(code: string): { used: Set<string>; declared: Set<string> } {
  const file = ts.createSourceFile('fragment.ts', code, ts.ScriptTarget.ESNext, true);
  const used = new Set<string>();
  const declared = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) used.add(node.text);
    const named =
      ts.isVariableDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isClassDeclaration(node) ||
      ts.isFunctionDeclaration(node);
    if (named && node.name !== undefined && ts.isIdentifier(node.name)) declared.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { used, declared };
}

function describeProblem(block: Block, diagnostic: ts.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ');
  if (diagnostic.file === undefined || diagnostic.start === undefined) return `${block.at}: ${message}`;
  const { line } = diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start);
  return `${block.document}:${block.line + line - (isFragment(block) ? 1 : 0)}: ${message}`;
}
