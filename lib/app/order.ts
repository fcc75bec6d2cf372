import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';

/** An object with the place that it is applied at. Objects of one wave don't need each other. */
export interface Placed<T> {
  readonly object: T;
  readonly wave: number;
}

/**
 * The wave of each kind: what others are in, refer to or run as comes first. The gaps leave room for
 * objects that have to come after others of their kind. Kinds that are not listed come last.
 */
const WAVES: Readonly<Record<string, number>> = {
  Namespace: 0,
  CustomResourceDefinition: 5,
  PriorityClass: 5,
  RuntimeClass: 5,
  StorageClass: 5,
  ResourceQuota: 10,
  LimitRange: 10,
  NetworkPolicy: 10,
  PodDisruptionBudget: 10,
  ValidatingAdmissionPolicy: 15,
  ValidatingAdmissionPolicyBinding: 20,
  ServiceAccount: 25,
  ClusterRole: 30,
  Role: 30,
  ClusterRoleBinding: 35,
  RoleBinding: 35,
  ExternalSecret: 40,
  SealedSecret: 40,
  Secret: 40,
  ConfigMap: 45,
  Lease: 45,
  PersistentVolume: 50,
  PersistentVolumeClaim: 55,
  Service: 60,
  DaemonSet: 70,
  Deployment: 70,
  StatefulSet: 70,
  ReplicaSet: 70,
  Pod: 70,
  Job: 75,
  CronJob: 75,
};
const OTHER_WAVE = 80;

/** A cycle in the dependencies between objects, by their construct paths. */
export class DependencyCycleError extends Error {
  constructor(path: readonly string[]) {
    super(
      `constructs depend on each other in a circle: ${path.join(' → ')}; remove one of these dependencies`,
    );
    this.name = 'DependencyCycleError';
  }
}

/**
 * Gives each object its wave: its kind's, or the one after the latest of what it depends on. A dependency
 * of a construct holds for every object below it, on every object below its target; a target counts as
 * one, so that the cost is linear however many objects are on either side.
 *
 * @param constructs all constructs of a chart, parents first
 * @throws DependencyCycleError where there is no such order
 */
export function assignWaves(constructs: readonly IConstruct[]): Placed<ApiObject>[] {
  const objects = constructs.filter((construct) => ApiObject.isApiObject(construct));
  const inherited = inheritedDependencies(constructs);
  if (inherited.size === 0) return objects.map((object) => ({ object, wave: kindWave(object) }));
  const chart = new Set(constructs);
  const waves = new Map<IConstruct, number>();
  const edges = (construct: IConstruct): readonly IConstruct[] =>
    ApiObject.isApiObject(construct)
      ? // Targets in other charts are a matter of the order of charts.
        (inherited.get(construct) ?? []).filter(
          (target) => chart.has(target) && !construct.node.scopes.includes(target),
        )
      : construct.node.findAll().filter((child) => chart.has(child) && ApiObject.isApiObject(child));
  for (const object of objects) if (!waves.has(object)) visit(object, edges, waves);
  return objects.map((object) => ({ object, wave: waves.get(object) ?? OTHER_WAVE }));
}

function kindWave(construct: IConstruct): number {
  return ApiObject.isApiObject(construct) ? waveOfKind(construct.kind) : 0;
}

/** The wave of objects of a kind that depend on nothing else. */
export function waveOfKind(kind: string): number {
  return WAVES[kind] ?? OTHER_WAVE;
}

/** Depth first, with a stack of its own: a chain of dependencies may be longer than the call stack is deep. */
function visit(
  start: IConstruct,
  edgesOf: (construct: IConstruct) => readonly IConstruct[],
  waves: Map<IConstruct, number>,
): void {
  const open = new Set<IConstruct>();
  const enter = (
    construct: IConstruct,
  ): { construct: IConstruct; edges: readonly IConstruct[]; next: number; wave: number } => {
    open.add(construct);
    return { construct, edges: edgesOf(construct), next: 0, wave: kindWave(construct) };
  };
  const stack = [enter(start)];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const need = top.edges[top.next];
    if (need === undefined) {
      waves.set(top.construct, top.wave);
      open.delete(top.construct);
      stack.pop();
      continue;
    }
    const known = waves.get(need);
    if (known !== undefined) {
      // A target that is a group ends with its last object; what needs it comes one wave later.
      top.wave = Math.max(top.wave, known + (ApiObject.isApiObject(top.construct) ? 1 : 0));
      top.next++;
    } else if (open.has(need)) {
      const from = stack.findIndex(({ construct }) => construct === need);
      throw new DependencyCycleError(
        [...stack.slice(from).map(({ construct }) => construct), need].map(({ node }) => node.path),
      );
    } else {
      stack.push(enter(need));
    }
  }
}

/** The targets that each construct depends on, itself or through what it is below of. Parents come first. */
function inheritedDependencies(constructs: readonly IConstruct[]): Map<IConstruct, readonly IConstruct[]> {
  const inherited = new Map<IConstruct, readonly IConstruct[]>();
  for (const construct of constructs) {
    const scope = construct.node.scope;
    const above = scope === undefined ? undefined : inherited.get(scope);
    const own = construct.node.dependencies;
    if (own.length > 0) inherited.set(construct, [...(above ?? []), ...own]);
    else if (above !== undefined) inherited.set(construct, above);
  }
  return inherited;
}
