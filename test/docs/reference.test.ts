// The API reference is made without a warning: every name that the interface speaks of is in it, every link leads
// somewhere, and everything has a comment. What is optional says what it is where it is left out.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Application,
  type DeclarationReflection,
  Logger,
  LogLevel,
  type ProjectReflection,
  ReflectionKind,
  TSConfigReader,
  type TypeDocOptions,
} from 'typedoc';
import { beforeAll, describe, expect, test } from 'vitest';
import { REPOSITORY } from '../support/project.ts';

class Warnings extends Logger {
  readonly all: string[] = [];

  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.all.push(message);
  }
}

interface Reference {
  readonly project: ProjectReflection | undefined;
  readonly warnings: readonly string[];
}

const { $schema: _, ...OPTIONS } = JSON.parse(readFileSync(join(REPOSITORY, 'typedoc.json'), 'utf8'));

/** What `npm run docs` would make, or what it would make of another file. */
async function reference(entryPoints: string[], tsconfig: string): Promise<Reference> {
  const options: TypeDocOptions = { ...OPTIONS, entryPoints, tsconfig };
  const app = await Application.bootstrap(options, [new TSConfigReader()]);
  const logger = new Warnings();
  app.logger = logger;
  const project = await app.convert();
  if (project !== undefined) app.validate(project);
  return { project, warnings: logger.all };
}

/** Public properties of classes and interfaces, and of types that are written as one. */
function properties(project: ProjectReflection | undefined): DeclarationReflection[] {
  const owners = ReflectionKind.Class | ReflectionKind.Interface;
  return (project?.getReflectionsByKind(ReflectionKind.Property) ?? []).filter(
    (property): property is DeclarationReflection => property.parent?.kindOf(owners) === true,
  );
}

function undocumented(project: ProjectReflection | undefined): string[] {
  return properties(project)
    .filter(({ comment }) => comment === undefined || comment.summary.length === 0)
    .map((property) => property.getFullName());
}

/**
 * Optional properties without a `@default`, and without words on what their absence means. The agent's documents
 * are not what a program writes.
 */
function withoutDefault(project: ProjectReflection | undefined): string[] {
  const isAgents = (property: DeclarationReflection): boolean =>
    project?.getSymbolIdFromReflection(property)?.packagePath.startsWith('lib/agent/') === true;
  const says = ({ comment }: DeclarationReflection): boolean =>
    comment?.getTag('@default') !== undefined ||
    comment?.summary.some(({ text }) => /\bundefined\b/.test(text)) === true;
  return properties(project)
    .filter((property) => property.flags.isOptional && !isAgents(property) && !says(property))
    .map((property) => property.getFullName());
}

describe('the reference of the library', () => {
  let made: Reference;
  beforeAll(async () => {
    const entries = ['lib/index.ts', 'lib/pulumi/index.ts'].map((entry) => join(REPOSITORY, entry));
    made = await reference(entries, join(REPOSITORY, 'tsconfig.build.json'));
  }, 120_000);

  test('has something to say', () => {
    expect(properties(made.project).length).toBeGreaterThan(250);
    const names = properties(made.project).map((property) => property.getFullName());
    expect(names).toContain('index.KeelWatchedBuild.deployment');
    expect(names).toContain('pulumi.KeelsonComponent.made');
  });

  test('has no warnings', () => {
    expect(made.warnings).toEqual([]);
  });

  test('says of every property what it is', () => {
    expect(undocumented(made.project)).toEqual([]);
  });

  test('says of every optional property what it is where it is left out', () => {
    expect(withoutDefault(made.project)).toEqual([]);
  });
});

const MISTAKES = `
/** See {@link Nowhere}. */
export interface Props extends Hidden {
  readonly a: string;
  /** One. */
  readonly b?: Other;
}
interface Hidden {
  /**
   * Two.
   * @default - none
   */
  readonly c?: string;
}
interface Other {}
export function f(): void {}
`;

test('what these tests look for is found', { timeout: 60_000 }, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-'));
  try {
    const [entry, tsconfig] = [join(directory, 'index.ts'), join(directory, 'tsconfig.json')];
    writeFileSync(join(directory, 'package.json'), '{"name":"mistakes"}');
    writeFileSync(entry, MISTAKES);
    writeFileSync(tsconfig, '{"compilerOptions":{"types":[]},"include":["index.ts"]}');
    const { project, warnings } = await reference([entry], tsconfig);
    expect(undocumented(project)).toEqual(['Props.a']);
    expect(withoutDefault(project)).toEqual(['Props.b']);
    expect(warnings.join('\n')).toMatch(/Other.* not included/);
    expect(warnings.join('\n')).toMatch(/Failed to resolve link to "Nowhere"/);
    expect(warnings.join('\n')).toMatch(/f .*does not have any documentation/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
