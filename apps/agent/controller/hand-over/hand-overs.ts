import type { BuildConfiguration } from '../../../../lib/agent/configuration.ts';
import type { ControllerContext } from '../context.ts';
import { DeploymentFollower, type FollowedDeployment } from './follow-deployments.ts';
import { advanceHandOver } from './hand-over.ts';
import { type HandOverOptions, handsOver } from './options.ts';
import { retireListeners } from './retire.ts';

/** What the hand-overs of a pipeline have to know of it. */
export type HandOversOptions = Pick<HandOverOptions, 'home' | 'resultTaken' | 'signal'> & {
  /** Called when a Deployment has changed that gate or Keel write. */
  readonly changed: () => void;
};

/** The builds of a pipeline that hand over. */
export class HandOvers {
  readonly #context: ControllerContext;
  readonly #options: HandOversOptions;
  readonly #follower: DeploymentFollower;
  /** Whether there may be listeners of builds that hand over no more. */
  #mayBeLeft = true;

  constructor(context: ControllerContext, options: HandOversOptions) {
    this.#context = context;
    this.#options = options;
    this.#follower = new DeploymentFollower(context.client, options.changed, options.signal);
  }

  /** The pipeline's builds may be others than before. */
  reconfigured(): void {
    this.#mayBeLeft = true;
  }

  /**
   * Takes all of them as far as they go.
   *
   * @returns in how many milliseconds there is more to do; undefined where nothing is going on
   */
  async advance(pipeline: string, builds: readonly BuildConfiguration[]): Promise<number | undefined> {
    const followed: FollowedDeployment[] = [];
    const times: number[] = [];
    const failures: unknown[] = [];
    for (const build of builds.filter(handsOver)) {
      try {
        const { next, current } = await advanceHandOver(this.#context, { ...this.#options, pipeline, build });
        if (next !== undefined) times.push(next);
        followed.push(...current.map((namespace) => ({ namespace, name: build.deployment })));
      } catch (error) {
        // Another build hands over all the same.
        failures.push(error);
      }
    }
    if (this.#mayBeLeft && this.#context.configuration.listenerNamespaceRole !== undefined) {
      const left = await retireListeners(this.#context, { ...this.#options, pipeline, builds }).catch(
        (error: unknown) => {
          failures.push(error);
          return true;
        },
      );
      this.#mayBeLeft = left;
    }
    this.#follower.follow(followed);
    if (failures.length > 0) throw failures[0];
    return times.length > 0 ? Math.min(...times) : undefined;
  }
}
