// Values that are made when a program runs, since many of them need constructs of that program.
import { Chart } from 'cdk8s';
import fc from 'fast-check';
import {
  BuildKitDaemon,
  GitSource,
  ImageName,
  type KeelsonApp,
  KeelWatchedBuild,
  Pipeline,
  Platform,
  type PlatformReference,
  Release,
} from 'keelson';
import { existingKeel, registry } from '../support/programs.ts';

/** A program that is being made. */
export class World {
  readonly app: KeelsonApp;
  #number = 0;
  #chart: Chart | undefined;
  #pipeline: Pipeline | undefined;
  #release: Release | undefined;
  #platform: PlatformReference | undefined;

  constructor(app: KeelsonApp) {
    this.app = app;
  }

  /** An id that no other construct of the program has. */
  next(kind: string): string {
    this.#number += 1;
    return `${kind}-${this.#number}`;
  }

  /** A chart that is no pipeline. */
  get chart(): Chart {
    this.#chart ??= new Chart(this.app, 'chart', { namespace: 'chart' });
    return this.#chart;
  }

  /** A platform that nothing is synthesized for. */
  get platform(): PlatformReference {
    this.#platform ??= Platform.existing({
      name: 'shared',
      registry: registry(),
      keel: existingKeel(),
      buildkit: BuildKitDaemon.existing(),
      handOver: true,
    });
    return this.#platform;
  }

  /** A release of that pipeline, for parts of one. */
  get release(): Release {
    this.#release ??= new Release(this.pipeline, 'release', {
      after: new KeelWatchedBuild(this.pipeline, 'tested', {
        image: ImageName.parse('quay.io/team/tested:1'),
        command: ['x'],
      }),
    });
    return this.#release;
  }

  /** A pipeline for stages that a construct needs. */
  get pipeline(): Pipeline {
    const source = GitSource.remote('https://git.example.com/team/project.git', { branch: 'main' });
    this.#pipeline ??= new Pipeline(this.app, 'pipeline', { platform: this.platform, source });
    return this.#pipeline;
  }
}

/** A value with the words by which a failed test shows it. */
export class Value<T = unknown> {
  readonly make: (world: World) => T;
  readonly label: string;

  constructor(label: string, make: (world: World) => T) {
    this.make = make;
    this.label = label;
  }

  /** How fast-check shows it. */
  toString(): string {
    return this.label;
  }
}

export type Values<T = unknown> = fc.Arbitrary<Value<T>>;

/** Values that need nothing of the program. */
export function plain<T>(arbitrary: fc.Arbitrary<T>): Values<T> {
  return arbitrary.map((value) => new Value(fc.stringify(value), () => value));
}

/** One value. */
export function only<T>(label: string, make: (world: World) => T): Values<T> {
  return fc.constant(new Value(label, make));
}

/** One of some values. */
export function one<T>(...values: readonly T[]): Values<T> {
  return plain(fc.constantFrom(...values));
}

/** What a function makes of values. */
export function call<A extends readonly unknown[], T>(
  name: string,
  make: (...values: A) => T,
  ...parts: { readonly [index in keyof A]: Values<unknown> }
): Values<T> {
  return fc
    .tuple(...parts)
    .map(
      (values) =>
        new Value(`${name}(${values.map(({ label }) => label).join(', ')})`, (world) =>
          make(...(values.map((value) => value.make(world)) as unknown as A)),
        ),
    );
}

/** An object with some of these fields, or all that are required. */
export function fields(parts: Readonly<Record<string, Values>>, required: readonly string[] = []): Values {
  return fc.record(parts, { requiredKeys: [...required] }).map(fromEntries);
}

function fromEntries(given: Readonly<Record<string, Value | undefined>>): Value {
  const entries = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return new Value(
    `{${entries.map(([name, { label }]) => `${JSON.stringify(name)}: ${label}`).join(', ')}}`,
    (world) => Object.fromEntries(entries.map(([name, value]) => [name, value.make(world)])),
  );
}

/** A list of values. */
export function list(values: Values, constraints: fc.ArrayConstraints = { maxLength: 3 }): Values {
  return fc
    .array(values, constraints)
    .map(
      (items) =>
        new Value(`[${items.map(({ label }) => label).join(', ')}]`, (world) =>
          items.map((item) => item.make(world)),
        ),
    );
}

/** An object that is used as a map. */
export function byName(names: fc.Arbitrary<string>, values: Values): Values {
  return fc
    .uniqueArray(fc.tuple(names, values), { maxLength: 3, selector: ([name]) => name })
    .map((entries) => fromEntries(Object.fromEntries(entries)));
}
