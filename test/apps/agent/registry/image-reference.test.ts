import { expect, test } from 'vitest';
import { parseImageReference } from '../../../../apps/agent/registry/image-reference.ts';
import { RegistryError } from '../../../../apps/agent/registry/registry-error.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

test.each([
  ['redis', { host: 'docker.io', repository: 'library/redis', tag: 'latest' }],
  ['minio/minio:1', { host: 'docker.io', repository: 'minio/minio', tag: '1' }],
  ['172.31.39.52:32000/leafai/a:main', { host: '172.31.39.52:32000', repository: 'leafai/a', tag: 'main' }],
  [`quay.io/a/b@${DIGEST}`, { host: 'quay.io', repository: 'a/b', digest: DIGEST }],
  [`quay.io/a/b:c@${DIGEST}`, { host: 'quay.io', repository: 'a/b', tag: 'c', digest: DIGEST }],
])('%s is read as docker reads it', (image, reference) => {
  expect(parseImageReference(image)).toEqual(reference);
});

test.each([
  '',
  'quay.io/../a',
  'quay.io/a?x',
  'quay.io/a/b:c d',
  'quay.io/a@sha256:1',
  'a\nb',
  'quay.io/%2e%2e',
])('%j is refused', (image) => {
  expect(() => parseImageReference(image)).toThrow(RegistryError);
});
