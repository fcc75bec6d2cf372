import { GitError } from './git-error.ts';

/** A ref as a server advertises it. Its name may be anything: it is only to be compared. */
export interface Ref {
  readonly name: string;
  readonly objectName: string;
  /** What an annotated tag points at in the end. */
  readonly peeled?: string;
}

/** Which refs are asked for. */
export interface RefQuery {
  /** Where names start. A server may send others too. */
  readonly prefixes: readonly string[];
  /** Whether the refs are tags, of which the commit matters. */
  readonly peel?: boolean;
  /** Whether a ref is to be returned; the others are not kept. */
  readonly wanted: (ref: Ref) => boolean;
}

/** Whether a text is an object name in full: SHA-1 or SHA-256, in hexadecimal digits. */
export function isObjectName(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/**
 * Keeps the wanted ones of the refs that a server lists one by one. A ref's peeled value may be told after it, under
 * its name and `^{}`.
 */
export class RefCollector {
  readonly #wanted: (ref: Ref) => boolean;
  readonly #refs: Ref[] = [];
  #last: Ref | undefined;

  constructor({ wanted }: RefQuery) {
    this.#wanted = wanted;
  }

  add(name: string, objectName: string, peeled?: string): void {
    if (!isObjectName(objectName) || (peeled !== undefined && !isObjectName(peeled))) {
      throw new GitError(
        'protocol',
        `the server lists a ref without an object name (${JSON.stringify(name)})`,
      );
    }
    if (this.#last !== undefined && name === `${this.#last.name}^{}`) {
      this.#last = { ...this.#last, peeled: objectName };
      return;
    }
    this.#keep();
    this.#last = { name, objectName, ...(peeled !== undefined && { peeled }) };
  }

  /** The refs that are wanted, once all have been added. */
  finish(): readonly Ref[] {
    this.#keep();
    this.#last = undefined;
    return this.#refs;
  }

  #keep(): void {
    if (this.#last !== undefined && this.#wanted(this.#last)) this.#refs.push(this.#last);
  }
}
