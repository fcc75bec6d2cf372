import type { Problem } from '../kubernetes/problem.ts';

/**
 * How many GPUs, or which part of one, a build needs. The resource names are those of NVIDIA's device
 * plugin (https://github.com/NVIDIA/k8s-device-plugin).
 *
 * @example
 * Gpus.whole(2)
 */
export class Gpus {
  /** Whole GPUs. */
  static whole(count: number): Gpus {
    return new Gpus('nvidia.com/gpu', count);
  }

  /**
   * Instances of a partitioned GPU.
   *
   * @param profile the partition, such as `1g.5gb`
   */
  static mig(profile: string, count = 1): Gpus {
    return new Gpus(`nvidia.com/mig-${profile}`, count);
  }

  /** Shares of GPUs that the device plugin divides by time-slicing. */
  static shared(count = 1): Gpus {
    return new Gpus('nvidia.com/gpu.shared', count);
  }

  /** No GPU: the build runs on the CPU, on any node. */
  static none(): Gpus {
    return new Gpus('nvidia.com/gpu', 0);
  }

  /** The extended resource that is asked for. */
  readonly resourceName: string;
  /** How many. */
  readonly count: number;

  private constructor(resourceName: string, count: number) {
    this.resourceName = resourceName;
    this.count = count;
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
    const profile = /^nvidia\.com\/mig-(.*)$/s.exec(this.resourceName)?.[1];
    if (profile !== undefined && !/^[1-9][0-9]*g\.[1-9][0-9]*gb(\.me)?$/.test(profile)) {
      problems.push({
        property,
        value: profile,
        message: 'is not a MIG profile',
        remedy: "give one that `nvidia-smi mig -lgip` lists, such as '1g.5gb'",
      });
    }
    return problems;
  }
}
