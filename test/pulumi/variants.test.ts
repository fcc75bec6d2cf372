// With Pulumi's mocks in the place of its engine: what is registered is what synthesis writes, field by field.

import type { KubernetesObject } from 'keelson';
import { describe, expect, test } from 'vitest';
import { synthesized } from '../support/synthesized.ts';
import { programs } from '../support/variants.ts';
import { registeredBy, useMocks } from './registered.ts';

useMocks();

/** The object without what only Pulumi reads. */
function manifestOf(inputs: Readonly<Record<string, unknown>>): unknown {
  const { metadata, ...rest } = JSON.parse(JSON.stringify(inputs)) as unknown as KubernetesObject;
  const { annotations = {}, ...others } = metadata;
  const own = Object.entries(annotations).filter(([name]) => !name.startsWith('pulumi.com/'));
  return {
    ...rest,
    metadata: { ...others, ...(own.length > 0 && { annotations: Object.fromEntries(own) }) },
  };
}

describe.each([...programs])('%s (mocks)', (_, { build, props }) => {
  test('each object is registered with the fields of its manifest', async () => {
    const { objects } = await registeredBy(build, props);
    const wanted = synthesized(build, props).objects;
    const byId = (object: unknown): string => {
      const { apiVersion, kind, metadata } = object as KubernetesObject;
      return [apiVersion, kind, metadata.namespace ?? '', metadata.name].join(' ');
    };
    const registered = new Map(objects.map(({ inputs }) => [byId(inputs), manifestOf(inputs)]));
    expect([...registered.keys()].toSorted()).toEqual(wanted.map(byId).toSorted());
    for (const object of wanted) expect(registered.get(byId(object))).toEqual(object);
  });
});
