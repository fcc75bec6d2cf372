/**
 * Texts that are not known while a program runs, such as Pulumi's Outputs. A stand-in takes the place of each: a word
 * that is a valid name, host, tag and path, so that it can go wherever a text goes, also within a longer one. What
 * registers the objects puts the values in place; a manifest with a stand-in in it is refused.
 */

/** How what a stand-in stands for comes to be known. */
export type Deferred =
  /** It comes from outside, as whatever `source` is. */
  | { readonly source: unknown }
  /** It is made of a value in which there are stand-ins, once that is known. */
  | { readonly from: unknown; readonly produce: (known: unknown) => unknown };

const PREFIX = 'keelson-output-';
/** A stand-in or a part of one, in whatever case: `keelson-output-cache` is somebody's own word. */
const TOUCHED = /keelson-output-\d/i;
const STAND_IN = /keelson-output-\d+-end/g;
const WHOLE = /^keelson-output-\d+-end$/;

const DEFERRED = new Map<string, Deferred>();
/** What was asked already, by the function and the value that it is asked of. */
const ASKED = new WeakMap<(known: never) => unknown, Map<string, string>>();

/** A stand-in for what is not known yet. */
export function standIn(deferred: Deferred): string {
  const text = `${PREFIX}${DEFERRED.size + 1}-end`;
  DEFERRED.set(text, deferred);
  return text;
}

/** What a stand-in stands for. */
export function deferredOf(text: string): Deferred | undefined {
  return DEFERRED.get(text);
}

/** Whether a text is a stand-in, or has one in it. What is left of one that was cut counts too. */
export function isDeferred(text: unknown): boolean {
  return DEFERRED.size > 0 && typeof text === 'string' && TOUCHED.test(text);
}

/** Whether a value is a stand-in for what is made of others, which may be of any type. */
export function isMade(value: unknown): boolean {
  const deferred = typeof value === 'string' ? DEFERRED.get(value) : undefined;
  return deferred !== undefined && 'from' in deferred;
}

/** Whether a text is one stand-in and nothing else. */
export function isStandIn(text: string): boolean {
  return WHOLE.test(text);
}

/** A text for a person: with a word in the place of each stand-in. */
export function withoutStandIns(text: string): string {
  return DEFERRED.size === 0 ? text : text.replace(STAND_IN, '[an Output]');
}

/** The parts of a text: stand-ins, and what is between them. */
export function partsOf(text: string): { readonly text: string; readonly deferred: boolean }[] {
  const parts: { text: string; deferred: boolean }[] = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(STAND_IN)) {
    if (index > end) parts.push({ text: text.slice(end, index), deferred: false });
    parts.push({ text: found, deferred: true });
    end = index + found.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), deferred: false });
  return parts;
}

/** Whether there is a stand-in anywhere in plain data, in a key too. */
export function holdsDeferred(value: unknown): boolean {
  if (DEFERRED.size === 0) return false;
  if (typeof value === 'string') return isDeferred(value);
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value)
    ? value.some(holdsDeferred)
    : Object.entries(value).some(([key, inner]) => isDeferred(key) || holdsDeferred(inner));
}

/**
 * What a function makes of a value: at once where all of it is known, and otherwise a stand-in for it. Whatever reads
 * more of a text than to write it down goes through here: hashes, encodings, the parts of a URL.
 *
 * @param value plain data
 * @param produce makes plain data of it. One that is asked of the same value twice gives the same stand-in, so that
 *   what is equal stays equal: it is best a function of its own
 */
export function whenKnown<T, R>(value: T, produce: (known: T) => R): R {
  if (!holdsDeferred(value)) return produce(value);
  const asked = ASKED.get(produce) ?? new Map<string, string>();
  ASKED.set(produce, asked);
  const question = JSON.stringify(value);
  const text =
    asked.get(question) ?? standIn({ from: value, produce: produce as (known: unknown) => unknown });
  asked.set(question, text);
  return text as R;
}
