import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import type { PodSpec } from 'kubernetes-types/core/v1.d.ts';
import { JobTemplate } from './job-template.ts';

/** A pod, as a workload or a Pod itself describes it. */
export interface PodTemplate {
  /** Its labels, its annotations, and whatever else its metadata holds. */
  readonly metadata: {
    /**
     * Its labels. A workload's selector and network policies find it by those that it has.
     * @default - none
     */
    readonly labels?: Readonly<Record<string, string>>;
    /**
     * Its annotations.
     * @default - none
     */
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  /** What runs in it. */
  readonly spec: PodSpec;
}

/** Where kinds of Kubernetes' own describe a pod; the pod of a Pod is the object itself. */
const PODS: ReadonlyMap<string, readonly string[]> = new Map([
  ['v1/Pod', []],
  ['v1/PodTemplate', ['template']],
  ['v1/ReplicationController', ['spec', 'template']],
  ['apps/v1/Deployment', ['spec', 'template']],
  ['apps/v1/ReplicaSet', ['spec', 'template']],
  ['apps/v1/StatefulSet', ['spec', 'template']],
  ['apps/v1/DaemonSet', ['spec', 'template']],
  ['batch/v1/Job', ['spec', 'template']],
  ['batch/v1/CronJob', ['spec', 'jobTemplate', 'spec', 'template']],
]);

/**
 * A mixin that changes every pod of a construct and of what is below it: pods of workloads, whoever made them, and
 * those of Jobs that the controller makes for a commit. The change is made when the program is synthesized, so
 * that it sees the whole pod; it has to make the same of the same pod, because it may be called more than once.
 *
 * `with` applies it to the constructs that are there by then, so call it last. It came with constructs 10.5.
 *
 * @example
 * // All pods of the pipeline run on certain nodes, image builds too.
 * pipeline.with(
 *   new PodMixin((pod) => ({
 *     ...pod,
 *     spec: { ...pod.spec, nodeSelector: { ...pod.spec.nodeSelector, 'example.com/pool': 'ci' } },
 *   })),
 * );
 */
export class PodMixin {
  readonly #change: (pod: PodTemplate) => PodTemplate;

  /** @param change gives the pod that takes the place of one */
  constructor(change: (pod: PodTemplate) => PodTemplate) {
    this.#change = change;
  }

  /** Whether a construct makes pods itself: an object of such a kind, or a construct with a job template. */
  supports(construct: IConstruct): boolean {
    if (JobTemplate.of(construct) !== undefined) return true;
    return ApiObject.isApiObject(construct) && PODS.has(`${construct.apiVersion}/${construct.kind}`);
  }

  /** Has the pods of one construct changed. */
  applyTo(construct: IConstruct): void {
    JobTemplate.of(construct)?.addChange((object) => this.#changed(object));
    if (!ApiObject.isApiObject(construct)) return;
    // What cdk8s has no hook for: patches can only say what they put where, and not depend on what is there.
    const render = construct.toJson.bind(construct);
    construct.toJson = () => this.#changed(render());
  }

  #changed<T extends { readonly apiVersion: string; readonly kind: string }>(object: T): T {
    const path = PODS.get(`${object.apiVersion}/${object.kind}`);
    return path === undefined ? object : (this.#at(object, path) as T);
  }

  #at(node: unknown, [field, ...path]: readonly string[]): unknown {
    if (node === null || typeof node !== 'object') return node;
    if (field === undefined) {
      return 'spec' in node ? { ...node, ...this.#change({ metadata: {}, ...node } as PodTemplate) } : node;
    }
    return field in node ? { ...node, [field]: this.#at(node[field as keyof typeof node], path) } : node;
  }
}
