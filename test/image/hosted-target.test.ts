// An image build whose target is a hosted registry: who gets which account.
import { HostedRegistry, ImageName, type MakisuBuilderProps, SecretSource } from 'keelson';
import type { PodSpec } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { CERTIFICATE } from '../support/certificate.ts';
import { COMMIT } from '../support/commits.ts';
import { type ImageBuild, imageBuildOf } from '../support/image-build.ts';
import { imageBuild, pipelineConfiguration } from '../support/programs.ts';
import { type Synthesized, synthesized } from '../support/synthesized.ts';

const account = (name: string): SecretSource => SecretSource.existing(name, '.dockerconfigjson');
const HOST = 'registry.example.com:5000';
const withCa = HostedRegistry.at(HOST, {
  pushCredential: account('push'),
  pullCredentials: [account('pull')],
  certificateAuthority: CERTIFICATE,
  addresses: ['10.1.0.0/24'],
});

const built = (registry: HostedRegistry, props: Partial<MakisuBuilderProps> = {}): Synthesized =>
  synthesized((app) => imageBuild(app, { target: registry.image('team/build'), ...props }));
const podOf = ({ job }: ImageBuild): PodSpec => job.spec?.template.spec ?? { containers: [] };

describe('with an account that pushes', () => {
  const output = built(withCa);
  const pod = podOf(imageBuildOf(output));
  const [source, makisu] = pod.initContainers ?? [];
  const [push] = pod.containers;

  test('Makisu leaves an archive, which another container pushes under both names, that of the commit first', () => {
    expect([source?.name, makisu?.name, push?.name]).toEqual(['source', 'makisu', 'push']);
    expect(makisu?.args).toContain('--dest=/keelson/archive/image.tar');
    expect(makisu?.args?.join()).not.toContain('--push');
    expect(push?.args?.slice(1)).toEqual([`${HOST}/team/build:main-${COMMIT}`, `${HOST}/team/build:main`]);
  });

  test('that container alone has the account', () => {
    const volume = pod.volumes?.find(({ secret }) => secret?.secretName === 'push')?.name;
    const holders = [...(pod.initContainers ?? []), ...pod.containers].filter(({ volumeMounts = [] }) =>
      volumeMounts.some(({ name }) => name === volume),
    );
    expect(holders.map(({ name }) => name)).toEqual(['push']);
    expect(push?.securityContext).toMatchObject({
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  test('the account is copied into the namespace of the build, and the one that pulls is not', () => {
    expect(pipelineConfiguration(output).images).toMatchObject([
      { copySecrets: [{ secretName: 'push', key: '.dockerconfigjson' }] },
    ]);
    expect(pipelineConfiguration(output).images[0]).not.toHaveProperty('registryAccounts');
    const rules = JSON.stringify(output.find('Role', 'keelson-controller')['rules']);
    expect(rules).toContain('"push"');
  });

  test('the controller asks the registry with it, and knows the private authority', () => {
    const [configuration] = pipelineConfiguration(output).images;
    expect(configuration?.target).toMatchObject({
      insecure: false,
      certificateAuthority: `${CERTIFICATE}\n`,
      credential: { secretName: 'push', key: '.dockerconfigjson' },
    });
  });

  test('Makisu and the push know the private authority', () => {
    const { objects } = imageBuildOf(output);
    const maps = new Map(
      objects.filter(({ kind }) => kind === 'ConfigMap').map((one) => [one.metadata.name, one['data']]),
    );
    expect(maps.get('registry-ca')).toEqual({ 'ca.crt': `${CERTIFICATE}\n` });
    expect(
      JSON.parse((maps.get('registry-config') as Record<string, string>)['registry.yaml'] ?? ''),
    ).toEqual({
      [HOST]: { '.*': { security: { tls: { ca: { cert: { path: '/registry-ca/ca.crt' } } } } } },
    });
    expect(makisu?.volumeMounts).toContainEqual({
      name: 'registry-ca',
      mountPath: '/registry-ca',
      readOnly: true,
    });
  });

  test('the build may connect to the addresses of the registry', () => {
    const policy = imageBuildOf(output).objects.find(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'imagebuilder',
    );
    expect(JSON.stringify(policy)).toContain(
      '{"to":[{"ipBlock":{"cidr":"10.1.0.0/24"}}],"ports":[{"protocol":"TCP","port":5000}]}',
    );
  });
});

test('a registry that asks for no account is pushed to by Makisu itself', () => {
  const pod = podOf(imageBuildOf(built(HostedRegistry.at(HOST))));
  expect(pod.containers.map(({ name }) => name)).toEqual(['makisu']);
  expect(pod.containers[0]?.args).toContain(`--push=${HOST}`);
});

test('Docker Hub is pushed to by one of its names, and named by the other', () => {
  const registry = HostedRegistry.dockerHub({ pushCredential: account('push') });
  const images: ImageName[] = [];
  const output = synthesized((app) => {
    images.push(imageBuild(app, { target: registry.image('team/build') }).image);
  });
  expect(images.map(String)).toEqual(['docker.io/team/build:main']);
  expect(podOf(imageBuildOf(output)).containers[0]?.args?.[2]).toBe('index.docker.io/team/build:main');
  expect(pipelineConfiguration(output).images[0]?.target.host).toBe('index.docker.io');
});

test('the image of skopeo can be replaced', () => {
  const pod = podOf(imageBuildOf(built(withCa, { pushImage: ImageName.parse('quay.io/team/skopeo:1') })));
  expect(pod.containers[0]?.image).toBe('quay.io/team/skopeo:1');
});

describe('accounts for a private FROM', () => {
  const output = built(withCa, { pullCredentials: [...withCa.pullCredentials, account('base')] });
  const made = imageBuildOf(output);

  test("are made into Makisu's configuration by the controller, with what it has to know of the target", () => {
    expect(pipelineConfiguration(output).images[0]?.registryAccounts).toEqual([
      {
        secretName: 'keelson-registry-accounts',
        key: 'accounts',
        from: [
          { secretName: 'pull', key: '.dockerconfigjson' },
          { secretName: 'base', key: '.dockerconfigjson' },
        ],
        form: 'makisu-registry-config',
        transports: { [HOST]: { certificateAuthority: '/registry-ca/ca.crt' } },
      },
    ]);
    expect(podOf(made).volumes).toContainEqual({
      name: 'registry-config',
      secret: {
        secretName: 'keelson-registry-accounts',
        items: [{ key: 'accounts', path: 'registry.yaml' }],
        defaultMode: 0o400,
      },
    });
    expect(made.objects.map(({ metadata }) => metadata.name)).not.toContain('registry-config');
  });

  test('may be read by the controller, by name, and are not copied as they are', () => {
    const rules = JSON.stringify(output.find('Role', 'keelson-controller')['rules']);
    for (const name of ['push', 'pull', 'base']) expect(rules).toContain(`"${name}"`);
    expect(pipelineConfiguration(output).images[0]?.copySecrets).toEqual([
      { secretName: 'push', key: '.dockerconfigjson' },
    ]);
  });
});
