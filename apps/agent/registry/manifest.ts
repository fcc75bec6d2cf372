import { RegistryError } from './registry-error.ts';

/** The formats of manifests that are understood, as an Accept header. */
export const MANIFEST_TYPES: string = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** A manifest or an index, of which nothing is known yet. */
export type Manifest = Readonly<Record<string, unknown>>;

/** Reads a manifest or an index. */
export function parseManifest(body: Buffer): Manifest {
  return parse(body, 'manifest');
}

/** Makes sure that bytes are a manifest or an index. */
export function assertManifest(body: Buffer): void {
  if (typeof parseManifest(body)['schemaVersion'] === 'number') return;
  throw new RegistryError('protocol', 'what it gives for a manifest is none');
}

/**
 * The digest of the image that stands for an index; undefined where this is no index.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/image-index.md
 * @see https://docs.docker.com/build/metadata/attestations/attestation-storage/ for what is left out
 */
export function childOf(manifest: Manifest): string | undefined {
  const { manifests } = manifest;
  if (!Array.isArray(manifests)) return undefined;
  const image = manifests.map(record).find((entry) => {
    const { 'vnd.docker.reference.type': attestation } = record(entry['annotations']);
    return attestation === undefined && record(entry['platform'])['os'] !== 'unknown';
  });
  if (image === undefined) throw new RegistryError('protocol', 'its index has no image');
  return digestIn(image, 'index');
}

/** The digest of an image's configuration. */
export function configOf(manifest: Manifest): string {
  return digestIn(record(manifest['config']), 'manifest');
}

/**
 * The labels in an image's configuration.
 *
 * @see https://github.com/opencontainers/image-spec/blob/main/config.md#properties
 */
export function labelsIn(body: Buffer): Readonly<Record<string, string>> {
  const labels = Object.entries(record(record(parse(body, 'configuration')['config'])['Labels']));
  return Object.fromEntries(
    labels.filter((label): label is [string, string] => typeof label[1] === 'string'),
  );
}

function digestIn({ digest }: Manifest, what: string): string {
  if (typeof digest === 'string') return digest;
  throw new RegistryError(
    'protocol',
    `its ${what} has a format that is not understood: push the image again as OCI's or Docker's second`,
  );
}

function parse(body: Buffer, what: string): Manifest {
  try {
    return record(JSON.parse(body.toString('utf8')));
  } catch {
    throw new RegistryError('protocol', `its ${what} is not JSON`);
  }
}

function record(value: unknown): Manifest {
  return typeof value === 'object' && value !== null ? (value as Manifest) : {};
}
