import {
  BuildKitBuilder,
  type BuildKitBuilderProps,
  BuildKitDaemon,
  type BuildKitReference,
  branchTag,
  GitSource,
  ImageName,
  Pipeline,
  Platform,
  type PlatformReference,
  SecretSource,
  Tag,
} from 'keelson';
import type { Container } from 'kubernetes-types/core/v1.js';
import { describe, expect, test } from 'vitest';
import { COMMIT, commitOn, expanded, filled } from '../support/commits.ts';
import { privateRegistry } from '../support/private-registry.ts';
import { pipelineConfiguration, registry } from '../support/programs.ts';
import { type Build, problemsOf, type Synthesized, synthesized } from '../support/synthesized.ts';

const PUSH = 'registry.container-registry.svc.cluster.local:5000';
const existing = (buildkit?: BuildKitReference): PlatformReference =>
  Platform.existing({ name: 'shared', registry: registry(), ...(buildkit && { buildkit }) });

/** A pipeline with one image build named `image`. */
const building =
  (
    props: Partial<BuildKitBuilderProps> = {},
    { branches = ['main'], platform = existing(BuildKitDaemon.existing()) } = {},
  ): Build =>
  (app) => {
    const source = GitSource.remote('https://git.example.com/team/project.git', { branches });
    const ci = new Pipeline(app, 'ci', { platform, source });
    new BuildKitBuilder(ci, 'image', { target: registry().image('team/build'), ...props });
  };

function made(output: Synthesized, branch = 'main') {
  const [configuration] = pipelineConfiguration(output).images;
  const objects = filled(configuration?.jobTemplate ?? [], commitOn(branch));
  const job = objects.find(({ kind }) => kind === 'Job') as object as {
    spec: { template: { spec: { containers: Container[]; volumes: { name: string }[] } } };
  };
  const pod = job.spec.template.spec;
  const container = pod.containers[0];
  const args = container?.args?.map((arg) => expanded(arg, { HOME: 'LEAKED' })) ?? [];
  return { configuration, objects, pod, container, args };
}

describe('by default', () => {
  const { objects, container, args, pod } = made(synthesized(building()));

  test('the daemon is asked for both tags, with labels, provenance and caches in the registry', () => {
    expect(container?.command).toEqual(['buildctl']);
    expect(args).toEqual([
      '--addr=tcp://buildkit.buildkit.svc.cluster.local:1234',
      '--wait',
      '--timeout=300',
      'build',
      '--progress=plain',
      '--frontend=dockerfile.v0',
      '--local=context=/keelson/context',
      '--local=dockerfile=/keelson/context',
      '--opt=filename=Dockerfile',
      `--opt=build-arg:BUILDKIT_CACHE_MOUNT_NS=${PUSH}/team/build:main`,
      '--opt=label:org.opencontainers.image.source=https://git.example.com/team/project.git',
      `--opt=label:org.opencontainers.image.revision=${COMMIT}`,
      '--opt=attest:provenance=mode=min',
      `--output=type=image,"name=${PUSH}/team/build:main,${PUSH}/team/build:main-${COMMIT}",push=true,oci-mediatypes=true,registry.insecure=true`,
      `--export-cache=type=registry,ref=${PUSH}/team/build:buildcache-main,registry.insecure=true,mode=max,ignore-error=true`,
      `--import-cache=type=registry,ref=${PUSH}/team/build:buildcache-main,registry.insecure=true`,
    ]);
  });

  test('the namespace of a commit is restricted, and its client runs nothing and writes nowhere', () => {
    expect(objects[0]?.metadata.labels?.['pod-security.kubernetes.io/enforce']).toBe('restricted');
    expect(BuildKitBuilder.POD_SECURITY.level).toBe('restricted');
    expect(container?.securityContext).toMatchObject({ runAsUser: 65532, readOnlyRootFilesystem: true });
    expect(container?.volumeMounts).toContainEqual({
      name: 'context',
      mountPath: '/keelson/context',
      readOnly: true,
    });
    expect(container?.resources?.limits).toEqual({
      cpu: '1',
      memory: '512Mi',
      'ephemeral-storage': '2Gi',
    });
    expect(pod.volumes.map(({ name }) => name)).toEqual(['context', 'source-tmp', 'client-tmp']);
  });

  test('the client may connect to the daemon', () => {
    const policy = objects.find(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === 'imagebuilder',
    );
    expect(JSON.stringify(policy)).toContain('"keelson.dev/stage":"image-daemon"');
  });
});

describe('options', () => {
  test('of the build reach the daemon', () => {
    const { args } = made(
      synthesized(
        building({
          dockerfile: 'docker/Dockerfile.ci',
          context: 'src/app',
          targetStage: 'test',
          buildArgs: { A: '1', B: 'two words, a comma and $(HOME)' },
          labels: { 'com.example.team': 'ci' },
          platforms: ['linux/amd64', 'linux/arm64'],
          provenance: 'max',
          sbom: ImageName.parse('quay.io/team/scanner:1'),
          frontend: 'builtin',
          target: registry().image('team/x', { tag: Tag.named('latest') }),
        }),
      ),
    );
    for (const option of [
      '--local=context=/keelson/context/src/app',
      '--local=dockerfile=/keelson/context/docker',
      '--opt=filename=Dockerfile.ci',
      '--opt=cmdline=dockerfile.v0',
      '--opt=target=test',
      '--opt=platform=linux/amd64,linux/arm64',
      '--opt=build-arg:A=1',
      '--opt=build-arg:B=two words, a comma and $(HOME)',
      '--opt=label:com.example.team=ci',
      '--opt=attest:provenance=mode=max',
      '--opt=attest:sbom=generator=quay.io/team/scanner:1',
    ]) {
      expect(args).toContain(option);
    }
  });

  test('that are off leave nothing', () => {
    const { args } = made(synthesized(building({ provenance: false, registryCache: false })));
    expect(args.join(' ')).not.toMatch(/attest|cache=type/);
    expect(made(synthesized(building({ sbom: true }))).args).toContain('--opt=attest:sbom=');
  });

  test('of another frontend name its image', () => {
    const { args } = made(synthesized(building({ frontend: ImageName.parse('docker/dockerfile:1.7') })));
    expect(args).toContain('--frontend=gateway.v0');
    expect(args).toContain('--opt=source=docker.io/docker/dockerfile:1.7');
  });
});

test('another branch takes the cache of the first beside its own, and the first takes none of another', () => {
  const output = synthesized(building({}, { branches: ['main', 'feature/x'] }));
  const imports = (branch: string): string[] =>
    made(output, branch)
      .args.filter((arg) => arg.startsWith('--import-cache'))
      .map((arg) => /ref=[^,]*:([^,]*)/.exec(arg)?.[1] ?? '');
  expect(imports('feature/x')).toEqual([`buildcache-${branchTag('feature/x')}`, 'buildcache-main']);
  expect(new Set(imports('main'))).toEqual(new Set(['buildcache-main']));
});

describe('credentials', () => {
  test('of the registry are mounted into the client, which pushes by itself, with the certificate to trust', () => {
    const { configuration, container, pod, args } = made(
      synthesized(building({ target: privateRegistry().image('team/build') })),
    );
    expect(pod.containers.map(({ name }) => name)).toEqual(['buildctl']);
    expect(configuration?.copySecrets).toEqual([{ secretName: 'push', key: '.dockerconfigjson' }]);
    expect(container?.env).toContainEqual({ name: 'DOCKER_CONFIG', value: '/keelson/docker' });
    expect(pod.volumes).toContainEqual({
      name: 'docker-config',
      secret: {
        secretName: 'push',
        items: [{ key: '.dockerconfigjson', path: 'config.json' }],
        defaultMode: 0o444,
      },
    });
    expect(args).toContain(
      '--registry-auth-tlscontext=host=https://registry.example.com,ca=/keelson/certs/ca.crt',
    );
    expect(args.join(' ')).not.toContain('insecure');
  });

  test('for base images are put together with it, and the one that pushes wins', () => {
    const pullCredentials = [SecretSource.existing('base', '.dockerconfigjson')];
    const { configuration, pod } = made(
      synthesized(building({ target: privateRegistry().image('team/build'), pullCredentials })),
    );
    expect(configuration?.registryAccounts).toEqual([
      {
        secretName: 'keelson-registry-accounts',
        key: 'accounts',
        from: ['base', 'push'].map((secretName) => ({ secretName, key: '.dockerconfigjson' })),
        form: 'docker-config',
      },
    ]);
    expect(configuration?.copySecrets).toEqual([]);
    expect(JSON.stringify(pod.volumes)).toContain('"secretName":"keelson-registry-accounts"');
    expect(JSON.stringify(pod.volumes)).not.toContain('"secretName":"push"');
  });

  test('of the daemon are copied from the pipeline, and mounted as one folder', () => {
    const platform = existing(BuildKitDaemon.existing({ clientSecret: 'buildkit-client' }));
    const output = synthesized(building({}, { platform }));
    const { configuration, pod, args } = made(output);
    const keys = ['ca.crt', 'tls.crt', 'tls.key'];
    expect(configuration?.copySecrets).toEqual(keys.map((key) => ({ secretName: 'buildkit-client', key })));
    expect(pod.volumes).toContainEqual({
      name: 'buildkit-tls',
      secret: {
        secretName: 'buildkit-client',
        items: keys.map((key) => ({ key, path: key })),
        defaultMode: 0o444,
      },
    });
    expect(args).toContain('--tlsdir=/keelson/buildkit');
    expect(JSON.stringify(output.find('Role', 'keelson-controller'))).toContain('"buildkit-client"');
  });
});

test('without a daemon there is nothing to build with', () => {
  expect(problemsOf(building({}, { platform: existing() }))).toEqual([
    'ci/image: buildkit: is missing, and the platform has none (got nothing); give the platform `buildkit: {}`, or BuildKitDaemon.existing() for one that is there',
  ]);
  const given = building(
    { buildkit: BuildKitDaemon.existing({ namespace: 'mine' }) },
    { platform: existing() },
  );
  expect(made(synthesized(given)).args[0]).toBe('--addr=tcp://buildkit.mine.svc.cluster.local:1234');
});

test('a branch whose image would overwrite the cache of another is refused', () => {
  expect(problemsOf(building({}, { branches: ['main', 'buildcache-main'] }))).toEqual([
    `ci/image: target.tag: is the tag of another branch's cache (got "buildcache-main"); rename the branch, give a fixed tag, or give registryCache: false`,
  ]);
});
