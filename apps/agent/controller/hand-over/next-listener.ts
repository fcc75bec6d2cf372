import { randomInt, randomUUID } from 'node:crypto';
import { LISTENER_PREFIX } from '../../../../lib/agent/listener.ts';

/** The namespace that a listener gets, and the UUID by which the controller knows it as the one that it made. */
export interface NextListener {
  readonly namespace: string;
  readonly claim: string;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const RANDOM_LENGTH = 8;
/** The longest name of a namespace. */
const MAX_LENGTH = 63;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/** A name that nobody can guess, and a claim. */
export function chooseListener(pipeline: string): NextListener {
  const most = MAX_LENGTH - LISTENER_PREFIX.length - RANDOM_LENGTH - 1;
  const part = pipeline
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, most)
    .replace(/-$/, '');
  const random = Array.from({ length: RANDOM_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return {
    namespace: `${LISTENER_PREFIX}${part === '' ? '' : `${part}-`}${random}`,
    claim: randomUUID(),
  };
}

/** As it stands in the annotation of the Deployment that hands over. */
export function formatNextListener({ namespace, claim }: NextListener): string {
  return `${namespace} ${claim}`;
}

/** Reads it; what no controller can have written is as if it were not there. */
export function parseNextListener(text: string | undefined): NextListener | undefined {
  const [namespace = '', claim = '', ...rest] = (text ?? '').split(' ');
  const isName =
    namespace.length <= MAX_LENGTH && namespace.startsWith(LISTENER_PREFIX) && LABEL.test(namespace);
  return isName && UUID.test(claim) && rest.length === 0 ? { namespace, claim } : undefined;
}
