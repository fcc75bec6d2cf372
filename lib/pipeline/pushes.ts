import type { IConstruct } from 'constructs';
import { reportProblem } from '../kubernetes/problem.ts';
import type { ImageTarget } from '../registry/registry.ts';

/** The names under which the stages of a pipeline push images: each is one stage's alone. */
export class Pushes {
  readonly #by = new Map<string, IConstruct>();

  /** Notes what a stage pushes, and reports it where another does already. */
  add(stage: IConstruct, property: string, target: ImageTarget, branches: readonly string[]): void {
    for (const name of pushedNames(target, branches)) {
      const other = this.#by.get(name);
      if (other === undefined) this.#by.set(name, stage);
      else {
        reportProblem(stage, {
          property,
          value: name,
          message: `is pushed by ${other.node.path} too, and each would overwrite the other's`,
          remedy: 'give each a repository or a tag of its own',
        });
      }
    }
  }
}

/** The names of an image for the branches of a repository; with a placeholder where the commit decides. */
export function pushedNames(target: ImageTarget, branches: readonly string[]): Set<string> {
  const { template } = target.tag;
  const tags = branches.length === 0 ? [template] : branches.map((branch) => target.tag.forBranch(branch));
  return new Set(tags.map((tag) => target.imageName(tag ?? template).toString()));
}
