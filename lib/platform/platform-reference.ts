import type { BuildKitReference } from '../image/buildkit-daemon-props.ts';
import type { ImageName } from '../image/image-name.ts';
import type { LayerCache } from '../image/redis-layer-cache.ts';
import type { KeelReference } from '../keel/keel-reference.ts';
import type { Egress } from '../kubernetes/network.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import type { Registry } from '../registry/registry.ts';

/** What a pipeline needs to know of the platform that it runs on. */
export interface PlatformReference {
  /** The platform's name, which is the value of the owner label of what its controller makes. */
  readonly platformName: string;
  /** As whom the controller acts. */
  readonly controllerSubject: Subject;
  /** The agent's image, for the gate beside a watched build; undefined for the library's own. */
  readonly agentImage: ImageName | undefined;
  /** Where images go. */
  readonly registry: Registry;
  /** The layer cache of image builds; undefined where there is none. */
  readonly cache: LayerCache | undefined;
  /** The BuildKit daemon that builds images; undefined where there is none. */
  readonly buildkit: BuildKitReference | undefined;
  /** The Keel that starts builds; undefined where there is none. */
  readonly keel: KeelReference | undefined;
  /** Addresses of the API server as CIDRs, where they are known. */
  readonly apiServer: readonly string[] | undefined;
  /** What pods may connect to outside of the platform's own parts; undefined for the internet. */
  readonly egress: readonly Egress[] | undefined;
  /**
   * Whether its controller makes listeners for builds that hand over.
   * @default false
   */
  readonly handOver?: boolean;
  /**
   * Whether the webhooks of git servers lead to its controller.
   * @default - that is not known
   */
  readonly webhooks?: boolean;
}
