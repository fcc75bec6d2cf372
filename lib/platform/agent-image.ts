import { KEELSON_VERSION } from '../agent/version.ts';
import { ImageName } from '../image/image-name.ts';

/** The agent's image of this version of the library. */
export function defaultAgentImage(): ImageName {
  return new ImageName({ registry: 'ghcr.io', repository: 'keelson-dev/agent', tag: KEELSON_VERSION });
}
