import type { ApiObject } from 'cdk8s';
import type { KeelsonApp } from './keelson-app.ts';
import { type KubernetesObject, transformOf } from './render.ts';
import { synthesize } from './synthesis.ts';

/** An object as it will be applied, and where it comes from. */
export interface CheckedObject {
  readonly object: KubernetesObject;
  /** Its construct. */
  readonly source: ApiObject;
  /** The path of its chart. */
  readonly chart: string;
  /** Its place among the objects of its chart: those of one wave don't need each other. */
  readonly wave: number;
}

/** The objects of an app, in the order of applying them. */
export interface CheckedObjects {
  readonly objects: readonly CheckedObject[];
  readonly warnings: readonly string[];
}

/**
 * All objects of an app, rendered and checked as for manifests, but that texts may be unknown yet.
 *
 * @throws SynthesisError with everything that is wrong
 */
export function checkedObjects(app: KeelsonApp): CheckedObjects {
  const rendered = new Map<ApiObject, KubernetesObject>();
  const { charts, warnings } = synthesize(app, transformOf(app), NOWHERE, rendered);
  const objects = charts.flatMap(({ name: chart, objects: inChart }) =>
    inChart.flatMap(({ source, wave }) => {
      const object = rendered.get(source);
      return object === undefined ? [] : [{ object, source, chart, wave }];
    }),
  );
  return { objects, warnings };
}

/** Takes the texts of manifests, which nobody reads. */
const NOWHERE = { end: 0, append: () => 0 };
