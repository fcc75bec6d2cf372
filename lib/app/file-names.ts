import { shortHash } from '../kubernetes/names.ts';
import type { SynthesizedObject } from './synthesis.ts';

/** Leaves room for a namespace and two hashes within the 255 bytes of a file name. */
const MAX_BASE = 150;

/**
 * A file name for each object: `NN-kind-name.yaml`, NN being its wave, so that the files' order is the order
 * of applying them and a new object renumbers nothing. Objects that would share a name are told apart by
 * their namespace, and what that leaves alike by a hash.
 */
export function fileNames(objects: readonly Omit<SynthesizedObject, 'source'>[]): string[] {
  const width = Math.max(2, ...objects.map(({ wave }) => String(wave).length));
  const bases = objects.map(({ name, kind, wave }) => base(name, kind, wave, width));
  const seen = new Map<string, number>();
  for (const name of bases) seen.set(name, (seen.get(name) ?? 0) + 1);
  const used = new Set<string>();
  return objects.map(({ apiVersion, kind, namespace, name }, index) => {
    const shared = bases[index] ?? '';
    const told = seen.get(shared) === 1 ? shared : `${shared}-in-${plain(namespace ?? 'cluster')}`;
    let unique = told;
    // All that tells objects apart, and a number in case that a name already ends in the hash of another.
    for (let attempt = 0; used.has(unique); attempt++) {
      unique = `${told}-${shortHash(JSON.stringify([apiVersion, kind, namespace ?? null, name, attempt]))}`;
    }
    used.add(unique);
    return `${unique}.yaml`;
  });
}

function base(name: string, kind: string, wave: number, width: number): string {
  const text = `${String(wave).padStart(width, '0')}-${kind.toLowerCase()}-${plain(name)}`;
  return text.length <= MAX_BASE ? text : `${text.slice(0, MAX_BASE)}-${shortHash(text)}`;
}

/** Names of RBAC objects may hold what file names may not. */
function plain(text: string): string {
  return /^[a-z0-9.-]*$/.test(text)
    ? text
    : `${text.replace(/[^A-Za-z0-9.-]/g, '_').toLowerCase()}-${shortHash(text)}`;
}
