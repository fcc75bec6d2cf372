import type { Construct } from 'constructs';
import type { LocalObjectReference } from 'kubernetes-types/core/v1.d.ts';
import { ImageName } from '../image/image-name.ts';
import type { ImageSource } from '../image/image-source.ts';
import { named, type PolicyRule } from '../kubernetes/rbac.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import { bindDockerConfigs } from '../registry/docker-config.ts';
import type { Registry } from '../registry/registry.ts';

/** The registry that a builder pushes to; of any other image, the platform's is as much as is known. */
export function registryOf(
  image: ImageSource | ImageName,
  platform: PlatformReference | undefined,
): Registry | undefined {
  const builder = image instanceof ImageName ? undefined : image.builder;
  return builder?.target.registry ?? platform?.registry;
}

/** The Secrets that an image is pulled with: those that the build names, or else those of the image's registry. */
export function bindPullSecrets(
  scope: Construct,
  { image, imagePullSecrets }: { image: ImageName; imagePullSecrets?: readonly SecretSource[] },
  registry: Registry | undefined,
  namespace: string,
): SecretReference[] {
  const id = `${scope.node.id}-pull-secret`;
  if (imagePullSecrets !== undefined) {
    return bindDockerConfigs(scope, id, imagePullSecrets, 'imagePullSecrets', { namespace });
  }
  const known = registry?.imageHost === image.registry ? (registry.pullCredentials ?? []) : [];
  return bindDockerConfigs(scope, id, known, 'registry.pullCredentials', { namespace });
}

/** What the pod template gets, and what Keel may read: it looks for credentials in the template's list. */
export function pullSecrets(references: readonly SecretReference[]): {
  readonly imagePullSecrets: LocalObjectReference[];
  readonly rules: PolicyRule[];
} {
  const names = [...new Set(references.map(({ secretName }) => secretName))];
  return {
    imagePullSecrets: names.map((name) => ({ name })),
    rules: names.length === 0 ? [] : [named('', ['secrets'], names, ['get'])],
  };
}
