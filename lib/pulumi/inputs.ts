import { all, type Output, output } from '@pulumi/pulumi';
import { deferredOf, isDeferred, isStandIn, partsOf } from '../kubernetes/deferred.ts';
import { formatValue } from '../kubernetes/problem.ts';

const KNOWN = new Map<string, Output<unknown>>();

/** Plain data with Outputs in the place of their stand-ins. A map with one in a key becomes an Output as a whole. */
export function withOutputs(value: unknown): unknown {
  if (typeof value === 'string') return isDeferred(value) ? textWithOutputs(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withOutputs);
  const entries = Object.entries(value).map(([key, inner]) => [key, withOutputs(inner)] as const);
  if (!entries.some(([key]) => isDeferred(key))) return Object.fromEntries(entries);
  return all(entries.map(([key, inner]) => all([withOutputs(key), inner]))).apply((known) =>
    Object.fromEntries(known as [string, unknown][]),
  );
}

function textWithOutputs(text: string): Output<unknown> {
  if (isStandIn(text)) return outputOf(text);
  const parts = partsOf(text).map(({ text: part, deferred }) => {
    if (deferred) return outputOf(part);
    if (isDeferred(part)) throw new CutError(text);
    return output(part);
  });
  return all(parts).apply((known) => known.join(''));
}

function outputOf(standIn: string): Output<unknown> {
  const known = KNOWN.get(standIn);
  if (known !== undefined) return known;
  const deferred = deferredOf(standIn);
  if (deferred === undefined) throw new CutError(standIn);
  const made: Output<unknown> =
    'source' in deferred
      ? output(deferred.source)
      : (output(withOutputs(deferred.from)) as Output<unknown>).apply((value) => deferred.produce(value));
  KNOWN.set(standIn, made);
  return made;
}

/** What stood for an Output was changed on its way into an object. */
export class CutError extends Error {
  /** What is left of it, and what is around it. */
  readonly text: string;

  constructor(text: string) {
    super(`a text has a part of one that asString has made (got ${formatValue(text)})`);
    this.name = 'CutError';
    this.text = text;
  }
}

/** The field of an object that has a text, such as `spec.template`. */
export function fieldOf(object: unknown, text: string): string {
  return pathTo(object, text)?.join('.') ?? '';
}

function pathTo(value: unknown, text: string): string[] | undefined {
  if (value === text) return [];
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const path = key === text ? [] : pathTo(inner, text);
    if (path !== undefined) return [key, ...path];
  }
  return undefined;
}
