import type { Problem } from '../kubernetes/problem.ts';
import { GPU, migProfileProblems, migResource } from './gpus.ts';

/** Options of {@link GpuSharing.timeSlicing}. At least one of `replicas` and `migReplicas` has to be given. */
export interface TimeSlicingOptions {
  /**
   * Shares of each GPU, from 2 on, which `Gpus.shared()` asks for. With the MIG strategy `single`, shares of each
   * partition.
   * @default - none: GPUs are not divided
   */
  readonly replicas?: number;
  /**
   * Shares of each partition, from 2 on, by its MIG profile, which `Gpus.sharedMig()` asks for.
   * @default - none: partitions are not divided
   */
  readonly migReplicas?: Readonly<Record<string, number>>;
  /**
   * Whether the plugin refuses a container that asks for more than one share. Two shares are no larger part of the
   * GPU than one, and may even be of the same GPU.
   * @default true
   */
  readonly failRequestsGreaterThanOne?: boolean;
}

/** Devices of one resource that are divided. */
export interface DividedResource {
  /** The resource, such as `nvidia.com/gpu`. */
  readonly name: string;
  /** How many shares one device has. */
  readonly replicas: number;
}

/** The most shares that make sense: work takes turns, and all of it has to fit the GPU's memory at once. */
const MOST_REPLICAS = 64;

/**
 * How the device plugin lets several containers use one GPU. What is shared is advertised under a name of its own,
 * `nvidia.com/gpu.shared`, so that nobody who asks for a whole GPU gets a share of one.
 *
 * @see https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus
 * @example
 * GpuSharing.timeSlicing({ replicas: 4 })
 */
export class GpuSharing {
  /**
   * Containers take turns on a GPU. Nothing keeps them apart: each may use all of its memory, and a fault of one ends
   * the others. Use it for builds that trust each other; partitions (MIG) are isolated.
   */
  static timeSlicing(options: TimeSlicingOptions): GpuSharing {
    return new GpuSharing(options);
  }

  /** Shares of each GPU; undefined where GPUs are not divided. */
  readonly replicas: number | undefined;
  /** Shares of each partition, by its profile. */
  readonly migReplicas: Readonly<Record<string, number>>;
  /** Whether a container may have one share at most. */
  readonly failRequestsGreaterThanOne: boolean;

  private constructor(options: TimeSlicingOptions) {
    const { replicas, migReplicas = {}, failRequestsGreaterThanOne = true } = options ?? {};
    this.replicas = replicas;
    this.migReplicas = { ...migReplicas };
    this.failRequestsGreaterThanOne = failRequestsGreaterThanOne;
  }

  /** What is divided. */
  get resources(): DividedResource[] {
    const whole = this.replicas === undefined ? [] : [{ name: GPU, replicas: this.replicas }];
    const parts = Object.entries(this.migReplicas).map(([profile, replicas]) => ({
      name: migResource(profile),
      replicas,
    }));
    return [...whole, ...parts];
  }

  /** What is wrong with it. */
  problems(property: string): Problem[] {
    const profiles = Object.entries(this.migReplicas);
    if (this.replicas === undefined && profiles.length === 0) {
      const message = 'divides nothing';
      const remedy = 'give the number of shares of each GPU, such as replicas: 4';
      return [{ property, value: undefined, message, remedy }];
    }
    return [
      ...(this.replicas === undefined ? [] : replicasProblems(`${property}.replicas`, this.replicas)),
      ...profiles.flatMap(([profile, replicas]) => [
        ...migProfileProblems(`${property}.migReplicas`, profile),
        ...replicasProblems(`${property}.migReplicas.${profile}`, replicas),
      ]),
    ];
  }
}

function replicasProblems(property: string, value: number): Problem[] {
  if (Number.isInteger(value) && value >= 2 && value <= MOST_REPLICAS) return [];
  const message = 'is not a number of shares';
  const remedy = `give a whole number from 2 to ${MOST_REPLICAS}, or leave it out`;
  return [{ property, value, message, remedy }];
}
