import { toDnsLabel } from '../kubernetes/names.ts';
import type { Destination } from '../kubernetes/network.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import type { KeelPolicy } from './keel-policy.ts';
import type { KeelTrigger } from './keel-trigger.ts';

/** What Keel has to know of a registry in which it looks for new images. */
export interface WatchedRegistry {
  /** Whether it speaks plain http. Keel then checks no certificate of any registry of the same namespace. */
  readonly insecure: boolean;
  /** Where its pods and nodes are, for the network policy. */
  readonly destinations: readonly Destination[];
  /**
   * Certificates, in PEM, of the private authority that signed the registry's.
   * @default - the public authorities only
   */
  readonly certificateAuthority?: string | undefined;
}

/** A namespace to watch, and what a watched build in it asks of Keel. */
export interface WatchRequest {
  /** The namespace of the Deployment. */
  readonly namespace: string;
  /**
   * Which new images start a build.
   * @default KeelPolicy.sameTag()
   */
  readonly policy?: KeelPolicy;
  /**
   * How Keel hears of a new image.
   * @default KeelTrigger.poll()
   */
  readonly trigger?: KeelTrigger;
  /**
   * The registry that is polled; one on the internet needs none.
   * @default - Keel reaches registries on the internet only
   */
  readonly registry?: WatchedRegistry;
}

/** A Keel that is installed by this program or was before. */
export interface KeelReference {
  /** The namespace that Keel runs in. */
  readonly namespace: string;
  /**
   * The one account that Keel acts as; undefined where it has one for each namespace that it watches.
   * @default - one account for each watched namespace
   */
  readonly serviceAccountName?: string;
  /** Has a namespace watched, and says as whom Keel acts there. */
  watch(request: WatchRequest): Subject;
}

/** As whom the Keel of one watched namespace acts: a program that did not install it can tell, too. */
export function keelAccount(keelNamespace: string, watched: string): Subject {
  return { namespace: keelNamespace, serviceAccountName: toDnsLabel(`keel-${watched}`) };
}
