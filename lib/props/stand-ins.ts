import { ImageName } from '../image/image-name.ts';
import type { KeelReference } from '../keel/keel-reference.ts';
import type { PlatformReference } from '../platform/platform-reference.ts';
import { MicroK8sRegistry } from '../registry/microk8s-registry.ts';
import { ImageTarget, type Registry } from '../registry/registry.ts';

/**
 * What takes the place of required props that are reported: nothing is written then, and the constructs that
 * need one can go on to their own problems.
 */
const NAME = 'missing';

/** An image that nobody has. */
export function missingImage(): ImageName {
  return new ImageName({ registry: NAME, repository: NAME, tag: NAME });
}

/** What a build can't be without. */
export function missingBuild(): { readonly image: ImageName; readonly command: readonly string[] } {
  return { image: missingImage(), command: [NAME] };
}

/** A registry that nobody has. */
export function missingRegistry(): Registry {
  return MicroK8sRegistry.existing({ nodeAddress: NAME });
}

/** A place for an image in it. */
export function missingTarget(): ImageTarget {
  return new ImageTarget(missingRegistry(), NAME);
}

/** A Keel that nobody has. */
function missingKeel(): KeelReference {
  const account = { namespace: NAME, serviceAccountName: NAME };
  return { ...account, watch: () => account };
}

/** A platform that nobody has. */
export function missingPlatform(): PlatformReference {
  return {
    platformName: NAME,
    controllerSubject: { namespace: NAME, serviceAccountName: NAME },
    agentImage: missingImage(),
    registry: missingRegistry(),
    cache: undefined,
    buildkit: undefined,
    keel: missingKeel(),
    apiServer: undefined,
    egress: undefined,
  };
}
