// Every example is a program that runs as it is, and makes objects that Kubernetes takes.
import { describe, expect, test } from 'vitest';
import { validateObject } from './kubernetes/validator.ts';
import { examples, runExample } from './support/examples.ts';

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(0);
});

describe.each(examples)('%s', { timeout: 60_000 }, (name) => {
  test('runs, and makes objects that Kubernetes takes', () => {
    const { code, stderr, objects } = runExample(name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('Error') });
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      expect(validateObject(object, '1.34'), `${object.kind} ${object.metadata.name}`).toEqual([]);
    }
  });
});
