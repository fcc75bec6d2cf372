import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { PodSpec, Toleration } from 'kubernetes-types/core/v1.d.ts';
import type { RuntimeClass } from 'kubernetes-types/node/v1.d.ts';
import { declareStage } from '../app/graph.ts';
import { isDnsSubdomain } from '../kubernetes/names.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { reportProblem, reportProblems } from '../kubernetes/problem.ts';
import type { Gpus } from './gpus.ts';

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
   * @default 'nvidia', which the GPU operator and MicroK8s' gpu addon make
   */
  readonly runtimeClassName?: string | null;
  /**
   * The container runtime's handler, where the RuntimeClass has to be made.
   * @default - none: the RuntimeClass exists
   */
  readonly runtimeHandler?: string;
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

  constructor(scope: Construct, id: string, props: GpuBuildNodeProps) {
    super(scope, id);
    const { gpus, nodeSelector, runtimeClassName = 'nvidia', runtimeHandler } = props;
    this.gpus = gpus;
    reportProblems(this, gpus.problems('gpus'));
    if (runtimeClassName !== null && !isDnsSubdomain(runtimeClassName)) {
      reportProblem(this, {
        property: 'runtimeClassName',
        value: runtimeClassName,
        message: 'is not a valid name of a RuntimeClass',
        remedy: "name one that `kubectl get runtimeclass` lists, such as 'nvidia'",
      });
    }
    const tolerations = props.tolerations ?? [
      { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
    ];
    this.scheduling = {
      ...(gpus.any && nodeSelector !== undefined && { nodeSelector: { ...nodeSelector } }),
      ...(gpus.any && { tolerations: [...tolerations] }),
      ...(gpus.any && runtimeClassName !== null && { runtimeClassName }),
    };
    this.runtimeClass =
      !gpus.any || runtimeHandler === undefined || runtimeClassName === null
        ? undefined
        : kubeObject<RuntimeClass>(this, 'Resource', {
            apiVersion: 'node.k8s.io/v1',
            kind: 'RuntimeClass',
            metadata: { name: runtimeClassName },
            handler: runtimeHandler,
          });
    if (gpus.any) declareStage(this, { title: 'GPU node', detail: `${gpus.count} ${gpus.resourceName}` });
  }
}
