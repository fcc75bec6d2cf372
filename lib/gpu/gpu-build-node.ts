import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { PodSpec, Toleration } from 'kubernetes-types/core/v1.d.ts';
import { declareStage } from '../app/graph.ts';
import { placementProblems } from '../kubernetes/placement.ts';
import { formatProblem, type Problem, reportProblem, reportProblems } from '../kubernetes/problem.ts';
import { sound } from '../props/sound.ts';
import { NVIDIA, runtimeClassObject, runtimeProblems } from './gpu-runtime-class.ts';
import { GPU_TOLERATIONS, Gpus } from './gpus.ts';
import { NvidiaDevicePlugin } from './nvidia-device-plugin.ts';

/** Props of {@link GpuBuildNode}. */
export interface GpuBuildNodeProps {
  /** What the build needs. */
  readonly gpus: Gpus;
  /**
   * Labels that the node must have.
   * @default - none: the request for a GPU finds the nodes that have one
   */
  readonly nodeSelector?: Readonly<Record<string, string>>;
  /**
   * Taints that the build's pod puts up with.
   * @default - the taint `nvidia.com/gpu`, by which GPU nodes keep other pods away
   */
  readonly tolerations?: readonly Toleration[];
  /**
   * The RuntimeClass whose containers see the GPU, or null where that is the node's default runtime.
   * @default 'nvidia', which the GPU operator, MicroK8s' gpu addon and {@link GpuRuntimeClass} make
   */
  readonly runtimeClassName?: string | null;
  /**
   * The container runtime's handler, where the RuntimeClass has to be made. It is in no namespace: one construct of
   * the cluster makes it, be it this one, a {@link GpuRuntimeClass}, or the device plugin.
   * @default - none: the RuntimeClass exists
   */
  readonly runtimeHandler?: string;
  /**
   * The device plugin of the node, which has to advertise what is asked for; null where this program does not install
   * it.
   * @default - any of the device plugins of the same program, where there are any
   */
  readonly devicePlugin?: NvidiaDevicePlugin | null;
}

/**
 * The kind of node that a build needs. With `Gpus.none()` it asks for nothing, so that a pipeline runs
 * without a GPU by changing one word.
 *
 * @example
 * new GpuBuildNode(pipeline, 'gpu', { gpus: Gpus.whole(2) });
 */
export class GpuBuildNode extends Construct {
  /** The GPUs that a build gets. */
  readonly gpus: Gpus;
  /** What the build's pod says about where it runs. */
  readonly scheduling: Pick<PodSpec, 'nodeSelector' | 'tolerations' | 'runtimeClassName'>;
  /** The RuntimeClass, where it was made. */
  readonly runtimeClass: ApiObject | undefined;

  constructor(scope: Construct, id: string, given: GpuBuildNodeProps) {
    super(scope, id);
    const props = sound(this, 'GpuBuildNodeProps', given, {}, [
      'gpus',
      'devicePlugin',
      'tolerations',
      'tolerations.*',
      'nodeSelector',
      'nodeSelector.*',
    ]);
    const { nodeSelector, runtimeClassName = NVIDIA, runtimeHandler, devicePlugin } = props;
    const gpus = gpusOf(this, props.gpus);
    this.gpus = gpus;
    const unknownPlugin = devicePluginProblems(devicePlugin);
    reportProblems(this, [
      ...gpus.problems('gpus'),
      ...runtimeProblems(props),
      ...placementProblems(props),
      ...unknownPlugin,
    ]);
    const tolerations = Array.isArray(props.tolerations) ? props.tolerations : GPU_TOLERATIONS;
    this.scheduling = {
      ...(gpus.any && nodeSelector !== undefined && { nodeSelector: { ...nodeSelector } }),
      ...(gpus.any && { tolerations: [...tolerations] }),
      ...(gpus.any && runtimeClassName !== null && { runtimeClassName }),
    };
    this.runtimeClass =
      !gpus.any || runtimeHandler === undefined || runtimeClassName === null
        ? undefined
        : runtimeClassObject(this, 'Resource', runtimeClassName, runtimeHandler);
    if (!gpus.any) return;
    declareStage(this, { title: 'GPU node', detail: `${gpus.count} ${gpus.resourceName}` });
    // Asked at synthesis: the plugin may be made after the build.
    if (unknownPlugin.length === 0)
      this.node.addValidation({ validate: () => this.#offerProblems(devicePlugin) });
  }

  /** A request that no plugin of the program ever meets would wait for a node for ever. */
  #offerProblems(given: NvidiaDevicePlugin | null | undefined): string[] {
    if (given === null || this.gpus.problems('gpus').length > 0) return [];
    const plugins = given === undefined ? NvidiaDevicePlugin.of(this.node.root) : [given];
    const problems = plugins.map((plugin) => plugin.offerProblem(this.gpus));
    const [problem] = problems;
    return problem === undefined || problems.includes(undefined)
      ? []
      : [formatProblem({ property: 'gpus', ...problem })];
  }
}

function gpusOf(scope: Construct, gpus: Gpus): Gpus {
  if (gpus instanceof Gpus) return gpus;
  reportProblem(scope, {
    property: 'gpus',
    value: gpus,
    message: 'says nothing of GPUs',
    remedy: 'give Gpus.whole(1), another kind of Gpus, or Gpus.none()',
  });
  return Gpus.none();
}

function devicePluginProblems(devicePlugin: NvidiaDevicePlugin | null | undefined): Problem[] {
  if (devicePlugin === undefined || devicePlugin === null || devicePlugin instanceof NvidiaDevicePlugin)
    return [];
  const remedy = 'give a NvidiaDevicePlugin, null, or leave it out';
  return [{ property: 'devicePlugin', value: devicePlugin, message: 'is not a device plugin', remedy }];
}
