import type { Construct } from 'constructs';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import { isDeferred } from './deferred.ts';
import { shortHash } from './names.ts';
import { hidden, type Problem, problemsWhenKnown, reportProblem, reportProblems } from './problem.ts';
import { isSecretName, literalSecretProblem } from './secret-scan.ts';
import { type SecretReference, SecretSource } from './secret-source.ts';

/** A field of the running pod as the value of a variable. */
export class PodField {
  /** The pod's name. */
  static readonly NAME: PodField = new PodField('metadata.name');
  /** The pod's namespace. */
  static readonly NAMESPACE: PodField = new PodField('metadata.namespace');
  /** The pod's UID. */
  static readonly UID: PodField = new PodField('metadata.uid');
  /** The name of the node that the pod runs on. */
  static readonly NODE_NAME: PodField = new PodField('spec.nodeName');

  /** The field's path in the pod, such as `metadata.name`. */
  readonly fieldPath: string;

  private constructor(fieldPath: string) {
    this.fieldPath = fieldPath;
  }
}

/**
 * The value of an environment variable: a text, a secret, or a field of the pod. In a text, `$(NAME)`
 * stands for a variable that was defined before, as Kubernetes has it; `$$(NAME)` is that text itself.
 */
export type EnvironmentValue = string | SecretSource | PodField;

/** Environment variables by name. */
export type Environment = Readonly<Record<string, EnvironmentValue>>;

const ENV_NAME = /^[-._a-zA-Z][-._a-zA-Z0-9]*$/;

/** A container's `env` list, in the order given. Names and values that are wrong are reported on `scope`. */
export function environment(
  scope: Construct,
  property: string,
  variables: Environment,
  namespace: string,
): EnvVar[] {
  return Object.entries(variables).map(([name, value]) =>
    variable(scope, `${property}.${name}`, name, value, namespace),
  );
}

/** A variable whose value is a key of a Secret. */
export function secretVariable(name: string, { secretName, key, optional }: SecretReference): EnvVar {
  return { name, valueFrom: { secretKeyRef: { name: secretName, key, ...(optional && { optional }) } } };
}

/** What a name says is known at once, whatever the value will be. */
function secretProblems(property: string, name: string, value: string): Problem[] {
  const find = (text: string): Problem[] => {
    const problem = literalSecretProblem(property, name, text);
    return problem === undefined ? [] : [problem];
  };
  const problems = find(value);
  return problems.length > 0 ? problems : problemsWhenKnown(property, value, find);
}

function variable(
  scope: Construct,
  property: string,
  name: string,
  value: EnvironmentValue,
  namespace: string,
): EnvVar {
  if (!ENV_NAME.test(name)) {
    reportProblem(scope, {
      property,
      value: name,
      message: 'is not a valid name of an environment variable',
      remedy: 'use letters, digits, "_", "-" and ".", not starting with a digit',
    });
  }
  if (value instanceof SecretSource) {
    const plain = `${scope.node.id}-env-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`;
    // Names that differ in case only are two variables.
    const id = scope.node.tryFindChild(plain) === undefined ? plain : `${plain}-${shortHash(name)}`;
    return secretVariable(name, value.bind(scope, id, property, { namespace }));
  }
  if (value instanceof PodField) return { name, valueFrom: { fieldRef: { fieldPath: value.fieldPath } } };
  if (typeof value !== 'string') {
    reportProblem(scope, {
      property,
      value: isSecretName(name) ? hidden : value,
      message: 'is no text, SecretSource or PodField',
      remedy: 'write numbers and booleans as texts, such as "1" or "true"',
    });
    return { name, value: '' };
  }
  const problems = secretProblems(property, name, value);
  reportProblems(scope, problems);
  return { name, value: problems.length > 0 && !isDeferred(value) ? '' : value };
}
