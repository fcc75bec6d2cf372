import { INDEX } from './workload.ts';

/** The placeholder of the index in a template literal. */
const SLOT = '$' + '{index}';

/** Source text for a value inside an object: undefined where the value is written as it is. */
export type Special = (value: unknown, path: readonly string[]) => string | undefined;

/** A value as JavaScript source in which the variable `index` stands for the index of the pipeline. */
export function literal(
  value: unknown,
  special: Special = () => undefined,
  path: readonly string[] = [],
): string {
  const own = special(value, path);
  if (own !== undefined) return own;
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map((item) => literal(item, special, path)).join(',')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const fields = Object.entries(value).map(
    ([key, field]) =>
      `${key.includes(INDEX) ? `[${text(key)}]` : JSON.stringify(key)}:${literal(field, special, [...path, key])}`,
  );
  return `{${fields.join(',')}}`;
}

function text(value: string): string {
  if (!value.includes(INDEX)) return JSON.stringify(value);
  const escaped = value.replace(/[\\`]|\$\{/g, (match) => `\\${match}`);
  return `\`${escaped.replaceAll(INDEX, () => SLOT)}\``;
}
