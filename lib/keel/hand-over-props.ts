import type { Duration } from 'cdk8s';
import type { Afterwards } from '../agent/configuration.ts';
import type { KeelProps } from './keel.ts';

/** Options of the Keel beside a build that hands over. */
export type NeighbourKeelProps = Pick<KeelProps, 'image' | 'pollInterval' | 'resources'>;

/** How a watched build hands over to the next listener. */
export interface HandOverProps {
  /**
   * What becomes of a namespace whose build has ended and whose results were taken: it stays as it is, its
   * Deployments are scaled to 0, or it is deleted. The pipeline's own namespace is never deleted.
   * @default 'scaleDown'
   */
  readonly afterwards?: Afterwards;
  /**
   * Most namespaces of the build at a time, beside the pipeline's own. Where there are as many, the oldest whose
   * build has ended is deleted, whatever `afterwards` says; where none has ended, the next build waits.
   * @default 5
   */
  readonly maxNamespaces?: number;
  /**
   * How long a build waits for the next listener before it starts all the same. No image is missed then: the
   * listener looks when it is made.
   * @default Duration.minutes(5)
   */
  readonly timeout?: Duration;
  /**
   * Options of the Keel in each namespace, or false where one that watches every namespace of the cluster does it.
   * @default - Keel's own defaults
   */
  readonly keel?: NeighbourKeelProps | false;
}
