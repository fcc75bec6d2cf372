import { BuildahBuilder, type BuildahBuilderProps, SecretSource } from 'keelson';
import type { ConfigMap } from 'kubernetes-types/core/v1.js';
import { expect, test } from 'vitest';
import { buildPodOf } from '../support/image-build.ts';
import { privateRegistry } from '../support/private-registry.ts';
import { pipeline, registry } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';

const PUSH = 'registry.container-registry.svc.cluster.local:5000';

const built = (props: Partial<BuildahBuilderProps> = {}) =>
  buildPodOf(
    synthesized(
      (app) =>
        new BuildahBuilder(pipeline(app), 'image', { target: registry().image('team/build'), ...props }),
    ),
  );

test('Buildah leaves an archive that another container pushes, whatever the registry asks for', () => {
  for (const target of [registry().image('team/build'), privateRegistry().image('team/build')]) {
    const { pod, args } = built({ target });
    expect(pod.initContainers?.map(({ name }) => name)).toEqual(['source', 'buildah']);
    expect(pod.containers.map(({ name }) => name)).toEqual(['push']);
    expect(args).toContain(`--tag=docker-archive:/keelson/archive/image.tar:${target.pushName('main')}`);
    expect(JSON.stringify(pod.initContainers)).not.toContain('push-credential');
  }
});

test('its namespace is baseline, and its pod without the seccomp profile that forbids user namespaces', () => {
  const { pod, objects } = built();
  expect(objects[0]?.metadata).toMatchObject({
    labels: { 'pod-security.kubernetes.io/enforce': 'baseline' },
    annotations: { 'keelson.dev/pod-security-reason': expect.stringContaining('RuntimeDefault') },
  });
  expect(pod.securityContext).toBeUndefined();
  expect(pod.containers[0]?.securityContext).toMatchObject({ runAsNonRoot: true });
});

test('plain http is for the registry that speaks it, and for no other', () => {
  const conf = (objects: ReturnType<typeof built>['objects']): string =>
    (objects.find(({ metadata }) => metadata.name === 'registries') as ConfigMap).data?.['registries.conf'] ??
    '';
  expect(conf(built().objects).match(/^location = .*$/gm)).toEqual([
    `location = "${PUSH}"`,
    'location = "172.31.39.52:32000"',
    'location = "microk8s-registry:5000"',
  ]);
  const { args, objects } = built({ target: privateRegistry().image('a') });
  // A FROM may be in the platform's registry still.
  expect(conf(objects)).toBe(conf(built().objects));
  expect(conf(objects)).not.toContain('registry.example.com');
  expect(
    JSON.stringify(
      objects.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'imagebuilder'),
    ),
  ).toContain('container-registry');
  expect(args).toContain('--cert-dir=/keelson/certs');
});

test('options reach Buildah', () => {
  const { args, pod } = built({
    storageDriver: 'vfs',
    dockerfile: 'docker/Dockerfile',
    context: 'src',
    targetStage: 'test',
    buildArgs: { A: '1' },
    labels: { 'com.example.team': 'ci' },
    pullCredentials: [SecretSource.existing('readers', '.dockerconfigjson')],
  });
  expect(args.slice(0, 2)).toEqual(['--storage-driver=vfs', '--root=/keelson/storage/root']);
  for (const option of [
    '--isolation=chroot',
    '--file=/keelson/context/docker/Dockerfile',
    '--target=test',
    '--build-arg=A=1',
    '--label=com.example.team=ci',
  ])
    expect(args).toContain(option);
  expect(args.at(-1)).toBe('/keelson/context/src');
  expect(JSON.stringify(pod.volumes)).toContain('"secretName":"keelson-registry-accounts"');
});
