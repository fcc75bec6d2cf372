import { isDnsLabel, isDnsSubdomain, isLabelValue, isQualifiedName } from '../kubernetes/names.ts';
import { formatProblem } from '../kubernetes/problem.ts';
import { isClusterScoped } from '../kubernetes/scope.ts';
import { looksSecret } from '../kubernetes/secret-scan.ts';
import type { KubernetesObject } from './render.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io/';
/** Kinds whose names are DNS labels rather than subdomains. */
const LABEL_NAMED: ReadonlySet<string> = new Set(['Namespace', 'Service']);
/** https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/ */
const MAX_ANNOTATIONS = 256 * 1024;
/** https://kubernetes.io/docs/concepts/configuration/configmap/#motivation */
const MAX_DATA = 1024 * 1024;

/**
 * What is wrong with an object whoever made it: a construct of ours, of cdk8s-plus, or a plain ApiObject.
 *
 * @param object the object, of which only the metadata has to be rendered
 * @param yaml the whole object as it will be written
 * @param render gives the whole object, for the few of which more has to be known
 */
export function objectProblems(
  object: KubernetesObject,
  yaml: string,
  render: () => KubernetesObject,
): string[] {
  const { kind, metadata } = object;
  return [
    ...nameProblems(object),
    ...namespaceProblems(kind, metadata.namespace),
    ...mapProblems('metadata.labels', metadata.labels, labelValueProblem),
    ...mapProblems('metadata.annotations', metadata.annotations, () => undefined),
    ...annotationSizeProblems(metadata.annotations),
    ...(kind === 'ConfigMap' && (yaml.length > MAX_DATA / 4 || looksSecret(yaml))
      ? configMapProblems(render())
      : []),
  ];
}

/** The problem with an object that another construct makes too. */
export function duplicateProblem({ kind, metadata }: KubernetesObject, owner: string): string {
  return formatProblem({
    property: 'metadata.name',
    value: metadata.name,
    message: `is the name of the ${kind} that ${owner} makes too`,
    remedy: 'give one of them another name or namespace',
  });
}

/** What tells objects apart in a cluster. The version of their API does not. */
export function identity({ apiVersion, kind, metadata: { namespace = '', name } }: KubernetesObject): string {
  const slash = apiVersion.indexOf('/');
  return `${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}/${namespace}/${name}`;
}

function nameProblems({ apiVersion, kind, metadata: { name } }: KubernetesObject): string[] {
  // RBAC names are path segments: "system:node" is one.
  const valid = apiVersion.startsWith(RBAC_GROUP)
    ? name !== '' && name !== '.' && name !== '..' && !/[/%]/.test(name)
    : LABEL_NAMED.has(kind)
      ? isDnsLabel(name) && !(kind === 'Service' && /^[0-9]/.test(name))
      : isDnsSubdomain(name);
  if (valid) return [];
  const remedy = LABEL_NAMED.has(kind)
    ? 'use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit'
    : 'use lower-case letters, digits, "-" and ".", starting and ending with a letter or digit';
  return [
    formatProblem({
      property: 'metadata.name',
      value: name,
      message: `is not a valid name for a ${kind}`,
      remedy,
    }),
  ];
}

function namespaceProblems(kind: string, namespace: string | undefined): string[] {
  const problem = (message: string, remedy: string): string[] => [
    formatProblem({ property: 'metadata.namespace', value: namespace, message, remedy }),
  ];
  if (namespace === undefined) return [];
  if (isClusterScoped(kind))
    return problem(`is given to a ${kind}, which is in no namespace`, 'leave it out');
  return isDnsLabel(namespace)
    ? []
    : problem('is not a valid namespace', 'use at most 63 lower-case letters, digits and "-"');
}

function mapProblems(
  property: string,
  map: Readonly<Record<string, string>> | undefined,
  valueProblem: (value: string) => { message: string; remedy: string } | undefined,
): string[] {
  if (map === undefined) return [];
  const problems: string[] = [];
  for (const key in map) {
    const value = map[key];
    if (!isQualifiedName(key)) {
      const remedy =
        'use letters, digits, "-", "_" and ".", at most 63 of them, after an optional DNS prefix and "/"';
      problems.push(formatProblem({ property, value: key, message: 'is not a valid key', remedy }));
    } else if (typeof value !== 'string') {
      problems.push(
        formatProblem({
          property: `${property}.${key}`,
          value,
          message: 'is no text',
          remedy: 'write it as a text, such as "true"',
        }),
      );
    } else {
      const problem = valueProblem(value);
      if (problem !== undefined)
        problems.push(formatProblem({ property: `${property}.${key}`, value, ...problem }));
    }
  }
  return problems;
}

function labelValueProblem(value: string): { message: string; remedy: string } | undefined {
  if (isLabelValue(value)) return undefined;
  return {
    message: 'is not a valid label value',
    remedy: 'use at most 63 letters, digits, "-", "_" and ".", or an annotation',
  };
}

function annotationSizeProblems(annotations: Readonly<Record<string, string>> | undefined): string[] {
  if (annotations === undefined) return [];
  let size = 0;
  for (const key in annotations) size += Buffer.byteLength(key) + Buffer.byteLength(String(annotations[key]));
  if (size <= MAX_ANNOTATIONS) return [];
  return [
    formatProblem({
      property: 'metadata.annotations',
      value: `${size} bytes`,
      message: `is more than the ${MAX_ANNOTATIONS} bytes that Kubernetes stores`,
      remedy: 'put the data into a ConfigMap',
    }),
  ];
}

function configMapProblems({ data }: KubernetesObject): string[] {
  if (data === null || typeof data !== 'object') return [];
  const problems: string[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    size += key.length + Buffer.byteLength(String(value));
    if (typeof value === 'string' && looksSecret(value)) {
      problems.push(
        `data.${key}: holds a secret in plain text (got a hidden value); put it into a Secret, by a SecretSource`,
      );
    }
  }
  if (size > MAX_DATA) {
    problems.push(
      formatProblem({
        property: 'data',
        value: `${size} bytes`,
        message: 'is more than the 1 MiB that Kubernetes stores',
        remedy: 'divide it',
      }),
    );
  }
  return problems;
}
