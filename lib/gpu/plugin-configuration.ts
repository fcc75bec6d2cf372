import type { Problem } from '../kubernetes/problem.ts';
import type { GpuSharing } from './gpu-sharing.ts';
import { GPU, type Gpus, SHARED } from './gpus.ts';

/** The MIG strategies of the device plugin: what partitions of a GPU are advertised as. */
export const MIG_STRATEGIES = ['none', 'single', 'mixed'] as const;
/** `none`: not at all. `single`: as `nvidia.com/gpu`. `mixed`: by their profile, as `nvidia.com/mig-1g.5gb`. */
export type MigStrategy = (typeof MIG_STRATEGIES)[number];

/** How the container runtime is told which GPUs a container got. */
export const DEVICE_LIST_STRATEGIES = ['envvar', 'volume-mounts'] as const;
/** `envvar`: by a variable, which an image could set as well. `volume-mounts`: by mounts, which it can't. */
export type DeviceListStrategy = (typeof DEVICE_LIST_STRATEGIES)[number];

/** What a device plugin is told that decides what it advertises. */
export interface PluginOptions {
  readonly mig: MigStrategy;
  readonly sharing: GpuSharing | undefined;
  readonly deviceListStrategy: DeviceListStrategy;
}

/**
 * The plugin's configuration file.
 *
 * @see https://github.com/NVIDIA/k8s-device-plugin#as-a-configuration-file
 */
export function pluginConfiguration({ mig, sharing, deviceListStrategy }: PluginOptions): object {
  return {
    version: 'v1',
    flags: {
      migStrategy: mig,
      // Only nodes with GPUs are selected, so that a node on which none is found has to be seen.
      failOnInitError: true,
      plugin: { deviceListStrategy: [deviceListStrategy], deviceIDStrategy: 'uuid', passDeviceSpecs: false },
    },
    ...(sharing !== undefined && {
      sharing: {
        timeSlicing: {
          renameByDefault: true,
          failRequestsGreaterThanOne: sharing.failRequestsGreaterThanOne,
          resources: sharing.resources,
        },
      },
    }),
  };
}

/** Why a plugin never gives what is asked for; undefined where it may. */
export function offerProblem(
  { mig, sharing }: PluginOptions,
  gpus: Gpus,
): Omit<Problem, 'property'> | undefined {
  const { resourceName, count } = gpus;
  const value = `${count} ${resourceName}`;
  const shared = resourceName.endsWith(SHARED);
  const name = shared ? resourceName.slice(0, -SHARED.length) : resourceName;
  const divided = (sharing?.resources ?? []).some((resource) => resource.name === name);
  const isGpu = name === GPU;
  if (!isGpu && mig !== 'mixed') {
    const message = `is not what the device plugin advertises, whose MIG strategy is ${mig}`;
    const remedy = `give the plugin mig: 'mixed', or ask for ${divided || shared ? 'Gpus.shared()' : 'Gpus.whole(1)'}`;
    return { value, message, remedy };
  }
  if (shared && !divided) {
    const message = 'is not what the device plugin advertises, which does not divide it';
    const remedy = `give the plugin a sharing, or ask for ${isGpu ? 'Gpus.whole(1)' : 'Gpus.mig(…)'}`;
    return { value, message, remedy };
  }
  if (!shared && divided) {
    const message = 'is not what the device plugin advertises, which divides it into shares';
    const remedy = `ask for ${isGpu ? 'Gpus.shared()' : 'Gpus.sharedMig(…)'}, or take the plugin's sharing away`;
    return { value, message, remedy };
  }
  if (shared && count > 1 && sharing?.failRequestsGreaterThanOne) {
    const message = 'is more than the one share that the device plugin gives a container';
    const remedy = 'ask for 1, or give the sharing failRequestsGreaterThanOne: false';
    return { value, message, remedy };
  }
  return undefined;
}
