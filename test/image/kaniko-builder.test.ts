import { KanikoBuilder, type KanikoBuilderProps, SecretSource } from 'keelson';
import { describe, expect, test } from 'vitest';
import { buildPodOf } from '../support/image-build.ts';
import { privateRegistry } from '../support/private-registry.ts';
import { pipeline, registry } from '../support/programs.ts';
import { synthesized } from '../support/synthesized.ts';

const PUSH = 'registry.container-registry.svc.cluster.local:5000';
const COMMIT_TAG = /^--destination=.*:main-[0-9a-f]{40}$/;

const built = (props: Partial<KanikoBuilderProps> = {}) =>
  buildPodOf(
    synthesized(
      (app) =>
        new KanikoBuilder(pipeline(app), 'image', { target: registry().image('team/build'), ...props }),
    ),
  );

describe('where the registry asks for no account', () => {
  const { args, pod, objects } = built();

  test('Kaniko pushes both tags by itself, and keeps layers beside the image', () => {
    expect(pod.initContainers?.map(({ name }) => name)).toEqual(['source']);
    expect(pod.containers.map(({ name }) => name)).toEqual(['kaniko']);
    expect(args).toContain(`--destination=${PUSH}/team/build:main`);
    expect(args).toContainEqual(expect.stringMatching(COMMIT_TAG));
    expect(args).toContain(`--cache-repo=${PUSH}/team/build/cache`);
    for (const host of [PUSH, '172.31.39.52:32000', 'microk8s-registry:5000'])
      expect(args).toContain(`--insecure-registry=${host}`);
    expect(args.join()).not.toContain('tar-path');
  });

  test('its namespace is baseline, for its RUN steps run as root in it', () => {
    expect(objects[0]?.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('baseline');
    expect(pod.containers[0]?.securityContext).toMatchObject({
      runAsUser: 0,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod.securityContext?.seccompProfile).toEqual({ type: 'RuntimeDefault' });
  });
});

test('where it asks for one, Kaniko leaves an archive, keeps no layers and has no account', () => {
  const { args, pod } = built({ target: privateRegistry().image('team/build') });
  expect(pod.initContainers?.map(({ name }) => name)).toEqual(['source', 'kaniko']);
  expect(pod.containers.map(({ name }) => name)).toEqual(['push']);
  expect(args).toContain('--no-push');
  expect(args).toContain('--tar-path=/keelson/archive/image.tar');
  expect(args.join()).not.toContain('cache-repo');
  expect(args).toContain('--registry-certificate=registry.example.com=/keelson/certs/ca.crt');
  const mounted = (name: string): string =>
    JSON.stringify(
      [...(pod.initContainers ?? []), ...pod.containers].find((one) => one.name === name)?.volumeMounts,
    );
  expect(mounted('push')).toContain('push-credential');
  expect(mounted('kaniko')).not.toContain('push-credential');
});

test('options reach Kaniko', () => {
  const { args, pod } = built({
    dockerfile: 'docker/Dockerfile',
    context: 'src',
    targetStage: 'test',
    buildArgs: { A: '$(HOME)' },
    labels: { 'com.example.team': 'ci' },
    registryCache: false,
    pullCredentials: [SecretSource.existing('readers', '.dockerconfigjson')],
  });
  for (const option of [
    '--context=dir:///keelson/context/src',
    '--dockerfile=/keelson/context/docker/Dockerfile',
    '--target=test',
    '--build-arg=A=$$(HOME)',
    '--label=com.example.team=ci',
  ])
    expect(args).toContain(option);
  expect(args.join()).not.toContain('cache');
  expect(JSON.stringify(pod.volumes)).toContain('"secretName":"keelson-registry-accounts"');
  expect(pod.containers[0]?.env).toEqual([{ name: 'DOCKER_CONFIG', value: '/keelson/docker' }]);
});
