// The programs in examples/.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { REPOSITORY, runProgram } from './project.ts';
import { inTemporaryDirectory, type Manifest, objectsIn, readFiles } from './synthesized.ts';

const folders: readonly string[] = readdirSync(join(REPOSITORY, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const isPulumi = (name: string): boolean => existsSync(join(REPOSITORY, 'examples', name, 'Pulumi.yaml'));

/** Those that write manifests. */
export const examples: readonly string[] = folders.filter((name) => !isPulumi(name));
/** Those that Pulumi runs. */
export const pulumiExamples: readonly string[] = folders.filter(isPulumi);

export interface ExampleRun {
  readonly code: number | null;
  readonly stderr: string;
  readonly objects: readonly Manifest[];
  /** Every file's text by its path. */
  readonly files: ReadonlyMap<string, string>;
}

/** Runs an example as a program of its own, and reads the manifests that it wrote. */
export function runExample(name: string): ExampleRun {
  return inTemporaryDirectory((cwd) => {
    const { code, stderr } = runProgram(join('examples', name, 'main.ts'), { cwd });
    const files = readFiles(cwd);
    const manifests = [...files].filter(([path]) => !path.includes('node-setup'));
    return { code, stderr, objects: objectsIn(new Map(manifests)), files };
  });
}
