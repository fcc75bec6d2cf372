// Whole programs: a few constructs, of which some props may be anything.
import { ApiObject, YamlOutputType } from 'cdk8s';
import fc from 'fast-check';
import type { KeelsonApp } from 'keelson';
import { factories, recipes } from './constructs/index.ts';
import type { Recipe } from './constructs/recipe.ts';
import { anything, CANARY, spilled, text } from './hostile.ts';
import { one, only, plain, Value, type Values, World } from './value.ts';

/** A construct with its props. */
export interface Step {
  readonly construct: string;
  readonly id: Value<string>;
  readonly props: Readonly<Record<string, Value>>;
}

/** A program, and options of its app. */
export interface Program {
  readonly steps: readonly Step[];
  readonly options: Readonly<Record<string, Value>>;
  /** Whether the props are handed over in the opposite order. */
  readonly reversed?: boolean;
}

/** How the transform that is well is called. */
export const IDENTITY = 'identity';

/** Options of the app that are well. Directories are the test's own. */
export const appProps: Readonly<Record<string, Values>> = {
  yamlOutputType: one(YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE, YamlOutputType.FILE_PER_CHART),
  kubernetesVersion: one('1.30', '1.36'),
  transform: only(IDENTITY, () => (object: unknown) => object),
  outputFileExtension: one('.k8s.yaml', '.yaml'),
  recordConstructMetadata: one(true, false),
  resolvers: one<unknown>([]),
  imageRegistry: one('registry.example.com:5000/mirror', 'localhost'),
};

const freshId: Values<string> = fc
  .constantFrom('a', 'build', 'x-1')
  .map((kind) => new Value(kind, (world) => world.next(kind)));

function step(construct: string, { props, required = [] }: Recipe): fc.Arbitrary<Step> {
  return fc
    .tuple(freshId, fc.record(props, { requiredKeys: [...required] }))
    .map(([id, given]) => ({ construct, id, props: withoutMissing(given) }));
}

function withoutMissing(given: Readonly<Record<string, Value | undefined>>): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** Programs in which everything is well. */
export const soundProgram: fc.Arbitrary<Program> = fc
  .tuple(
    fc
      .array(fc.oneof(...Object.entries(recipes).map(([name, recipe]) => step(name, recipe))), {
        minLength: 1,
        maxLength: 3,
      })
      .map((steps) =>
        steps.filter(
          ({ construct }, index) =>
            recipes[construct]?.once === undefined ||
            steps.findIndex((other) => other.construct === construct) === index,
        ),
      ),
    fc.record(appProps, { requiredKeys: [] }),
  )
  .map(([steps, options]) => ({ steps, options: withoutMissing(options) }));

/** Where a secret belongs, so that what is given there may be one. */
const SECRET_PROPS = ['credentials', 'registryConfig', 'token', 'secretFiles', 'imagePullSecrets'];

/** What is put in the place of a value: the whole prop, or one of the values in it. */
const mutation = fc.record({
  step: fc.nat({ max: 2 }),
  prop: fc.nat({ max: 40 }),
  inner: fc.oneof(
    { weight: 2, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.nat({ max: 6 }) },
  ),
  value: anything,
  id: plain(text),
  spilled,
});

/** Programs of which one value or several may be anything. */
export const program: fc.Arbitrary<Program> = fc
  .tuple(soundProgram, fc.array(mutation, { maxLength: 3 }))
  .map(([{ steps, options }, mutations]) => {
    const changed = steps.map(({ construct, id, props }) => ({ construct, id, props: { ...props } }));
    const app = { ...options };
    for (const { step: at, prop, inner, value, id, spilled: secret } of mutations) {
      const target = changed[at];
      if (target === undefined) {
        const names = Object.keys(appProps);
        app[names[prop % names.length] as string] = value;
        continue;
      }
      const names = Object.keys(recipes[target.construct]?.props ?? {});
      const name = names[prop % (names.length + 1)];
      if (name === undefined) {
        target.id = id;
        continue;
      }
      const given = target.props[name];
      const other = SECRET_PROPS.includes(name) ? secret : value;
      target.props[name] = inner === undefined || given === undefined ? other : inside(given, inner, value);
    }
    return { steps: changed, options: app };
  });

/** A value with something else in one of its places, where it has places. */
function inside(given: Value, place: number, value: Value): Value {
  return new Value(`${given.label} with ${value.label} in place ${place}`, (world) => {
    const whole = given.make(world);
    if (Array.isArray(whole))
      return whole.length === 0 ? [value.make(world)] : whole.with(place % whole.length, value.make(world));
    if (typeof whole !== 'object' || whole === null || Object.getPrototypeOf(whole) !== Object.prototype)
      return value.make(world);
    const names = Object.keys(whole);
    return { ...whole, [names[place % names.length] ?? 'x']: value.make(world) };
  });
}

/** What a program may not do: the constructs library refuses some ids, and says which. */
const REFUSED_IDS = /^(Only root constructs may have an empty ID|There is already a Construct with name)/;

/** Runs a program. False where the constructs library itself refuses an id. */
export function run({ steps, reversed }: Program, app: KeelsonApp): boolean {
  const world = new World(app);
  for (const { construct, id, props } of steps) {
    const made = Object.entries(props).map(([name, value]): [string, unknown] => [name, value.make(world)]);
    const given = Object.fromEntries(reversed ? made.reverse() : made);
    try {
      recipes[construct]?.make(world, id.make(world), given);
    } catch (error) {
      if (error instanceof Error && REFUSED_IDS.test(error.message)) return false;
      throw error;
    }
  }
  return true;
}

/** The options of a program's app, beside its directories. */
export function optionsOf({ options }: Program, app: KeelsonApp | undefined = undefined): object {
  const world = new World(app as KeelsonApp);
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, value.make(world)]));
}

/** Every ApiObject of a program. */
export function objectsOf(app: KeelsonApp): ApiObject[] {
  return app.node.findAll().filter((construct) => ApiObject.isApiObject(construct));
}

export { CANARY, factories, recipes };
