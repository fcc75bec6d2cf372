import { all, isSecret, Output, output, runtime } from '@pulumi/pulumi';
import type { App } from 'cdk8s';
import { SynthesisError } from '../app/errors.ts';
import { objectProblems } from '../app/object-problems.ts';
import type { CheckedObject } from '../app/objects.ts';
import type { KubernetesObject } from '../app/render.ts';
import { checksOf, formatProblem, hidden, oneLine } from '../kubernetes/problem.ts';
import { withOutputs } from './inputs.ts';

/**
 * Looks at the values of Outputs that constructs were given, once they are known, as at all other values at synthesis.
 * What is wrong ends the program. A value that is secret is not shown.
 *
 * @returns what to wait for before anything is registered; undefined where there is nothing to look at, and in a
 *   preview, which may never know the values
 */
export function knownProblems(app: App): Promise<unknown> | undefined {
  const checks = app.node
    .findAll()
    .flatMap((construct) => checksOf(construct).map((check) => ({ path: construct.node.path, ...check })));
  if (checks.length === 0) return undefined;
  const values = checks.map(({ value }) => output(withOutputs(value) as Output<unknown>));
  const looked = all(values.map((value) => all([value, isSecret(value)]))).apply((known) => {
    const problems = checks.flatMap(({ path, find }, index) => {
      const [value, secret] = known[index] ?? [];
      return find(value).map(
        (problem) => `${oneLine(path)}: ${formatProblem(secret ? { ...problem, value: hidden } : problem)}`,
      );
    });
    if (problems.length > 0) throw new SynthesisError([...new Set(problems)]);
    return true;
  });
  return runtime.isDryRun() ? undefined : new Promise((resolve) => looked.apply(resolve));
}

/** What of an object is checked: its metadata or data, with one field in it. */
type Part = Partial<Pick<KubernetesObject, 'metadata'>> & {
  readonly data?: Readonly<Record<string, string>>;
};
type Fields = Readonly<Record<string, unknown>>;

/**
 * An object whose names, labels and data that come from Outputs are looked at once they are known, as all others were
 * at synthesis.
 */
export function checkedWhenKnown(
  { object, source }: CheckedObject,
  inputs: KubernetesObject,
): KubernetesObject {
  const { apiVersion, kind } = object;
  const looked = (field: string, value: unknown, partOf: (known: string) => Part): unknown => {
    if (!Output.isInstance(value)) return value;
    return all([value, isSecret(value)]).apply(([given, secret]) => {
      const part = partOf(String(given));
      const known: KubernetesObject = {
        apiVersion,
        kind,
        ...part,
        metadata: { name: 'x', ...part.metadata },
      };
      const [problem] = objectProblems(known, String(given), () => known);
      if (problem === undefined) return given;
      const shown = secret ? `${field}: has a secret in it that is not valid here` : problem;
      throw new Error(`${oneLine(source.node.path)}: ${shown}`);
    });
  };
  const each = (field: string, fields: unknown, partOf: (key: string, known: string) => Part): unknown => {
    if (fields === undefined || Output.isInstance(fields)) return fields;
    const entries = Object.entries(fields as Fields).map(([key, value]) => [
      key,
      looked(`${field}.${key}`, value, (known) => partOf(key, known)),
    ]);
    return Object.fromEntries(entries);
  };
  const { metadata, data } = inputs as unknown as { readonly metadata: Fields; readonly data?: Fields };
  const { name, namespace, labels } = metadata;
  const checked = {
    name: looked('metadata.name', name, (known) => ({ metadata: { name: known } })),
    namespace: looked('metadata.namespace', namespace, (known) => ({
      metadata: { name: 'x', namespace: known },
    })),
    labels: each('metadata.labels', labels, (key, known) => ({
      metadata: { name: 'x', labels: { [key]: known } },
    })),
  };
  const present = Object.entries(checked).filter(([, value]) => value !== undefined);
  return {
    ...inputs,
    metadata: { ...metadata, ...Object.fromEntries(present) },
    ...(kind === 'ConfigMap' &&
      data !== undefined && { data: each('data', data, (key, known) => ({ data: { [key]: known } })) }),
  } as unknown as KubernetesObject;
}
