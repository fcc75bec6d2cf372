/** Has several things done one after the other, of which one that fails keeps no other from being done. */
export class Apart {
  readonly #failures: unknown[] = [];

  /** What came of it; undefined where it failed. */
  async do<T>(one: () => Promise<T>): Promise<T | undefined> {
    try {
      return await one();
    } catch (error) {
      this.#failures.push(error);
      return undefined;
    }
  }

  /** Throws the first failure, when all has been done. */
  throwFirst(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
