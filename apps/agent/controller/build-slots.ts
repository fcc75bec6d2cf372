/** How many image builds run at once, over all pipelines. */
export class BuildSlots {
  readonly #most: number;
  /** The pipeline of each build that has one. */
  readonly #taken = new Map<string, string>();
  /** Whom to tell when one is free, by pipeline. */
  #waiting = new Map<string, () => void>();

  constructor(most: number) {
    this.#most = most;
  }

  /** How many are taken. */
  get taken(): number {
    return this.#taken.size;
  }

  /** Takes a slot for a build that starts, where one is free; `whenFree` is called once when another try is worth it. */
  take(pipeline: string, id: string, whenFree: () => void): boolean {
    if (!this.#taken.has(id) && this.#taken.size >= this.#most) {
      this.#waiting.set(pipeline, whenFree);
      return false;
    }
    this.#taken.set(id, pipeline);
    return true;
  }

  /** Notes a build that runs already, even where there are more than there should be. */
  occupy(pipeline: string, id: string): void {
    this.#taken.set(id, pipeline);
  }

  /** Frees the slot of a build that has ended. */
  free(id: string): void {
    if (this.#taken.delete(id)) this.#tell();
  }

  /** Frees the slots of a pipeline that is gone. */
  freeAllOf(pipeline: string): void {
    for (const [id, of] of this.#taken) if (of === pipeline) this.#taken.delete(id);
    this.#waiting.delete(pipeline);
    this.#tell();
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const tell of waiting.values()) tell();
  }
}
