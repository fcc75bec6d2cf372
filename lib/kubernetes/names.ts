import { createHash } from 'node:crypto';
import { whenKnown } from './deferred.ts';

/** Longest DNS label (RFC 1123), and so the longest namespace, Service or label value. */
const MAX_LABEL = 63;
/** Longest DNS subdomain, and so the longest name of most Kubernetes objects. */
const MAX_SUBDOMAIN = 253;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
const KEY_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Whether a text is a DNS label, such as a namespace must be. */
export function isDnsLabel(text: string): boolean {
  return typeof text === 'string' && text.length <= MAX_LABEL && LABEL.test(text);
}

/** Whether a text is a DNS subdomain, such as most object names must be. */
export function isDnsSubdomain(text: string): boolean {
  return typeof text === 'string' && text.length <= MAX_SUBDOMAIN && SUBDOMAIN.test(text);
}

/** Whether a text may be the value of a label. */
export function isLabelValue(text: string): boolean {
  return typeof text === 'string' && LABEL_VALUE.test(text);
}

/** Whether a text may be the key of a label, an annotation or a taint: a name after an optional DNS prefix and `/`. */
export function isQualifiedName(text: string): boolean {
  const slash = text.indexOf('/');
  return slash < 0
    ? KEY_NAME.test(text)
    : isDnsSubdomain(text.slice(0, slash)) && KEY_NAME.test(text.slice(slash + 1));
}

/** Eight hexadecimal digits of a text's SHA-256: enough to tell apart what sanitizing made equal. */
export function shortHash(text: string): string {
  return whenKnown(text, hashOf);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

/**
 * A DNS label for any text. A text that is one already stays as it is; any other is reduced to the
 * allowed characters and gets a hash of the original, so that two texts never meet in one name.
 */
export function toDnsLabel(text: string, maxLength: number = MAX_LABEL): string {
  return whenKnown([text, maxLength] as const, dnsLabel);
}

function dnsLabel([text, maxLength]: readonly [text: string, maxLength: number]): string {
  if (text.length <= maxLength && LABEL.test(text) && !endsInHash(text)) return text;
  const base = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, maxLength - 9)
    .replace(/-+$/, '');
  return base === '' ? `x-${shortHash(text)}` : `${base}-${shortHash(text)}`;
}

/**
 * Whether a text looks as if {@link toDnsLabel} had hashed it. Such a text is hashed again, which keeps
 * the mapping injective: `a-1a2b3c4d` can't meet the label made for `a!`.
 */
export function endsInHash(text: string): boolean {
  return /-[0-9a-f]{8}$/.test(text);
}
