import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { KubernetesObject } from 'keelson';
import { parseAllDocuments } from 'yaml';

/**
 * How many objects are below a directory. Each begins a line with its apiVersion; a kustomization.yaml is
 * none.
 */
export function countObjects(directory: string): number {
  let count = 0;
  for (const file of manifestFiles(directory)) {
    count += readFileSync(file, 'utf8').match(/^(?:apiVersion:|\{"apiVersion":)/gm)?.length ?? 0;
  }
  return count;
}

/** The objects below a directory by what tells them apart in a cluster. */
export function readObjects(directory: string): Map<string, KubernetesObject> {
  const objects = new Map<string, KubernetesObject>();
  for (const file of manifestFiles(directory)) {
    for (const document of parseAllDocuments(readFileSync(file, 'utf8'))) {
      const object = document.toJS() as KubernetesObject | null;
      if (object?.kind === undefined) continue;
      const { namespace = '', name } = object.metadata ?? {};
      objects.set(`${object.apiVersion}/${object.kind}/${namespace}/${name}`, object);
    }
  }
  return objects;
}

/** The first difference between two sets of objects, for a message. */
export function difference(
  expected: ReadonlyMap<string, KubernetesObject>,
  actual: ReadonlyMap<string, KubernetesObject>,
): string | undefined {
  for (const [key, object] of expected) {
    if (!actual.has(key)) return `${key} is missing`;
    if (!isDeepStrictEqual(actual.get(key), object)) return `${key} differs`;
  }
  for (const key of actual.keys()) if (!expected.has(key)) return `${key} is too many`;
  return undefined;
}

function manifestFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.yaml') && entry.name !== 'kustomization.yaml')
    .map((entry) => join(entry.parentPath, entry.name));
}
