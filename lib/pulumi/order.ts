import type { CustomResource } from '@pulumi/pulumi';
import { ApiObject } from 'cdk8s';
import type { IConstruct } from 'constructs';
import type { CheckedObject } from '../app/objects.ts';
import { waveOfKind } from '../app/order.ts';

/** What runs pods, and so comes after what fences and configures them. */
const FIRST_WORKLOAD: number = waveOfKind('Deployment');

/**
 * What each resource has to wait for: its namespace, what its construct depends on and, where it runs pods, the
 * accounts, rights, policies and configuration of its namespace and those of the whole cluster in its chart.
 */
export class Order {
  readonly #resources = new Map<IConstruct, CustomResource>();
  readonly #namespaces = new Map<string, CustomResource>();
  readonly #before = new Map<string, CustomResource[]>();
  /** The resources below each target of a dependency: a target may have many that depend on it. */
  readonly #below = new Map<IConstruct, readonly CustomResource[]>();

  /** What has to be there before an object. Objects come in the order of applying them. */
  before({ object, source, chart, wave }: CheckedObject): CustomResource[] {
    const { namespace } = object.metadata;
    const home = namespace === undefined ? undefined : this.#namespaces.get(namespace);
    const runsPods = wave >= FIRST_WORKLOAD;
    return [
      ...new Set([
        ...(home === undefined ? [] : [home]),
        ...(runsPods ? this.#fences(chart, namespace) : []),
        ...source.node.scopes.flatMap(({ node }) =>
          node.dependencies.flatMap((target) =>
            isWithin(source, target) ? [] : this.#resourcesBelow(target),
          ),
        ),
      ]),
    ];
  }

  add({ object, source, chart, wave }: CheckedObject, resource: CustomResource): void {
    const { namespace, name } = object.metadata;
    this.#resources.set(source, resource);
    if (object.kind === 'Namespace') this.#namespaces.set(name, resource);
    if (wave >= FIRST_WORKLOAD) return;
    const place = placeOf(chart, namespace);
    const fences = this.#before.get(place);
    if (fences === undefined) this.#before.set(place, [resource]);
    else fences.push(resource);
  }

  #fences(chart: string, namespace: string | undefined): CustomResource[] {
    const places = [
      placeOf(chart, undefined),
      ...(namespace === undefined ? [] : [placeOf(chart, namespace)]),
    ];
    return places.flatMap((place) => this.#before.get(place) ?? []);
  }

  #resourcesBelow(target: IConstruct): readonly CustomResource[] {
    const known = this.#below.get(target);
    if (known !== undefined) return known;
    const objects = target.node.findAll().filter((construct) => ApiObject.isApiObject(construct));
    const found = objects.flatMap((object) => this.#resources.get(object) ?? []);
    this.#below.set(target, found);
    return found;
  }
}

function isWithin(construct: IConstruct, target: IConstruct): boolean {
  return construct.node.scopes.includes(target);
}

function placeOf(chart: string, namespace: string | undefined): string {
  return JSON.stringify([chart, namespace ?? null]);
}
