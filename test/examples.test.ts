// Every example is a program that runs as it is, and makes objects that Kubernetes takes.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { validateObject } from './kubernetes/validator.ts';
import { REPOSITORY, runProgram } from './support/project.ts';
import { inTemporaryDirectory, objectsIn, readFiles } from './support/synthesized.ts';

const directory = join(REPOSITORY, 'examples');
const examples = existsSync(directory)
  ? readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort()
  : [];

test('there are examples', () => {
  expect(examples.length).toBeGreaterThan(0);
});

describe.each(examples)('%s', { timeout: 60_000 }, (name) => {
  test('runs, and makes objects that Kubernetes takes', () => {
    inTemporaryDirectory((cwd) => {
      const { code, stderr } = runProgram(join('examples', name, 'main.ts'), { cwd });
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining('Error') });
      const objects = objectsIn(
        new Map([...readFiles(cwd)].filter(([path]) => !path.includes('node-setup'))),
      );
      expect(objects.length).toBeGreaterThan(0);
      for (const object of objects) {
        expect(validateObject(object, '1.34'), `${object.kind} ${object.metadata.name}`).toEqual([]);
      }
    });
  });
});
