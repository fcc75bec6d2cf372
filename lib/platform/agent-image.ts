import type { IConstruct } from 'constructs';
import { KEELSON_VERSION } from '../agent/version.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';

/** The agent's image of this version of the library, where the scope's images come from. */
export function defaultAgentImage(scope: IConstruct): ImageName {
  return defaultImage(scope, `ghcr.io/keelson-dev/agent:${KEELSON_VERSION}`);
}
