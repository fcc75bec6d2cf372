import type { KubernetesObject } from 'keelson';
import { stringify } from 'yaml';
import { INDEX } from '../workload.ts';

/** The YAML of an object as a Go template, with an action where the index goes. */
export function yamlTemplate(object: KubernetesObject, index: string): string {
  return goTemplate(stringify(object, { lineWidth: 0, aliasDuplicateObjects: false }), index);
}

/** A text as a Go template. Braces of the text itself, such as those of Makisu's own templates, stay text. */
export function goTemplate(text: string, index: string): string {
  return text.replaceAll('{{', '{{ "{{" }}').replaceAll(INDEX, index);
}

/** A name for the file of an object, unique in its folder. */
export function fileName({ kind, metadata: { namespace, name } }: KubernetesObject): string {
  return `${kind.toLowerCase()}-${namespace === undefined ? '' : `${namespace}-`}${name}.yaml`;
}
