import type { Duration } from 'cdk8s';
import type { BuildProps } from './build-props.ts';
import type { HandOverProps } from './hand-over-props.ts';
import type { KeelPolicy } from './keel-policy.ts';
import type { KeelReference } from './keel-reference.ts';
import type { KeelTrigger } from './keel-trigger.ts';

/** Props of `KeelWatchedBuild`. */
export interface KeelWatchedBuildProps extends BuildProps {
  /**
   * How long the container is kept after the command has ended, so that logs and files can be examined. A
   * kept pod keeps its GPU; after the time the controller may scale the build to zero until its next image.
   * @default - until the next image arrives
   */
  readonly keepFor?: Duration;
  /**
   * When Keel rolls out a new image.
   * @default KeelPolicy.sameTag()
   */
  readonly policy?: KeelPolicy;
  /**
   * How Keel hears of a new image.
   * @default KeelTrigger.poll()
   */
  readonly trigger?: KeelTrigger;
  /**
   * The Keel that watches.
   * @default - the platform's
   */
  readonly keel?: KeelReference;
  /**
   * Whether each build hands over: the namespace in which it starts is then its own, and the next image is built
   * in a namespace that the controller makes. Options, or true for the default ones. The platform has to allow it.
   * @default false
   */
  readonly handOver?: boolean | HandOverProps;
}
