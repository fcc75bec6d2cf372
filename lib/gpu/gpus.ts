import type { Toleration } from 'kubernetes-types/core/v1.d.ts';
import { whenKnown } from '../kubernetes/deferred.ts';
import { type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';

/** The resource of a whole GPU, and with MIG strategy `single` that of a partition. */
export const GPU = 'nvidia.com/gpu';
/** What the name of a resource ends with whose devices are shared. */
export const SHARED = '.shared';
/**
 * The variable by which NVIDIA's container runtime is told which GPUs a container sees. An image may set it to `all`.
 *
 * @see https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
 */
export const VISIBLE_DEVICES = 'NVIDIA_VISIBLE_DEVICES';

/** The taint by which nodes with GPUs commonly keep pods away that need none. */
export const GPU_TOLERATIONS: readonly Toleration[] = [
  { key: GPU, operator: 'Exists', effect: 'NoSchedule' },
];

/** The resource of a partition: `nvidia-smi` writes its attributes after `+`, which no resource may have in its name. */
export function migResource(profile: string): string {
  return `nvidia.com/mig-${typeof profile === 'string' ? whenKnown(profile, withoutPlus) : ''}`;
}

function withoutPlus(profile: string): string {
  return profile.replaceAll('+', '.');
}

/** What is wrong with the profile of a partition. */
export function migProfileProblems(property: string, profile: string): Problem[] {
  return problemsWhenKnown(property, profile, (value) => {
    if (/^[1-9]g\.[1-9][0-9]*gb([+.](me|me\.all|gfx)|-me)?$/.test(value)) return [];
    const message = 'is not a MIG profile';
    const remedy = "give one that `nvidia-smi mig -lgip` lists, such as '1g.5gb'";
    return [{ property, value, message, remedy }];
  });
}

/**
 * How many GPUs, or which part of one, a build needs. The names of the resources are those that NVIDIA's device
 * plugin advertises.
 *
 * @see https://github.com/NVIDIA/k8s-device-plugin
 * @example
 * Gpus.whole(2)
 */
export class Gpus {
  /** Whole GPUs. Where the device plugin has the MIG strategy `single`, what it counts so are partitions. */
  static whole(count: number): Gpus {
    return new Gpus(GPU, count);
  }

  /**
   * Partitions of a GPU, where the device plugin has the MIG strategy `mixed`.
   *
   * @param profile the partition as `nvidia-smi mig -lgip` lists it, such as `1g.5gb` or `1g.5gb+me`
   */
  static mig(profile: string, count = 1): Gpus {
    return new Gpus(migResource(profile), count, profile);
  }

  /**
   * Shares of GPUs that the device plugin divides by time-slicing. Shares are not kept apart: each sees all memory of
   * its GPU. More than one gives no larger part of it, and plugins commonly refuse that.
   */
  static shared(count = 1): Gpus {
    return new Gpus(GPU + SHARED, count);
  }

  /**
   * Shares of partitions, where the device plugin has the MIG strategy `mixed` and divides them by time-slicing.
   *
   * @param profile the partition, as for {@link Gpus.mig}
   */
  static sharedMig(profile: string, count = 1): Gpus {
    return new Gpus(migResource(profile) + SHARED, count, profile);
  }

  /** No GPU: the build runs on the CPU, on any node. */
  static none(): Gpus {
    return new Gpus(GPU, 0);
  }

  /** The extended resource that is asked for. */
  readonly resourceName: string;
  /** How many. */
  readonly count: number;
  readonly #profile: string | undefined;

  private constructor(resourceName: string, count: number, profile?: string) {
    this.resourceName = resourceName;
    this.count = count;
    this.#profile = profile;
  }

  /** Whether a GPU is needed at all. */
  get any(): boolean {
    return this.count !== 0;
  }

  /** What is wrong with the request. */
  problems(property: string): Problem[] {
    const problems: Problem[] = [];
    if (!Number.isInteger(this.count) || this.count < 0 || this.count > 64) {
      problems.push({
        property,
        value: this.count,
        message: 'is not a number of GPUs',
        remedy: 'give a whole number from 1 to 64, or Gpus.none()',
      });
    }
    if (this.resourceName.startsWith(GPU)) return problems;
    return [...problems, ...migProfileProblems(property, this.#profile as string)];
  }
}
