// With Pulumi's mocks: every text that a program gives to a construct may be an Output.
import * as pulumi from '@pulumi/pulumi';
import { Construct } from 'constructs';
import { GitSource, HostedRegistry, ImageName, MicroK8sRegistry, Tag, Version } from 'keelson';
import { asString } from 'keelson/pulumi';
import { describe, expect, test, vi } from 'vitest';
import { isDeferred } from '../../lib/kubernetes/deferred.ts';
import type { Fields, Shape } from '../../lib/props/shape.ts';
import { type PropsInterface, SHAPES } from '../../lib/props/shapes.ts';
import { programs } from '../support/variants.ts';
import { registeredBy, useMocks } from './registered.ts';

useMocks();

const asOutputs = vi.hoisted(() => ({ on: false, only: '', count: 0 }));

/** The static methods of the library that take texts by their place. */
function watchStatics(): void {
  const statics: readonly [object, string][] = [
    [GitSource, 'remote'],
    [ImageName, 'parse'],
    [Tag, 'named'],
    [Version, 'of'],
    [HostedRegistry, 'at'],
  ];
  for (const [owner, name] of statics) {
    const original: unknown = Reflect.get(owner, name);
    Reflect.set(owner, name, (...given: unknown[]) => {
      const changed =
        asOutputs.on && !calledByLibrary()
          ? given.map((value) => (typeof value === 'string' ? textOf(value) : value))
          : given;
      return Reflect.apply(original as () => unknown, owner, changed);
    });
  }
  const existing: unknown = Reflect.get(MicroK8sRegistry, 'existing');
  Reflect.set(MicroK8sRegistry, 'existing', (given: object) =>
    Reflect.apply(existing as () => unknown, MicroK8sRegistry, [
      asOutputs.on ? withTexts(given, 'ExistingMicroK8sRegistryProps') : given,
    ]),
  );
}

function calledByLibrary(): boolean {
  const caller = (new Error().stack ?? '')
    .split('\n')
    .find((line) => / at /.test(line) && !line.includes('outputs.test.ts'));
  return caller?.includes('/lib/') ?? false;
}

vi.mock('../../lib/props/sound.ts', async (original) => {
  const actual = await original<typeof import('../../lib/props/sound.ts')>();
  return {
    ...actual,
    sound: (construct: never, name: PropsInterface, given: object, ...more: never[]) =>
      Reflect.apply(actual.sound, undefined, [
        construct,
        name,
        asOutputs.on && isGivenByProgram(construct) ? withTexts(given, name) : given,
        ...more,
      ]),
  };
});

/** Props whose texts decide which objects there are, or how they are checked, and so have to be known. */
const KNOWN: readonly string[] = [];

/** Whether a construct was made by the program, and not by another construct: by the constructors that are running. */
function isGivenByProgram(construct: object): boolean {
  const frames = (new Error().stack ?? '').split('\n');
  const constructors = frames.filter((line) => / at new (?!KeelsonComponent)/.test(line)).length;
  let classes = 0;
  for (
    let of = Object.getPrototypeOf(construct);
    of.constructor !== Construct;
    of = Object.getPrototypeOf(of)
  )
    classes++;
  return constructors <= classes;
}

function withTexts(given: object, name: PropsInterface): object {
  return ofFields(given, SHAPES.interfaces[name] ?? {}, name) as object;
}

function ofFields(given: object, fields: Fields, path: string): object {
  const changed = Object.entries(fields).flatMap(([field, shape]): [string, unknown][] => {
    const key = field.replace('?', '');
    const value: unknown = Reflect.get(given, key);
    const at = `${path}.${key}`;
    if (value === undefined || KNOWN.includes(at)) return [];
    if (asOutputs.only !== '' && !at.startsWith(asOutputs.only)) return [];
    const made = ofShape(value, shape, at);
    return made === value ? [] : [[key, made]];
  });
  return changed.length === 0 ? given : { ...given, ...Object.fromEntries(changed) };
}

function ofShape(value: unknown, shape: Shape, path: string): unknown {
  if (shape === 'text') return typeof value === 'string' ? textOf(value) : value;
  if (typeof shape === 'string') return value;
  if ('either' in shape) {
    const text = shape.either.includes('text') && typeof value === 'string';
    const inner = shape.either.find(
      (one) => typeof one === 'object' && ('fieldsOf' in one || 'fields' in one),
    );
    return text ? ofShape(value, 'text', path) : inner === undefined ? value : ofShape(value, inner, path);
  }
  if (typeof value !== 'object' || value === null) return value;
  if ('list' in shape && Array.isArray(value)) return value.map((item) => ofShape(item, shape.list, path));
  if ('byName' in shape) {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, ofShape(inner, shape.byName, path)]),
    );
  }
  const plain = Object.getPrototypeOf(value) === Object.prototype;
  if (plain && 'fields' in shape) return ofFields(value, shape.fields, path);
  if (plain && 'fieldsOf' in shape) return ofFields(value, SHAPES.interfaces[shape.fieldsOf] ?? {}, path);
  return value;
}

const TEXTS = new Map<string, string>();

/** One Output for each text: what a program gives twice is one Output, too. What constructs hand on is one already. */
function textOf(value: string): string {
  if (isDeferred(value)) return value;
  asOutputs.count++;
  const text = TEXTS.get(value) ?? asString(pulumi.output(value));
  TEXTS.set(value, text);
  return text;
}

Error.stackTraceLimit = 30;
watchStatics();

describe.each([...programs])('%s (mocks)', (_, { build, props }) => {
  test('registers the same with an Output in the place of each text', async () => {
    const plain = await registeredBy(build, props);
    asOutputs.on = true;
    asOutputs.count = 0;
    try {
      const { objects } = await registeredBy(build, props);
      expect(asOutputs.count).toBeGreaterThan(5);
      // A name with a stand-in in it would be another one after any change of the program.
      expect(objects.filter(({ name }) => name.includes('keelson-output'))).toEqual([]);

      const byId = ({ inputs }: { inputs: object }): string => {
        const { apiVersion, kind, metadata } = inputs as {
          apiVersion: string;
          kind: string;
          metadata: Record<string, string>;
        };
        return [apiVersion, kind, metadata['namespace'] ?? '', metadata['name']].join(' ');
      };
      const found = new Map(objects.map((object) => [byId(object), object.inputs]));
      expect([...found.keys()].toSorted()).toEqual(plain.objects.map(byId).toSorted());
      for (const object of plain.objects) expect(found.get(byId(object))).toEqual(object.inputs);
    } finally {
      asOutputs.on = false;
    }
  });
});
