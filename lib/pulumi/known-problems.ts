import { all, isSecret, Output, output, runtime } from '@pulumi/pulumi';
import type { App } from 'cdk8s';
import { SynthesisError } from '../app/errors.ts';
import { objectProblems } from '../app/object-problems.ts';
import type { KubernetesObject } from '../app/render.ts';
import { checksOf, formatProblem, oneLine } from '../kubernetes/problem.ts';
import { withOutputs } from './inputs.ts';
import type { Prepared } from './prepare.ts';

/** What is asked about a value once it is known. */
interface Question {
  /** The construct that has the value. */
  readonly path: string;
  readonly value: Output<unknown>;
  /** What is wrong with the value. One that is secret must not be shown. */
  readonly find: (known: unknown, secret: boolean) => readonly string[];
}

/**
 * Looks at the values of Outputs once they are known, as at all other values at synthesis: those that constructs were
 * given, and names, labels and data of objects. What is wrong ends the program.
 *
 * @returns what to wait for before anything is registered; undefined where there is nothing to look at, and in a
 *   preview, which may never know the values
 */
export function knownProblems(app: App, prepared: readonly Prepared[]): Promise<unknown> | undefined {
  const questions = [...propQuestions(app), ...prepared.flatMap(objectQuestions)];
  if (questions.length === 0) return undefined;
  if (!runtime.isDryRun()) return new Promise((resolve) => answered(questions).apply(resolve));
  for (const question of questions) answered([question]);
  return undefined;
}

function answered(questions: readonly Question[]): Output<boolean> {
  const values = questions.map(({ value }) => all([value, isSecret(value)]));
  return all(values).apply((known) => {
    const problems = questions.flatMap(({ path, find }, index) => {
      const [value, secret = false] = known[index] ?? [];
      return find(value, secret).map((problem) => `${oneLine(path)}: ${problem}`);
    });
    if (problems.length > 0) throw new SynthesisError([...new Set(problems)]);
    return true;
  });
}

function propQuestions(app: App): Question[] {
  return app.node.findAll().flatMap((construct) =>
    checksOf(construct).map(({ value, find }) => ({
      path: construct.node.path,
      value: output(withOutputs(value)),
      find: (known, secret) =>
        find(known).map((problem) => (secret ? invalidSecret(problem.property) : formatProblem(problem))),
    })),
  );
}

/** What of an object is checked: its metadata or data, with one field in it. */
type Part = Partial<Pick<KubernetesObject, 'metadata'>> & {
  readonly data?: Readonly<Record<string, string>>;
};
type Fields = Readonly<Record<string, unknown>>;

function objectQuestions({ checked, inputs }: Prepared): Question[] {
  const { apiVersion, kind } = checked.object;
  const question = (field: string, value: unknown, partOf: (known: string) => Part): Question[] => {
    if (!Output.isInstance(value)) return [];
    const find = (given: unknown, secret: boolean): string[] => {
      const part = partOf(String(given));
      const known = { apiVersion, kind, ...part, metadata: { name: 'x', ...part.metadata } };
      const [problem] = objectProblems(known, String(given), () => known);
      return problem === undefined ? [] : [secret ? invalidSecret(field) : problem];
    };
    return [{ path: checked.source.node.path, value, find }];
  };
  const each = (field: string, fields: unknown, partOf: (key: string, known: string) => Part): Question[] => {
    if (fields === undefined || Output.isInstance(fields)) return [];
    return Object.entries(fields as Fields).flatMap(([key, value]) =>
      question(`${field}.${key}`, value, (known) => partOf(key, known)),
    );
  };
  const { metadata, data } = inputs as unknown as { readonly metadata: Fields; readonly data?: Fields };
  return [
    ...question('metadata.name', metadata['name'], (name) => ({ metadata: { name } })),
    ...question('metadata.namespace', metadata['namespace'], (namespace) => ({
      metadata: { name: 'x', namespace },
    })),
    ...each('metadata.labels', metadata['labels'], (key, known) => ({
      metadata: { name: 'x', labels: { [key]: known } },
    })),
    ...(kind === 'ConfigMap' ? each('data', data, (key, known) => ({ data: { [key]: known } })) : []),
  ];
}

function invalidSecret(field: string): string {
  return `${field}: has a secret in it that is not valid here`;
}
