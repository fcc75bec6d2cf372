import { fillPlaceholders } from './job-template.ts';

/** What the controller knows when it fills the template of a build's next listener. */
export interface ListenerValues {
  /** The namespace made for the listener: {@link LISTENER_PREFIX}, the pipeline, and something random. */
  readonly namespace: string;
  /** The UUID by which the controller knows the namespace as the one that it made. */
  readonly claim: string;
  /** The image as the Deployment before names it: Keel may have changed its tag. */
  readonly image: string;
  /** The commit that the build before was started for, in full; empty where only the digest is known. */
  readonly commit: string;
  /** The image's digest of the build before. */
  readonly digest: string;
}

/** What the names of listeners' namespaces start with; an admission policy knows them by it. */
export const LISTENER_PREFIX = 'listener-';

/** What the names of Keel's labels and annotations start with. */
const KEEL_PREFIX = 'keel.sh/';

/** What they start with where Keel is not to see them. */
export const INACTIVE_PREFIX = 'listen.keelson.dev/';

/** The text that stands for a value in the strings of a listener's template: `((keelson.claim))`. */
export function listenerPlaceholder(name: keyof ListenerValues): string {
  return `((keelson.${name}))`;
}

/**
 * Fills a listener's template, by the rules of a job template: in string values of the parsed objects, once.
 */
export function fillListener<T>(template: T, values: ListenerValues): T {
  return fillPlaceholders(template, { ...values });
}

/** Keel's names, turned into names that Keel doesn't know. */
export function inactiveNames(active: Readonly<Record<string, string>>): Record<string, string> {
  return renamed(active, KEEL_PREFIX, INACTIVE_PREFIX);
}

/**
 * The real names for the inactive ones among annotations, with their values: the annotations that have Keel
 * watch a Deployment. Keel reads its policy from annotations where one is there, and from labels where none is.
 */
export function activeNames(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return renamed(annotations, INACTIVE_PREFIX, KEEL_PREFIX);
}

function renamed(map: Readonly<Record<string, string>>, from: string, to: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(map)
      .filter(([name]) => name.startsWith(from))
      .map(([name, value]) => [to + name.slice(from.length), value]),
  );
}
