import { all, Output, output, runtime } from '@pulumi/pulumi';
import type { App } from 'cdk8s';
import { SynthesisError } from '../app/errors.ts';
import { objectProblems } from '../app/object-problems.ts';
import type { CheckedObject } from '../app/objects.ts';
import type { KubernetesObject } from '../app/render.ts';
import { checksOf, formatProblem, oneLine } from '../kubernetes/problem.ts';
import { withOutputs } from './inputs.ts';

/**
 * Looks at the values of Outputs that constructs were given, once they are known, as at all other values at synthesis.
 * What is wrong ends the program.
 *
 * @returns what to wait for before anything is registered; undefined where there is nothing to look at, and in a
 *   preview, which may never know the values
 */
export function knownProblems(app: App): Promise<unknown> | undefined {
  const checks = app.node
    .findAll()
    .flatMap((construct) => checksOf(construct).map((check) => ({ path: construct.node.path, ...check })));
  if (checks.length === 0) return undefined;
  const looked = all(checks.map(({ value }) => output(withOutputs(value) as Output<unknown>))).apply(
    (values) => {
      const problems = checks.flatMap(({ path, find }, index) =>
        find(values[index]).map((problem) => `${oneLine(path)}: ${formatProblem(problem)}`),
      );
      if (problems.length > 0) throw new SynthesisError([...new Set(problems)]);
      return true;
    },
  );
  return runtime.isDryRun() ? undefined : new Promise((resolve) => looked.apply(resolve));
}

/**
 * An object whose names, labels and data that come from Outputs are looked at once they are known, as all others were
 * at synthesis.
 */
export function checkedWhenKnown(checked: CheckedObject, inputs: KubernetesObject): KubernetesObject {
  const { object, source } = checked;
  const { apiVersion, kind } = object;
  const check = (part: Partial<KubernetesObject>, text: string): void => {
    const known: KubernetesObject = { apiVersion, kind, ...part, metadata: { name: 'x', ...part.metadata } };
    const [problem] = objectProblems(known, text, () => known);
    if (problem !== undefined) throw new Error(`${oneLine(source.node.path)}: ${problem}`);
  };
  const { metadata, data } = inputs as unknown as { readonly metadata: Fields; readonly data?: Fields };
  const { name, namespace, labels } = metadata;
  return {
    ...inputs,
    metadata: {
      ...metadata,
      name: looked(name, (known) => check({ metadata: { name: known } }, '')),
      ...(namespace !== undefined && {
        namespace: looked(namespace, (known) => check({ metadata: { name: 'x', namespace: known } }, '')),
      }),
      ...(labels !== undefined && {
        labels: eachLooked(labels as Fields, (key, known) =>
          check({ metadata: { name: 'x', labels: { [key]: known } } }, ''),
        ),
      }),
    },
    ...(kind === 'ConfigMap' &&
      data !== undefined && {
        data: eachLooked(data, (key, known) => check({ data: { [key]: known } }, known)),
      }),
  } as unknown as KubernetesObject;
}

type Fields = Readonly<Record<string, unknown>>;

function looked(value: unknown, look: (known: string) => void): unknown {
  if (!Output.isInstance(value)) return value;
  return (value as Output<unknown>).apply((known) => {
    look(String(known));
    return known;
  });
}

function eachLooked(fields: Fields, look: (key: string, known: string) => void): unknown {
  if (Output.isInstance(fields)) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, looked(value, (known) => look(key, known))]),
  );
}
