import type { IConstruct } from 'constructs';
import { formatProblem, hidden, type Problem, reportProblems } from '../kubernetes/problem.ts';
import { type Fault, type Fields, faults, fieldFaults, type Shape } from './shape.ts';
import { type PropsInterface, SHAPES } from './shapes.ts';

/** Props that are what their types say, and what was wrong with them. */
export interface Sound<T> {
  readonly props: T;
  readonly problems: readonly Problem[];
}

/** What several constructs take, and what reads it checks in better words. */
const CHECKED: readonly string[] = ['egress', 'egress.*', 'pullCredentials', 'pullCredentials.*'];

/**
 * Props as their types have them, whatever a JavaScript program gave: a prop of another type is reported on
 * the construct and left out, so that its default holds.
 *
 * @param standIns what takes the place of a prop that has no default
 * @param own props that the construct checks by itself, in better words: `env`, `handOver.timeout`; `env.*` is
 *   all that is in `env`
 */
export function sound<T extends object>(
  construct: IConstruct,
  name: PropsInterface,
  given: T,
  standIns: Partial<T> = {},
  own: readonly string[] = [],
): T {
  const { props, problems } = soundProps(name, given, standIns, own);
  reportProblems(construct, problems);
  return withSoundAnswers(construct, name, props, standIns);
}

/** The same for a constructor that needs its props before it is a construct. */
export function soundProps<T extends object>(
  name: PropsInterface,
  given: T,
  standIns: Partial<T> = {},
  own: readonly string[] = [],
): Sound<T> {
  const unknown: unknown = given;
  if (typeof unknown !== 'object' || unknown === null) {
    const remedy = `give an object as ${name} describes it`;
    const problem = { property: 'props', value: given, message: 'are of another type', remedy };
    return { props: { ...plainStandIns(name), ...standIns } as T, problems: [problem] };
  }
  const values = given as Readonly<Record<string, unknown>>;
  const all = fieldFaults(values, fieldsOf(name), SHAPES);
  if (all.length === 0) return { props: given, problems: [] };
  const checked = new Set([...CHECKED, ...own]);
  const faults = all.filter(
    ({ path: [first = '', ...inner] }) =>
      !checked.has([first, ...inner].join('.')) && !(inner.length > 0 && checked.has(`${first}.*`)),
  );
  if (faults.length === 0) return { props: given, problems: [] };
  const wrong = new Set(faults.map(({ path: [first] }) => first));
  const right = Object.entries(given).filter(([prop]) => !wrong.has(prop));
  const props = { ...plainStandIns(name), ...standIns, ...Object.fromEntries(right) } as T;
  return { props, problems: faults.map(problemOf) };
}

/** Props whose functions give what their types say, too. They are asked at synthesis. */
function withSoundAnswers<T extends object>(
  construct: IConstruct,
  name: PropsInterface,
  props: T,
  standIns: Partial<T>,
): T {
  const functions = asked(name).flatMap(([field, shape]): [string, () => unknown][] => {
    const ask: unknown = Reflect.get(props, field);
    if (typeof ask !== 'function') return [];
    const answer = (): { readonly value: unknown; readonly problems: Problem[] } => {
      try {
        const value: unknown = ask();
        return {
          value,
          problems: faults(value, shape.returns, SHAPES, field).map(problemOf),
        };
      } catch (error) {
        const message = `fails: ${error instanceof Error ? error.message : String(error)}`;
        const remedy = 'give a function that needs nothing';
        return { value: undefined, problems: [{ property: field, value: ask, message, remedy }] };
      }
    };
    construct.node.addValidation({ validate: () => answer().problems.map(formatProblem) });
    const standIn: unknown = Reflect.get(standIns, field);
    return [
      [
        field,
        () => {
          const { value, problems } = answer();
          if (problems.length === 0) return value;
          return typeof standIn === 'function' ? standIn() : undefined;
        },
      ],
    ];
  });
  return functions.length === 0 ? props : { ...props, ...Object.fromEntries(functions) };
}

const ASKED = new Map<PropsInterface, readonly (readonly [string, { readonly returns: Shape }])[]>();

/** The fields of an interface that are functions to be asked: few have any. */
function asked(name: PropsInterface): readonly (readonly [string, { readonly returns: Shape }])[] {
  const known = ASKED.get(name);
  if (known !== undefined) return known;
  const fields = Object.entries(fieldsOf(name)).flatMap(([field, shape]) =>
    typeof shape === 'object' && 'returns' in shape ? [[field, shape] as const] : [],
  );
  ASKED.set(name, fields);
  return fields;
}

function fieldsOf(name: PropsInterface): Fields {
  return SHAPES.interfaces[name] ?? {};
}

/** Something harmless for each prop that has no default. */
function plainStandIns(name: PropsInterface): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fieldsOf(name)).flatMap(([field, shape]) => {
      if (field.endsWith('?')) return [];
      if (shape === 'text') return [[field, 'missing']];
      if (typeof shape === 'string') return [];
      return 'list' in shape ? [[field, []]] : 'byName' in shape ? [[field, {}]] : [];
    }),
  );
}

function problemOf({ path, value, expected, optional, secret }: Fault): Problem {
  return {
    property: path.join('.').replaceAll('.[', '['),
    value: secret && /string|object/.test(typeof value) && value !== null ? hidden : value,
    message: value === undefined ? 'is missing' : 'is of another type',
    remedy: `give ${expected}${optional ? ', or leave it out' : ''}`,
  };
}
