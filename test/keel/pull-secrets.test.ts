// Images that are pulled with an account: who learns of it, and how little.
import {
  HostedRegistry,
  ImageName,
  Keel,
  KeelWatchedBuild,
  MakisuBuilder,
  Pipeline,
  SecretSource,
} from 'keelson';
import type { Deployment } from 'kubernetes-types/apps/v1.js';
import { describe, expect, test } from 'vitest';
import { at } from '../support/at.ts';
import { CERTIFICATE } from '../support/certificate.ts';
import { build, existingPlatform, image, pipeline, pipelineConfiguration } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

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

describe('a build of an image in a hosted registry', () => {
  const hosted = HostedRegistry.at('10.0.0.5:5000', {
    pushCredential: account('push'),
    pullCredentials: [account('one'), account('two')],
    certificateAuthority: CERTIFICATE,
  });
  const pullsOf = (made: Synthesized): unknown =>
    made.find<Deployment>('Deployment', 'build').spec?.template.spec?.imagePullSecrets;
  const made = synthesized((app) => {
    const ci = pipeline(app);
    const image = new MakisuBuilder(ci, 'image', { target: hosted.image('team/build') });
    new KeelWatchedBuild(ci, 'build', { image, command: ['x'] });
  });

  test("is pulled with that registry's accounts, and not with the one that pushes", () => {
    expect(pullsOf(made)).toEqual([{ name: 'one' }, { name: 'two' }]);
    expect(JSON.stringify(made.find('Role', 'build-keel'))).not.toContain('"push"');
  });

  test('tells the controller who vouches for the registry', () => {
    expect(pipelineConfiguration(made).builds[0]).toMatchObject({
      certificateAuthority: `${CERTIFICATE}\n`,
      pullSecrets: [{ secretName: 'one' }, { secretName: 'two' }],
    });
  });

  test("brings what nodes need of a registry that is not the platform's", () => {
    expect([...made.nodeFiles.keys()]).toContain('10.0.0.5_5000_/certs.d/10.0.0.5_5000_/ca.crt');
  });

  test('may name other accounts, or none', () => {
    const withPulls = (imagePullSecrets: SecretSource[]): unknown =>
      pullsOf(
        synthesized((app) => {
          const ci = pipeline(app);
          const image = new MakisuBuilder(ci, 'image', { target: hosted.image('team/build') });
          new KeelWatchedBuild(ci, 'build', { image, command: ['x'], imagePullSecrets });
        }),
      );
    expect(withPulls([account('three')])).toEqual([{ name: 'three' }]);
    expect(withPulls([])).toBeUndefined();
  });

  test("is pulled with the platform's accounts where it is in the platform's registry, and only there", () => {
    const platform = { ...existingPlatform(), registry: hosted };
    const pulled = (name: string): unknown =>
      pullsOf(
        synthesized((app) => {
          const ci = pipeline(app, { platform });
          new KeelWatchedBuild(ci, 'build', { image: ImageName.parse(name), command: ['x'] });
        }),
      );
    expect(pulled('10.0.0.5:5000/team/other:main')).toEqual([{ name: 'one' }, { name: 'two' }]);
    expect(pulled('quay.io/team/other:main')).toBeUndefined();
  });
});
