// Images that are pulled with an account: who learns of it, and how little.
import { Keel, KeelWatchedBuild, Pipeline, SecretSource } from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { build, existingPlatform, image, pipelineConfiguration } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';

const account = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');
const output = synthesized((app) => build(app, { imagePullSecrets: [account('quay'), account('harbor')] }));
const secretRules = (role: string): unknown[] =>
  (at(output.find('Role', role), 'rules') as { resources: string[] }[]).filter(({ resources }) =>
    resources.includes('secrets'),
  );

describe('a build with two accounts', () => {
  test('is pulled with both', () => {
    const { spec } = output.find<Deployment>('Deployment', 'build').spec?.template ?? {};
    expect(spec?.imagePullSecrets).toEqual([{ name: 'quay' }, { name: 'harbor' }]);
  });

  test.each(['build-keel', 'keelson-controller'])('lets %s read the two Secrets and no other', (role) => {
    expect(secretRules(role)).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['quay', 'harbor'], verbs: ['get'] },
    ]);
  });

  test('lets the gate, whose pod runs the build, read none', () => {
    expect(secretRules('build-gate')).toEqual([]);
  });

  test('tells the controller of them, which looks for what Keel missed', () => {
    expect(pipelineConfiguration(output).builds[0]).toMatchObject({
      pullSecrets: [
        { secretName: 'quay', key: '.dockerconfigjson' },
        { secretName: 'harbor', key: '.dockerconfigjson' },
      ],
    });
  });
});

test('a build without an account gets none, and Keel no right to any', () => {
  const { find } = synthesized((app) => build(app));
  expect(find<Deployment>('Deployment', 'build').spec?.template.spec).not.toHaveProperty('imagePullSecrets');
  expect(JSON.stringify(find('Role', 'build-keel'))).not.toContain('secrets');
});

test('two credentials of one Secret are one', () => {
  const { find } = synthesized((app) => build(app, { imagePullSecrets: [account('quay'), account('quay')] }));
  expect(find<Deployment>('Deployment', 'build').spec?.template.spec?.imagePullSecrets).toEqual([
    { name: 'quay' },
  ]);
});

test('the right goes to whatever account Keel acts as', () => {
  const { find } = synthesized((app) => {
    const ci = new Pipeline(app, 'ci', { platform: existingPlatform() });
    const keel = Keel.existing({ namespace: 'tools', serviceAccountName: 'bot' });
    new KeelWatchedBuild(ci, 'build', {
      image: image(),
      command: ['x'],
      keel,
      imagePullSecrets: [account('quay')],
    });
  });
  expect(at(find('Role', 'build-keel'), 'rules')).toContainEqual({
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['quay'],
    verbs: ['get'],
  });
  expect(at(find('RoleBinding', 'build-keel'), 'subjects.0')).toMatchObject({
    namespace: 'tools',
    name: 'bot',
  });
});
