import type { IConstruct } from 'constructs';
import type { TemplateObject } from '../agent/job-template.ts';
import { type KubernetesObject, transformOf } from '../app/render.ts';
import { changeProblems } from './job-template-problems.ts';

/**
 * Changes an object of a job template; undefined leaves it out. It has to make the same of the same object: it
 * is called more than once.
 */
export type TemplateChange = (object: TemplateObject) => TemplateObject | undefined;

/**
 * The objects that the controller makes for each commit. They are no `ApiObject`s: they stand in the pipeline's
 * configuration, with placeholders for what the commit decides. A change is checked as any object is; what the
 * controller knows an object by has to stay.
 *
 * @example
 * image.jobTemplate?.addChange((object) => {
 *   if (object.kind !== 'Namespace') return object;
 *   const labels = { ...(object.metadata['labels'] as object), 'example.com/team': 'ci' };
 *   return { ...object, metadata: { ...object.metadata, labels } };
 * });
 */
export class JobTemplate {
  /** The job template of a construct that has one. */
  static of(construct: IConstruct): JobTemplate | undefined {
    return 'jobTemplate' in construct && construct.jobTemplate instanceof JobTemplate
      ? construct.jobTemplate
      : undefined;
  }

  readonly #scope: IConstruct;
  readonly #make: () => TemplateObject[];
  readonly #changes: TemplateChange[] = [];

  /** @internal Made by what the controller makes Jobs for. */
  constructor(scope: IConstruct, make: () => TemplateObject[]) {
    this.#scope = scope;
    this.#make = make;
    scope.node.addValidation({ validate: () => this.#problems() });
  }

  /** Adds a change, after the earlier ones and before the transform of the app. */
  addChange(change: TemplateChange): void {
    this.#changes.push(change);
  }

  /** The objects as they are written. */
  objects(): TemplateObject[] {
    return this.#changed().objects;
  }

  #problems(): string[] {
    if (this.#allChanges().length === 0) return [];
    try {
      return this.#changed().problems;
    } catch {
      // What can't be made at all is said where it is written.
      return [];
    }
  }

  #changed(): { objects: TemplateObject[]; problems: string[] } {
    const changes = this.#allChanges();
    const made = this.#make();
    if (changes.length === 0) return { objects: made, problems: [] };
    const problems: string[] = [];
    const objects = made.flatMap((before) => {
      try {
        // A copy, because parts of objects are shared, and a change may be made in place.
        let after: TemplateObject | undefined = structuredClone(before);
        for (const change of changes) after = after && change(after);
        problems.push(...changeProblems(before, after));
        return after ?? [];
      } catch (error) {
        problems.push(
          `jobTemplate.${before.kind}: ${error instanceof Error ? error.message : String(error)}`,
        );
        return before;
      }
    });
    return { objects, problems };
  }

  #allChanges(): TemplateChange[] {
    const transform = transformOf(this.#scope);
    if (transform === undefined) return this.#changes;
    const last = (object: TemplateObject): TemplateObject | undefined =>
      transform(object as KubernetesObject, this.#scope) as TemplateObject | undefined;
    return [...this.#changes, last];
  }
}
