/** How many image builds run at once, over all pipelines. */
export class BuildSlots {
  readonly #most: number;
  readonly #taken = new Set<string>();
  #freed: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken.size;
  }

  /** Takes a slot for a build that starts, where one is free; `whenFree` is called once when another try is worth it. */
  take(id: string, whenFree: () => void): boolean {
    if (!this.#taken.has(id) && this.#taken.size >= this.#most) {
      this.#freed.push(whenFree);
      return false;
    }
    this.#taken.add(id);
    return true;
  }

  /** Notes a build that runs already, even where there are more than there should be. */
  occupy(id: string): void {
    this.#taken.add(id);
  }

  /** Frees the slot of a build that has ended. */
  free(id: string): void {
    if (!this.#taken.delete(id)) return;
    const waiting = this.#freed;
    this.#freed = [];
    for (const tell of waiting) tell();
  }
}
