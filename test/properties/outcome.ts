// What has to hold of every program: it is refused in words, or what it writes is well.
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  KeelsonApp,
  type PipelineConfiguration,
  SynthesisError,
  type SynthesisResult,
  type TemplateObject,
} from 'keelson';
import { parse } from 'yaml';
import { oneLine } from '../../lib/kubernetes/problem.ts';
import { validateObject } from '../kubernetes/validator.ts';
import { commitOn, filled, hostileBranches } from '../support/commits.ts';
import { type Manifest, readFiles } from '../support/synthesized.ts';
import { CANARY } from './hostile.ts';
import { IDENTITY, objectsOf, optionsOf, type Program, run } from './program.ts';

export type Outcome =
  | { readonly kind: 'refused'; readonly problems: readonly string[] }
  | { readonly kind: 'id refused' }
  | { readonly kind: 'written'; readonly files: ReadonlyMap<string, string> };

/** Nothing takes longer, on a machine that does something else too. */
const MAX_MILLISECONDS = 3000;

/** In memory where there is such a folder: most of the time would go to making and removing files. */
const MEMORY = '/dev/shm';
if (existsSync(MEMORY)) process.env['TMPDIR'] = MEMORY;
/** Each worker's own. It is made by what is written to it. */
const DIRECTORY = join(tmpdir(), `keelson-properties-${process.pid}`);

/** Runs a program in a directory of its own and looks at what comes of it. */
export function outcomeOf(program: Program): Outcome {
  let taken = Number.POSITIVE_INFINITY;
  // A machine may have something else to do: it is the program's fault if it is slow each time.
  for (let attempt = 0; attempt < 4; attempt++) {
    const started = performance.now();
    const outcome = cleaned(program);
    taken = Math.min(taken, performance.now() - started);
    if (taken <= MAX_MILLISECONDS) return outcome;
  }
  throw new Error(`it takes ${taken} ms`);
}

function cleaned(program: Program): Outcome {
  try {
    return synthesize(program);
  } finally {
    if (existsSync(DIRECTORY)) rmSync(DIRECTORY, { recursive: true });
  }
}

function synthesize(program: Program): Outcome {
  const outdir = join(DIRECTORY, 'manifests');
  const app = new KeelsonApp({ ...optionsOf(program), outdir });
  if (!run(program, app)) return { kind: 'id refused' };
  let result: SynthesisResult;
  const write = process.stderr.write;
  try {
    // The warnings of a hundred thousand programs.
    process.stderr.write = () => true;
    result = app.synth();
  } catch (error) {
    if (!(error instanceof SynthesisError)) throw error;
    if (existsSync(DIRECTORY)) throw new Error('the refused program wrote files');
    checkProblems(error.problems, app, program);
    return { kind: 'refused', problems: error.problems };
  } finally {
    process.stderr.write = write;
  }
  const files = readFiles(DIRECTORY);
  checkWritten(files, result, app);
  return { kind: 'written', files };
}

/** A problem that names no property: what no single construct has. */
const CIRCLE = /^constructs depend on each other in a circle: /;
const PROBLEM = /^[^\n]*?: [^\n]+ \(got [^\n]*\); [^\n]+$/;
/** What the writer says of a value in a manifest, with the value in the words. */
const UNWRITABLE = /^[^\n]*?: [^\n]+: cannot write [^\n]+ as YAML; give [^\n]+$/;

/** Each with a path that exists, and with property, message, value and remedy, on one line, and nothing secret. */
function checkProblems(problems: readonly string[], app: KeelsonApp, { options }: Program): void {
  if (problems.length === 0) throw new Error('there is an error without a problem');
  const paths = new Set(
    app.node.findAll().map(({ node }) => (node.path === '' ? 'app' : oneLine(node.path))),
  );
  for (const problem of problems) {
    if (CIRCLE.test(problem)) continue;
    // A transform throws what it likes.
    if (![undefined, IDENTITY].includes(options['transform']?.label)) continue;
    if (!PROBLEM.test(problem) && !UNWRITABLE.test(problem))
      throw new Error(`is no problem as problems are: ${problem.slice(0, 1000)}`);
    if (![...paths].some((path) => problem.startsWith(`${path}: `)))
      throw new Error(`starts with no path: ${problem.slice(0, 1000)}`);
    if (/TypeError|Cannot read|is not a function|\[object/.test(problem.replace(/\(got .*\);/, '')))
      throw new Error(`is an accident: ${problem}`);
    if (problem.includes(": can't be rendered (")) throw new Error(`is an accident: ${problem}`);
    if (problem.includes(CANARY)) throw new Error(`shows a secret: ${problem}`);
    if (problem.length > 2000) throw new Error(`is too long: ${problem.slice(0, 200)}`);
  }
}

/** What was right once is right: most objects are the same in every program. */
const KNOWN = new Map<string, Manifest>();
const MAX_KNOWN = 20_000;

function readObject(text: string): Manifest {
  const known = KNOWN.get(text);
  if (known !== undefined) return known;
  const object: Manifest = parse(text);
  checkObject(object);
  if (KNOWN.size > MAX_KNOWN) KNOWN.clear();
  KNOWN.set(text, object);
  return object;
}

function checkObject(object: unknown): void {
  for (const version of ['1.30', '1.36'] as const) {
    const [problem] = validateObject(object, version);
    if (problem !== undefined)
      throw new Error(`${problem} (Kubernetes ${version}): ${JSON.stringify(object).slice(0, 2000)}`);
  }
}

function checkWritten(files: ReadonlyMap<string, string>, result: SynthesisResult, app: KeelsonApp): void {
  const texts = [...files].flatMap(([path, text]) => {
    if (text.includes(CANARY)) throw new Error(`${path} holds a secret`);
    return isManifest(path, result) ? text.split(/^---\n/m) : [];
  });
  for (const warning of result.warnings) {
    if (warning.includes(CANARY)) throw new Error(`a warning shows a secret: ${warning}`);
  }
  const objects = texts.map(readObject);
  const made = objectsOf(app);
  if (objects.length !== made.length) throw new Error(`${made.length} objects became ${objects.length}`);
  const written = new Map(objects.map((object) => [identity(object), object]));
  if (written.size !== objects.length) throw new Error('two objects are one');
  for (const construct of made) {
    const rendered: Manifest = JSON.parse(JSON.stringify(construct.toJson()));
    if (!isDeepStrictEqual(written.get(identity(rendered)), rendered))
      throw new Error(`${construct.node.path} was written as another object`);
  }
  for (const object of objects) checkTemplates(object);
  for (const { path } of result.charts) {
    if (!existsSync(join(result.outdir, path))) throw new Error(`there is no ${path}`);
  }
}

function isManifest(path: string, { charts }: SynthesisResult): boolean {
  if (path.endsWith('/kustomization.yaml')) return false;
  return charts.some((chart) => `${path}/`.startsWith(`manifests/${chart.path}/`));
}

function identity({ apiVersion, kind, metadata: { namespace = '', name } }: Manifest): string {
  return [apiVersion, kind, namespace, name].join(' ');
}

let branchNumber = 0;

/** The Jobs of a pipeline, as the controller makes them for a branch that means ill. */
function checkTemplates(object: Manifest): void {
  const data = object['data'] as Readonly<Record<string, string>> | undefined;
  const text = object.kind === 'ConfigMap' ? data?.['pipeline.json'] : undefined;
  if (text === undefined) return;
  const { images, releases }: PipelineConfiguration = JSON.parse(text);
  branchNumber += 1;
  const branch = hostileBranches[branchNumber % hostileBranches.length] as string;
  const templates: (readonly TemplateObject[])[] = [
    ...[...images, ...releases.flatMap((release) => release.images)].map(({ jobTemplate }) => jobTemplate),
    ...releases.flatMap(({ jobs }) => jobs.map(({ jobTemplate }) => jobTemplate)),
  ];
  for (const template of templates) {
    for (const filledObject of filled(template, commitOn(branch))) {
      const text = JSON.stringify(filledObject);
      // The branch itself may look like one.
      if (
        branch !== '((keelson.url))' &&
        /\(\(keelson\.[a-z.]+\)\)/.test(text.replaceAll('((keelson.branch))', ''))
      )
        throw new Error(`a placeholder is left: ${text.slice(0, 2000)}`);
      checkObject(filledObject);
    }
  }
}
