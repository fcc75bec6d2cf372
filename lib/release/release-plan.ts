import type { IConstruct } from 'constructs';
import type { ImageConfiguration, SecretKeyConfiguration } from '../agent/configuration.ts';
import type { ReleaseJobConfiguration } from '../agent/release.ts';
import type { PushedImage } from '../image/image-source.ts';
import type { Destination } from '../kubernetes/network.ts';

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
  readonly #contributions: ReleaseContribution[] = [];

  constructor(namespace: string, outputs: Destination | undefined, tested: PushedImage) {
    this.namespace = namespace;
    this.outputs = outputs;
    this.tested = tested;
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
