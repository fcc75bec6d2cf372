/**
 * Everything that was wrong with a program, each problem with the path of its construct, the property, the
 * value and the remedy. Nothing has been written.
 */
export class SynthesisError extends Error {
  readonly #problems: readonly string[];

  constructor(problems: readonly string[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(
      `synthesis found ${count}, and wrote nothing:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.name = 'SynthesisError';
    this.#problems = problems;
    // The stack always leads to synth(), never to the mistake: the paths in the message do.
    this.stack = `${this.name}: ${this.message}`;
  }

  /** The problems, one a line. */
  get problems(): readonly string[] {
    return this.#problems;
  }
}
