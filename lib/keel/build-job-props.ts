import type { Duration } from 'cdk8s';
import type { BuildProps } from './build-props.ts';

/** Props of `BuildJob`. */
export interface BuildJobProps extends BuildProps {
  /**
   * The Job's name. Another name is another run: give one with the commit in it to build each commit once.
   * @default - the construct's id with a hash of the Job's spec
   */
  readonly jobName?: string;
  /**
   * How often a build that failed is run again, each time in a new pod. Pods that were evicted, or whose node
   * went away, are replaced anyway and don't count.
   * @default 0
   */
  readonly retries?: number;
  /**
   * How long the Job is kept after it has finished, with its pods and their logs. What applies manifests again
   * and again, such as a GitOps tool, makes a Job that was removed anew, and so builds again.
   * @default - until it is deleted
   */
  readonly ttlAfterFinished?: Duration;
}
