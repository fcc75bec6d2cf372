import type { Manifest } from './synthesized.ts';

/** The annotations by which an object speaks to Keel. */
export function keelAnnotations({ metadata: { annotations = {} } }: Manifest): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => name.startsWith('keel.sh/')));
}
