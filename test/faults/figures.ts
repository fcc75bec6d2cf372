/** How much is done: all of it, or a part in which the same faults happen. */
export const isShort: boolean = process.env['KEELSON_FAULTS'] === 'short';

/** The count for a whole run, or for a short one. */
export function count(whole: number, short: number): number {
  return isShort ? short : whole;
}

/** Random numbers that are the same for the same seed: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run, printed so that it can be repeated with KEELSON_SEED. */
export const seed: number = Number(process.env['KEELSON_SEED'] ?? Date.now() % 1_000_000);

/** Prints figures in one line. */
export function report(title: string, figures: Readonly<Record<string, number | string>>): void {
  const all = Object.entries({ ...figures, seed }).map(([name, value]) => `${name}: ${value}`);
  console.log(`${title}: ${all.join(', ')}`);
}

/** The median, and the largest. */
export function spread(values: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
}
