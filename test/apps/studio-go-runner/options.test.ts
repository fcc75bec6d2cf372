import { describe, expect, test } from 'vitest';
import {
  optionsFromEnvironment,
  type StudioGoRunnerOptions,
  type Variables,
} from '../../../apps/studio-go-runner/options.ts';
import { at } from '../../support/at.ts';
import { pipelineConfiguration, reference } from '../../support/programs.ts';

const DEFAULTS: StudioGoRunnerOptions = {
  registryAddress: '172.31.39.52',
  registryPort: 32000,
  registryCredentials: false,
  namespace: 'ci-go-runner',
  branch: 'main',
  gpus: 0,
  repository: 'https://github.com/leaf-ai/studio-go-runner.git',
};

test('without variables, the options are those of the templates', () => {
  expect(optionsFromEnvironment({})).toEqual(DEFAULTS);
});

describe('each variable changes what it did in the templates', () => {
  test.each<[Variables, Partial<StudioGoRunnerOptions>]>([
    [{ RegistryIP: '10.0.0.7' }, { registryAddress: '10.0.0.7' }],
    [{ RegistryPort: '30500' }, { registryPort: 30_500 }],
    [{ Image: 'quay.io/team/a:b' }, { image: 'quay.io/team/a:b' }],
    [{ Registry: 'anything' }, { registryCredentials: true }],
    [{ K8S_NAMESPACE: 'mine' }, { namespace: 'mine' }],
    [{ GIT_BRANCH: 'feature/x' }, { branch: 'feature/x' }],
    [{ SEM_VER: '1.2.3' }, { version: '1.2.3' }],
    [{ NVIDIA_VISIBLE_DEVICES: 'all' }, { gpus: 2 }],
    [{ USER: 'me' }, {}],
    [{ USER: 'me', PER_USER: '1' }, { namespace: 'ci-go-runner-me' }],
    [{ PER_USER: '1' }, {}],
    [{ USER: 'me', PER_USER: '1', K8S_NAMESPACE: 'mine' }, { namespace: 'mine' }],
  ])('%j', (variables, changed) => {
    expect(optionsFromEnvironment(variables)).toEqual({ ...DEFAULTS, ...changed });
  });

  test('an empty variable is none', () => {
    const names =
      'RegistryIP RegistryPort Image Registry K8S_NAMESPACE GIT_BRANCH SEM_VER NVIDIA_VISIBLE_DEVICES USER PER_USER';
    const empty = Object.fromEntries(names.split(' ').map((name) => [name, '']));
    expect(optionsFromEnvironment(empty)).toEqual(DEFAULTS);
  });

  test('a port that is none stays visibly none', () => {
    expect(optionsFromEnvironment({ RegistryPort: 'http' }).registryPort).toBeNaN();
  });
});

test('of the variables with credentials, nothing but that they are set is taken', () => {
  const options = optionsFromEnvironment({ Registry: 'CANARY', GITHUB_TOKEN: 'CANARY' });
  expect(JSON.stringify(options)).not.toContain('CANARY');
});

describe('the pipeline follows the options', () => {
  test('of registry, namespace and branch', () => {
    const output = reference({
      RegistryIP: '10.0.0.7',
      RegistryPort: '30500',
      K8S_NAMESPACE: 'mine',
      GIT_BRANCH: 'feature/x',
      SEM_VER: '1.2.3',
    });
    const configuration = pipelineConfiguration(output);
    expect(configuration).toMatchObject({
      namespace: 'mine',
      source: { branches: ['feature/x'], version: { from: 'value', value: '1.2.3' } },
    });
    expect(at(output.find('Deployment', 'build', 'mine'), 'spec.template.spec.containers.0.image')).toMatch(
      /^10\.0\.0\.7:30500\/leafai\/studio-go-runner-standalone-build:feature-x-[0-9a-f]{8}$/,
    );
    expect([...output.nodeFiles.keys()]).toContain('10.0.0.7__30500/README.md');
  });

  test('of an image that something else builds', () => {
    const output = reference({ Image: 'quay.io/team/a:b' });
    expect(at(output.find('Deployment', 'build'), 'spec.template.spec.containers.0.image')).toBe(
      'quay.io/team/a:b',
    );
  });

  test('of an account for its registry', () => {
    const [image] = pipelineConfiguration(reference({ Registry: 'anything' })).images;
    expect(image?.copySecrets).toEqual([{ secretName: 'docker-registry-config', key: 'registry.yaml' }]);
  });

  test('of GPUs', () => {
    const limits = (variables: Variables): unknown =>
      at(
        reference(variables).find('Deployment', 'build'),
        'spec.template.spec.containers.0.resources.limits',
      );
    expect(limits({})).not.toHaveProperty(['nvidia.com/gpu']);
    expect(limits({ NVIDIA_VISIBLE_DEVICES: 'all' })).toMatchObject({
      'nvidia.com/gpu': '2',
      cpu: '2',
      memory: '4Gi',
    });
  });
});
