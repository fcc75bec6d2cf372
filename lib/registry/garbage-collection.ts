import { Duration } from 'cdk8s';
import type { ImageName } from '../image/image-name.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import type { Problem } from '../kubernetes/problem.ts';

/** The image of MicroK8s' addon. */
export const REGISTRY_IMAGE = 'docker.io/library/registry:2.8.3';

/** When and how a registry's garbage is collected. The registry is away meanwhile. */
export interface GarbageCollectionProps {
  /**
   * How long after one collection the next one is.
   * @default Duration.days(1)
   */
  readonly every?: Duration;
  /**
   * How many images of commits are kept for each tag that moves, such as a branch's. Images of the last day, and those
   * that run, are kept beside them.
   * @default 10
   */
  readonly keepPerBranch?: number;
  /**
   * For how long the registry may be away before a collection is given up.
   * @default Duration.minutes(15)
   */
  readonly timeout?: Duration;
}

/** A registry in the cluster whose garbage is collected, with the names of its objects. */
export interface CollectedRegistry extends GarbageCollectionProps {
  /** Its namespace. */
  readonly namespace: string;
  /** Its Deployment. */
  readonly deployment: string;
  /** The labels of its pods. */
  readonly selector: Readonly<Record<string, string>>;
  /** The claim of the volume with its images, of which `docker/registry` is at the top. */
  readonly claim: string;
  /** The user whose files they are. */
  readonly uid: number;
  /**
   * The registry's image.
   * @default docker.io/library/registry:2.8.3
   */
  readonly image?: ImageName;
}

/** The options with their defaults, in seconds. */
export function garbageCollectionSettings({ every, keepPerBranch, timeout }: GarbageCollectionProps): {
  readonly everySeconds: number;
  readonly keepPerBranch: number;
  readonly timeoutSeconds: number;
} {
  return {
    everySeconds: seconds(every ?? Duration.days(1)),
    keepPerBranch: keepPerBranch ?? 10,
    timeoutSeconds: seconds(timeout ?? Duration.minutes(15)),
  };
}

/** What is wrong with the options. */
export function garbageCollectionProblems(
  property: string,
  given: GarbageCollectionProps | undefined,
): Problem[] {
  if (given === undefined) return [];
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    const message = 'is no set of options';
    return [{ property, value: given, message, remedy: 'give {}, or { keepPerBranch: 20 }' }];
  }
  const { every, keepPerBranch, timeout } = given;
  const durations = Object.entries({ every, timeout });
  const wrong = durations.filter(([, value]) => value !== undefined && !(value instanceof Duration));
  if (wrong.length > 0) {
    return wrong.map(([name, value]) => ({
      property: `${property}.${name}`,
      value,
      message: 'is not a Duration',
      remedy: 'give one, such as Duration.hours(12)',
    }));
  }
  const problems = [
    ...durationProblems(`${property}.every`, every, 3600, 365 * 86_400),
    ...durationProblems(`${property}.timeout`, timeout, 60, 86_400),
  ];
  if (
    keepPerBranch !== undefined &&
    !(Number.isInteger(keepPerBranch) && keepPerBranch >= 1 && keepPerBranch <= 1000)
  ) {
    problems.push({
      property: `${property}.keepPerBranch`,
      value: keepPerBranch,
      message: 'is not a number of images',
      remedy: 'give 1 to 1000',
    });
  }
  return problems;
}

function seconds(duration: Duration): number {
  return duration.toSeconds({ integral: false });
}
