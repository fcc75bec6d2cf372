import { ImageName } from '../../../lib/image/image-name.ts';
import { RegistryError } from './registry-error.ts';

/** The parts of an image's name. Where it has neither tag nor digest, the tag is `latest`. */
export interface ImageReference {
  /** The registry, with its port where that is not the usual one; Docker Hub is `docker.io`. */
  readonly host: string;
  /** The repository within the registry. */
  readonly repository: string;
  /** The tag; absent where only a digest is given. */
  readonly tag?: string;
  /** The digest; absent where none is given. */
  readonly digest?: string;
}

/**
 * Reads an image's name as docker and the kubelet do.
 *
 * @throws RegistryError that says what is wrong with it
 * @example
 * parseImageReference('redis') // { host: 'docker.io', repository: 'library/redis', tag: 'latest' }
 */
export function parseImageReference(image: string): ImageReference {
  const name = ImageName.parse(image);
  assertValid(name);
  const { registry: host, repository, tag, digest } = name;
  if (digest === undefined) return { host, repository, tag: tag ?? 'latest' };
  return { host, repository, ...(tag !== undefined && { tag }), digest };
}

/** Refuses what is no registry or no repository, and so what would be another path of the registry's API. */
export function assertValid(name: ImageName): void {
  const [problem] = name.problems('image');
  if (problem === undefined) return;
  throw new RegistryError(
    'protocol',
    `${JSON.stringify(name.toString()).slice(0, 300)} ${problem.message}: ${problem.remedy}`,
  );
}
