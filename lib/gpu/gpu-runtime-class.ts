import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { RuntimeClass } from 'kubernetes-types/node/v1.d.ts';
import { isDnsLabel, isDnsSubdomain } from '../kubernetes/names.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { sound } from '../props/sound.ts';

/** The name that the GPU operator, MicroK8s' addon and NVIDIA's documentation give the RuntimeClass and its handler. */
export const NVIDIA = 'nvidia';

/** Props of {@link GpuRuntimeClass}. */
export interface GpuRuntimeClassProps {
  /**
   * The RuntimeClass' name.
   * @default 'nvidia'
   */
  readonly name?: string;
  /**
   * What the nodes' container runtime calls NVIDIA's runtime in its configuration.
   * @default 'nvidia', as `nvidia-ctk runtime configure` does
   */
  readonly handler?: string;
}

/**
 * The RuntimeClass of containers that see GPUs. It is in no namespace: make it in one program of the cluster, and have
 * the others refer to it by its name. The GPU operator and MicroK8s' addon bring their own.
 *
 * @see https://kubernetes.io/docs/concepts/containers/runtime-class/
 * @example
 * new GpuRuntimeClass(platform, 'nvidia');
 */
export class GpuRuntimeClass extends Construct {
  /** The RuntimeClass' name. */
  readonly name: string;
  /** The RuntimeClass. */
  readonly runtimeClass: ApiObject;

  constructor(scope: Construct, id: string, given: GpuRuntimeClassProps = {}) {
    super(scope, id);
    const props = sound(this, 'GpuRuntimeClassProps', given);
    const { name = NVIDIA, handler = NVIDIA } = props;
    this.name = name;
    reportProblems(this, [...runtimeClassProblems('name', name), ...handlerProblems('handler', handler)]);
    this.runtimeClass = runtimeClassObject(this, 'Resource', name, handler);
  }
}

/** The RuntimeClass as an object below `scope`. */
export function runtimeClassObject(scope: Construct, id: string, name: string, handler: string): ApiObject {
  return kubeObject<RuntimeClass>(scope, id, {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name },
    handler,
  });
}

/** What is wrong with the name of a RuntimeClass, or with the handler that one is made for, where they are given. */
export function runtimeProblems({ runtimeClassName, runtimeHandler }: RuntimeProps): Problem[] {
  const problems: Problem[] = [];
  if (runtimeClassName !== undefined && runtimeClassName !== null)
    problems.push(...runtimeClassProblems('runtimeClassName', runtimeClassName));
  if (runtimeHandler === undefined) return problems;
  if (runtimeClassName === null) {
    problems.push({
      property: 'runtimeHandler',
      value: runtimeHandler,
      message: 'is given for no RuntimeClass',
      remedy: 'leave it out, or runtimeClassName',
    });
  }
  return [...problems, ...handlerProblems('runtimeHandler', runtimeHandler)];
}

interface RuntimeProps {
  readonly runtimeClassName?: string | null;
  readonly runtimeHandler?: string;
}

function runtimeClassProblems(property: string, value: string): Problem[] {
  if (typeof value === 'string' && isDnsSubdomain(value)) return [];
  const message = 'is not a valid name of a RuntimeClass';
  const remedy = "name one that `kubectl get runtimeclass` lists, such as 'nvidia'";
  return [{ property, value, message, remedy }];
}

function handlerProblems(property: string, value: string): Problem[] {
  if (typeof value === 'string' && isDnsLabel(value)) return [];
  const message = 'is not a valid name of a handler';
  const remedy = "name the runtime as the node's containerd or CRI-O configuration does, such as 'nvidia'";
  return [{ property, value, message, remedy }];
}
