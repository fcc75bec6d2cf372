/** What happened when: each step with the seconds since the one before, and since the start. */
export class Timeline {
  readonly #start = performance.now();
  readonly #steps: { readonly name: string; readonly at: number }[] = [];

  /** Notes that something has happened; returns the seconds since the step before. */
  mark(name: string): number {
    const at = performance.now();
    const before = this.#steps.at(-1)?.at ?? this.#start;
    this.#steps.push({ name, at });
    return (at - before) / 1000;
  }

  /** A table for people. */
  toString(): string {
    let before = this.#start;
    const lines = this.#steps.map(({ name, at }) => {
      const line = `${seconds(at - before)} ${seconds(at - this.#start)}  ${name}`;
      before = at;
      return line;
    });
    return ['    step    total  (seconds)', ...lines].join('\n');
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(2).padStart(8);
}
