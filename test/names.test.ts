// The names of objects and the ids of constructs are public API: a changed one makes another object of what is in a
// cluster already. This pins those of the reference pipeline. Run with UPDATE_NAMES=1 to accept a change on purpose.
import { readFileSync, writeFileSync } from 'node:fs';
import { KeelsonApp } from 'keelson';
import { expect, test } from 'vitest';
import { optionsFromEnvironment } from '../apps/studio-go-runner/options.ts';
import { studioGoRunner } from '../apps/studio-go-runner/pipeline.ts';
import { reference } from './support/programs.ts';
import { pathOf } from './support/synthesized.ts';

const FILE = new URL('names.txt', import.meta.url);
const VARIABLES = { NVIDIA_VISIBLE_DEVICES: 'all', Registry: 'anything' };

function names(): string {
  const objects = reference(VARIABLES).objects.map((object) => `${object.kind} ${pathOf(object)}`);
  const app = new KeelsonApp();
  studioGoRunner(app, optionsFromEnvironment(VARIABLES));
  const paths = app.node
    .findAll()
    .map(({ node }) => node.path)
    .filter((path) => path !== '');
  return [`# Objects`, ...objects.sort(), '', '# Constructs', ...paths.sort(), ''].join('\n');
}

test('objects and constructs of the reference pipeline have the names that they had', () => {
  if (process.env['UPDATE_NAMES'] === '1') writeFileSync(FILE, names());
  expect(names()).toBe(readFileSync(FILE, 'utf8'));
});
