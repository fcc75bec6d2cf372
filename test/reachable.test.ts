// Every object that a program makes can be reached, to be changed: through a public property of the construct that
// made it, or by its id, which the how-to lists.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiObject } from 'cdk8s';
import { Construct, type IConstruct } from 'constructs';
import { KeelsonApp } from 'keelson';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { REPOSITORY } from './support/project.ts';
import { variants } from './support/variants.ts';

const HOW_TO = 'docs/how-to/escape-hatches.md';
/** `Keel | network-policy | NetworkPolicy`, with NAME for what a program decides, and any maker. */
const listed = [
  ...readFileSync(join(REPOSITORY, HOW_TO), 'utf8').matchAll(
    /^\| (?:`(\w+)`|any) \| `([\w-]+)` \| (\w+) \|/gm,
  ),
].map(([, maker = 'ANY', id = '', kind = '']) => `${maker} ${id} ${kind}`);

const objects: ApiObject[] = [];
const byProperty = new Set<unknown>();

beforeAll(() => {
  const synth = KeelsonApp.prototype.synth;
  vi.spyOn(KeelsonApp.prototype, 'synth').mockImplementation(function (this: KeelsonApp) {
    for (const construct of this.node.findAll()) {
      if (ApiObject.isApiObject(construct)) objects.push(construct);
      for (const value of propertiesOf(construct)) if (value !== construct) byProperty.add(value);
    }
    return synth.call(this);
  });
  for (const synthesize of variants.values()) synthesize();
}, 60_000);
afterAll(() => vi.restoreAllMocks());

/** What public properties of a construct hold, those of its class too, and what is in their lists and maps. */
function propertiesOf(construct: IConstruct): unknown[] {
  const names = new Set(Object.getOwnPropertyNames(construct));
  for (let type = Object.getPrototypeOf(construct); type !== Construct.prototype && type !== null; ) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(type))) {
      if (get !== undefined) names.add(name);
    }
    type = Object.getPrototypeOf(type);
  }
  return [...names].flatMap((name) => {
    const value: unknown = construct[name as keyof IConstruct];
    if (value instanceof Map) return [...value.values()];
    return Array.isArray(value) ? value : [value];
  });
}

/** An object by its maker, id and kind. */
function rowOf({ node, kind }: ApiObject): string {
  return `${node.scope?.constructor.name} ${node.id} ${kind}`;
}

/** A listed row as a pattern: upper case in an id stands for what a program decides. */
function pattern(row: string): RegExp {
  const [maker, id = '', kind] = row.split(' ');
  return new RegExp(`^${maker === 'ANY' ? '\\w+' : maker} ${id.replace(/[A-Z]+/g, '.+')} ${kind}$`);
}

test('every object is in a property of a construct, or listed with its id', () => {
  expect(objects.length).toBeGreaterThan(150);
  const others = new Set(objects.filter((object) => !byProperty.has(object)).map(rowOf));
  const unlisted = [...others].filter((row) => !listed.some((known) => pattern(known).test(row)));
  expect(unlisted, `give it a property, or a row in ${HOW_TO}`).toEqual([]);
  const needless = listed.filter((known) => ![...others].some((row) => pattern(known).test(row)));
  expect(needless, `no longer made, or in a property: take it out of ${HOW_TO}`).toEqual([]);
});
