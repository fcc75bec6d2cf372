import type { IConstruct } from 'constructs';
import type { ImageConfiguration, SecretKeyConfiguration } from '../agent/configuration.ts';
import type { ReleaseJobConfiguration } from '../agent/release.ts';
import type { ImageName } from '../image/image-name.ts';
import type { PushedImage } from '../image/image-source.ts';
import type { Destination } from '../kubernetes/network.ts';
import { reportProblem } from '../kubernetes/problem.ts';
import { pushedNames } from '../pipeline/pushes.ts';
import type { ImageTarget } from '../registry/registry.ts';

/** What a part of a release tells of itself. Configurations are asked for at synthesis. */
export interface ReleaseContribution {
  /**
   * An image that is built from the released commit.
   * @default - none
   */
  readonly image?: () => ImageConfiguration;
  /**
   * A Job of the release's namespace.
   * @default - none
   */
  readonly job?: () => ReleaseJobConfiguration;
  /**
   * Secrets of the release's namespace that the controller copies to where an image is built.
   * @default - none
   */
  readonly readSecrets?: readonly SecretKeyConfiguration[];
  /**
   * What the Job connects to, beside DNS and the internet.
   * @default - nothing
   */
  readonly destinations?: () => readonly Destination[];
}

/** What is known of a release before its parts are. */
export type ReleasePlanOptions = Pick<
  ReleasePlan,
  'namespace' | 'outputs' | 'tested' | 'watched' | 'pipelineName' | 'timeoutSeconds'
>;

/** What a release is made of. Image builders and copies below a Release add themselves to it. */
export class ReleasePlan {
  /** The plan of the nearest Release above a construct. */
  static of(construct: IConstruct): ReleasePlan | undefined {
    return construct.node.scopes.findLast(hasPlan)?.plan;
  }

  /** The namespace of the release's Jobs and credentials. */
  readonly namespace: string;
  /** Where the outputs of the tested run are fetched from; undefined where nothing is built before. */
  readonly outputs: Destination | undefined;
  /** The image that was tested. */
  readonly tested: PushedImage;
  /** The image that starts the build, which no part of its release may push. */
  readonly watched: ImageName;
  /** The pipeline's name. */
  readonly pipelineName: string;
  /** When a Job is ended that has not ended by itself. */
  readonly timeoutSeconds: number;
  readonly #contributions: ReleaseContribution[] = [];

  constructor(options: ReleasePlanOptions) {
    this.namespace = options.namespace;
    this.outputs = options.outputs;
    this.tested = options.tested;
    this.watched = options.watched;
    this.pipelineName = options.pipelineName;
    this.timeoutSeconds = options.timeoutSeconds;
  }

  /** Reports a part that pushes what the build watches: each release would start the next. */
  checkTarget(part: IConstruct, property: string, target: ImageTarget, branches: readonly string[]): void {
    const watched = this.watched.toString();
    if (!pushedNames(target, branches).has(watched)) return;
    reportProblem(part, {
      property,
      value: watched,
      message: 'is the image whose build is released, so that each release would start the next',
      remedy: 'give the release a repository or a tag of its own',
    });
  }

  /** Adds a part. */
  contribute(contribution: ReleaseContribution): void {
    this.#contributions.push(contribution);
  }

  /** All parts. */
  get contributions(): readonly ReleaseContribution[] {
    return this.#contributions;
  }
}

function hasPlan(construct: IConstruct): construct is IConstruct & { readonly plan: ReleasePlan } {
  return 'plan' in construct && construct.plan instanceof ReleasePlan;
}
