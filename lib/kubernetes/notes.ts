import type { IConstruct } from 'constructs';

/**
 * What was told of constructs, for synthesis to ask for. A construct's own metadata would hold it as well, but
 * copies its list at every look, and synthesis looks at every construct while few have anything to tell.
 */
export class Notes<T> {
  readonly #notes: WeakMap<IConstruct, T[]> = new WeakMap();

  add(construct: IConstruct, note: T): void {
    const notes = this.#notes.get(construct);
    if (notes === undefined) this.#notes.set(construct, [note]);
    else notes.push(note);
  }

  /** What was told of a construct, first things first. */
  of(construct: IConstruct): readonly T[] {
    return this.#notes.get(construct) ?? NONE;
  }
}

const NONE: readonly never[] = [];
