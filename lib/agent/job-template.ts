/** A Kubernetes object as plain JSON, as it stands in a job template. */
export interface TemplateObject {
  /** Group and version of its kind. */
  readonly apiVersion: string;
  /** Its kind. */
  readonly kind: string;
  /** Its name, namespace, labels and annotations. */
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

/** What the controller knows of a commit when it fills a job template. */
export interface TemplateValues {
  /** The namespace made for the commit. */
  readonly namespace: string;
  /** The repository's URL. */
  readonly url: string;
  /** The branch whose head the commit is. */
  readonly branch: string;
  /** The commit's full object name. */
  readonly commit: string;
  /** The pipeline's version, resolved at the commit. */
  readonly version: string;
  /** A DNS label of at most 40 characters, unique to pipeline, commit and attempt. */
  readonly id: string;
  /** The branch as an image tag. */
  readonly 'tag.branch': string;
  /** The commit as an image tag and as a label value: its first 63 characters at most. */
  readonly 'tag.commit': string;
  /** The version as an image tag. */
  readonly 'tag.version': string;
  /** In a release: the digest of the image that was tested. */
  readonly digest: string;
  /** In a release: where the outputs of the tested run are fetched from. */
  readonly outputs: string;
}

const NAMES: readonly (keyof TemplateValues)[] = [
  'namespace',
  'url',
  'branch',
  'commit',
  'version',
  'id',
  'tag.branch',
  'tag.commit',
  'tag.version',
  'digest',
  'outputs',
];

/**
 * The text that stands for a value in the strings of a job template: `((keelson.commit))`.
 *
 * @example
 * args: ['build', `-t=${placeholder('tag.branch')}`]
 */
export function placeholder(name: keyof TemplateValues): string {
  return `((keelson.${name}))`;
}

/**
 * Fills a job template. Placeholders are replaced in string values of the parsed objects, once: a value
 * is data and never becomes syntax, neither YAML nor another placeholder. In a container's command, args
 * and env, where the kubelet would expand `$(NAME)`, a value's `$` is doubled so that it does not.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function fillTemplate<T>(template: T, values: TemplateValues): T {
  return fillPlaceholders(template, Object.fromEntries(NAMES.map((name) => [name, values[name]])));
}

const PLACEHOLDER = /\(\(keelson\.([a-z]+(?:\.[a-z]+)?)\)\)/g;

/** Replaces the placeholders of the given names; any other text that looks like one stays. */
export function fillPlaceholders<T>(template: T, values: Readonly<Record<string, string>>): T {
  return fill(template, values, false) as T;
}

/** Fields in which the kubelet expands `$(NAME)`. */
const EXPANDED = new Set(['command', 'args', 'env']);

function fill(node: unknown, values: Readonly<Record<string, string>>, expanded: boolean): unknown {
  if (typeof node === 'string') {
    return node.replace(PLACEHOLDER, (match, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      // The kubelet reads two dollar signs as one.
      return (expanded ? value?.replaceAll('$', '$$$$') : value) ?? match;
    });
  }
  if (Array.isArray(node)) return node.map((item) => fill(item, values, expanded));
  if (node === null || typeof node !== 'object') return node;
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, fill(value, values, expanded || EXPANDED.has(key))]),
  );
}
