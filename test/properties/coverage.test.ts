// The arbitraries against the library's own types, as the compiler reads them: what is new has to be added.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SHAPES_FILE, shapesModule, surface } from '../../scripts/prop-shapes.ts';
import { appProps, factories, recipes } from './program.ts';
import { shares } from './settings.ts';

const read = surface();
/** Directories: the tests give their own. */
const DIRECTORIES = ['outdir', 'nodeSetupOutdir'];
/** What a program asks about itself, or declares of a construct. */
const QUESTIONS = [
  'SynthesisError',
  'createSecretCommand',
  'declareSecretUse',
  'declareStage',
  'defaultImage',
  'exceptFromLinters',
  'expectedSecrets',
  'imagesOf',
];
/** What the agent does: `templates.test.ts` and `accounts.test.ts` are about that. */
const AGENT = [
  'activeNames',
  'dockerAccounts',
  'dockerConfiguration',
  'fillListener',
  'fillTemplate',
  'inactiveNames',
  'listenerPlaceholder',
  'makisuRegistries',
  'mergeAccounts',
  'placeholder',
  'registryAccountsValue',
];

test('every public construct is made, with every prop that it has', () => {
  const constructs = read.calls.flatMap(({ name, construct }) =>
    construct === undefined ? [] : [[name, [...construct.props].sort()] as const],
  );
  const made = [
    ...Object.entries(recipes).map(([name, { props }]) => [name, Object.keys(props).sort()] as const),
    ['KeelsonApp', [...Object.keys(appProps), ...DIRECTORIES].sort()] as const,
  ];
  expect(Object.fromEntries(made)).toEqual(Object.fromEntries(constructs));
});

test('everything that makes a value is called', () => {
  const calls = read.calls.filter(({ construct }) => construct === undefined).map(({ name }) => name);
  expect([...Object.keys(factories), ...QUESTIONS, ...AGENT].sort()).toEqual(calls.sort());
});

test('the shapes of props are those of their types', () => {
  expect(readFileSync(SHAPES_FILE, 'utf8')).toBe(shapesModule(read));
});

test('the shares of the properties are all of the runs', () => {
  const sum = Object.values(shares).reduce<number>((total, share) => total + share, 0);
  expect(sum).toBeCloseTo(1, 10);
});
