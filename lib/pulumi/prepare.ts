import { SynthesisError } from '../app/errors.ts';
import type { CheckedObject } from '../app/objects.ts';
import type { KubernetesObject } from '../app/render.ts';
import { isDeferred, withoutStandIns } from '../kubernetes/deferred.ts';
import { formatProblem, oneLine } from '../kubernetes/problem.ts';
import { isAwaited, withoutAwait } from './await.ts';
import { CutError, fieldOf, withOutputs } from './inputs.ts';

/** An object that is ready to be registered. */
export interface Prepared {
  readonly checked: CheckedObject;
  /** Its name as a resource, within the component: it stays as long as the object does. */
  readonly name: string;
  /** Its fields, Outputs among them. */
  readonly inputs: KubernetesObject;
}

/**
 * Makes objects ready for Pulumi.
 *
 * @throws SynthesisError with all objects that can't be
 */
export function prepare(objects: readonly CheckedObject[], skipAwait: boolean): Prepared[] {
  const problems: string[] = [];
  const prepared = objects.flatMap((checked) => {
    const { object, source } = checked;
    const name = nameOf(checked);
    if (isDeferred(name)) problems.push(`${withoutStandIns(oneLine(source.node.path))}: ${UNKNOWN_ID}`);
    const awaited = !skipAwait && isAwaited(object, source);
    const applied = awaited ? object : withoutAwait(object);
    try {
      return [{ checked, name, inputs: withOutputs(applied) as KubernetesObject }];
    } catch (error) {
      if (!(error instanceof CutError)) throw error;
      problems.push(`${oneLine(source.node.path)}: ${cut(fieldOf(applied, error.text), error.text)}`);
      return [];
    }
  });
  if (problems.length > 0) throw new SynthesisError(problems);
  return prepared;
}

/** Where namespace or name are not known, the construct's path says what the object is. */
function nameOf({ object, source }: CheckedObject): string {
  const { namespace, name } = object.metadata;
  const parts = namespace === undefined ? [name] : [namespace, name];
  return parts.some(isDeferred) ? source.node.path : parts.join('/');
}

const UNKNOWN_ID = formatProblem({
  property: 'id',
  value: 'an Output',
  message: 'is part of the name that Pulumi knows the object by, which would change with the program',
  remedy: 'give the construct an id without Outputs',
});

function cut(property: string, value: string): string {
  const message = 'has a part of a text that asString has made';
  const remedy = 'leave such texts whole: where one is taken apart or changed, do so in apply of its Output';
  return formatProblem({ property, value, message, remedy });
}
