import { Construct } from 'constructs';
import type { Destination } from '../kubernetes/network.ts';
import { Notes } from '../kubernetes/notes.ts';

const LOOKED_IN = new Notes<Destination>();

/**
 * Tells a platform where a registry is in which its controller looks for images of a pipeline. One that another
 * program installed can't be told.
 */
export function declareLookUp(
  platform: object,
  { destinations }: { readonly destinations: readonly Destination[] },
): void {
  if (!Construct.isConstruct(platform)) return;
  for (const destination of destinations) LOOKED_IN.add(platform, destination);
}

/** Where the registries are that a platform has been told of. */
export function lookUpsOf(platform: Construct): readonly Destination[] {
  return LOOKED_IN.of(platform);
}
