/** The median and the largest of some times. */
export function spread(times: readonly number[]): { readonly p50: number; readonly max: number } {
  const sorted = [...times].sort((a, b) => a - b);
  return { p50: sorted[Math.floor(sorted.length / 2)] ?? 0, max: sorted.at(-1) ?? 0 };
}
