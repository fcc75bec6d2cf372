// Synthesizes a program into a temporary directory and reads back what was written.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { KeelsonApp, type KeelsonAppProps, SynthesisError, type SynthesisResult } from 'keelson';
import { parseAllDocuments } from 'yaml';

/** An object as it was read from a file. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface Synthesized {
  readonly objects: readonly Manifest[];
  /** Every file's text by its path below the output directory, a slash between its parts. */
  readonly files: ReadonlyMap<string, string>;
  /** The same for the files that nodes need. */
  readonly nodeFiles: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  readonly result: SynthesisResult;
  /** The one object of a kind and name, and of a namespace where that is given. */
  find<T = Manifest>(kind: string, name: string, namespace?: string): T;
  /** `namespace/name` of every object of a kind. */
  names(kind: string): string[];
}

export type Build = (app: KeelsonApp) => void;

/** A directory that is gone after `use`. */
export function inTemporaryDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the program in `build` writes. */
export function synthesized(build: Build, props: KeelsonAppProps = {}): Synthesized {
  return inTemporaryDirectory((directory) => {
    const app = new KeelsonApp({ outdir: join(directory, 'manifests'), ...props });
    build(app);
    const result = app.synth();
    return readOutput(result);
  });
}

/** Reads what a synthesis wrote. */
export function readOutput(result: SynthesisResult): Synthesized {
  const files = readFiles(result.outdir);
  const objects = objectsIn(files);
  const matching = (kind: string, name: string, namespace?: string): Manifest[] =>
    objects.filter(
      (object) =>
        object.kind === kind &&
        object.metadata.name === name &&
        (namespace === undefined || object.metadata.namespace === namespace),
    );
  return {
    objects,
    files,
    nodeFiles: result.nodeSetupOutdir === undefined ? new Map() : readFiles(result.nodeSetupOutdir),
    warnings: result.warnings,
    result,
    find: <T>(kind: string, name: string, namespace?: string): T => {
      const found = matching(kind, name, namespace);
      if (found.length === 1) return found[0] as T;
      const all = objects.map((object) => `${object.kind} ${pathOf(object)}`).join(', ');
      throw new Error(
        `${found.length} objects are a ${kind} ${name} in ${namespace ?? 'any'}; there are ${all}`,
      );
    },
    names: (kind) => objects.filter((object) => object.kind === kind).map(pathOf),
  };
}

/** The objects in manifests, without the files that are no manifests. */
export function objectsIn(files: ReadonlyMap<string, string>): Manifest[] {
  return [...files]
    .filter(([path]) => path.endsWith('.yaml') && !path.endsWith('kustomization.yaml'))
    .flatMap(([path, text]) =>
      parseAllDocuments(text).map((document): Manifest => {
        const [error] = document.errors;
        if (error !== undefined) throw new Error(`${path}: ${error.message}`);
        return document.toJS();
      }),
    );
}

/** The texts of all files below a directory, by their relative paths, sorted. */
export function readFiles(directory: string): Map<string, string> {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return new Map(paths.map((path) => [relative(directory, path), readFileSync(path, 'utf8')]));
}

/** `namespace/name`, or the name alone where there is no namespace. */
export function pathOf({ metadata: { namespace, name } }: Manifest): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** The problems for which a synthesis is refused. Nothing may have been written then. */
export function problemsOf(build: Build, props: KeelsonAppProps = {}): readonly string[] {
  return inTemporaryDirectory((directory) => {
    const app = new KeelsonApp({ outdir: join(directory, 'manifests'), ...props });
    build(app);
    try {
      app.synth();
    } catch (error) {
      if (!(error instanceof SynthesisError)) throw error;
      const written = readdirSync(directory);
      if (written.length > 0) throw new Error(`the refused synthesis wrote ${written.join(', ')}`);
      return error.problems;
    }
    throw new Error('the synthesis was not refused');
  });
}
