import {
  BaseImage,
  BuildahBuilder,
  BuildKitBuilder,
  BuildKitDaemon,
  HostedRegistry,
  type ImageBuilderClass,
  ImageName,
  KanikoBuilder,
  MakisuBuilder,
  Pipeline,
  Platform,
  SecretSource,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { CERTIFICATE } from '../support/certificate.ts';
import { commitOn, filled } from '../support/commits.ts';
import { pipeline, pipelineConfiguration, registry, source } from '../support/programs.ts';
import { type Build, type Manifest, problemsOf, synthesized } from '../support/synthesized.ts';

const PUSH = 'registry.container-registry.svc.cluster.local:5000';

const program: Build = (app) => {
  const ci = pipeline(app);
  const base = new BaseImage(ci, 'base', { repository: 'team/base', version: '0.0.5', registry: registry() });
  new MakisuBuilder(ci, 'image', {
    target: registry().image('team/app'),
    baseImages: { BASE: base, TOOLS: ImageName.parse('quay.io/team/tools:1') },
    buildArgs: { A: 'b' },
  });
};
const { images } = pipelineConfiguration(synthesized(program));
const argumentsOf = (name: string): string => {
  const template = images.find((image) => image.name === name)?.jobTemplate ?? [];
  return JSON.stringify(filled(template, commitOn('main')).filter(({ kind }) => kind === 'Job'));
};

test('a base image is built from its own Dockerfile where its version is not there yet', () => {
  const [base] = images;
  expect(base).toMatchObject({
    name: 'base',
    onlyIfAbsent: true,
    target: { repository: 'team/base', tag: '0.0.5' },
  });
  expect(base).not.toHaveProperty('after');
  expect(argumentsOf('base')).toContain('-f=/keelson/context/Dockerfile_base');
});

test('an image that names it is built after it, from the name by which a pod pulls it', () => {
  expect(images[1]).toMatchObject({ name: 'image', after: ['base'] });
  expect(images[1]).not.toHaveProperty('onlyIfAbsent');
  expect(argumentsOf('image')).toContain(`--build-arg=BASE=${PUSH}/team/base:0.0.5`);
  expect(argumentsOf('image')).toContain('--build-arg=TOOLS=quay.io/team/tools:1');
  expect(argumentsOf('image')).toContain('--build-arg=A=b');
});

test('a builder that can labels it with repository and version', () => {
  const output = synthesized((app) => {
    const platform = Platform.existing({
      name: 'shared',
      registry: registry(),
      buildkit: BuildKitDaemon.existing(),
    });
    const ci = new Pipeline(app, 'ci', { platform, source: source() });
    new BaseImage(ci, 'base', { repository: 'team/base', version: '2', builder: BuildKitBuilder });
  });
  const [base] = pipelineConfiguration(output).images;
  const job = JSON.stringify(base?.jobTemplate);
  expect(job).toContain('label:registry.repo=team/base');
  expect(job).toContain('label:registry.version=2');
});

test('what is wrong is said', () => {
  const problems = problemsOf((app) => {
    const ci = pipeline(app);
    const target = registry().image('team/app');
    new BaseImage(ci, 'base', { repository: 'Team', version: 'a b', registry: registry() });
    new MakisuBuilder(ci, 'image', {
      target,
      baseImages: { 'A-B': ImageName.parse('a/b:c'), C: 'text' as never, D: ImageName.parse('a/b:c') },
      buildArgs: { D: 'x' },
    });
  }).join('\n');
  expect(problems).toContain('target.repository: is not a valid image repository (got "Team")');
  expect(problems).toContain('target.tag: is not a valid image tag (got "a b")');
  expect(problems).toContain('baseImages.A-B: is not a valid name of an ARG');
  expect(problems).toContain('baseImages.C: is no image (got "text")');
  expect(problems).toContain('baseImages.D: is given by buildArgs too');
});

describe('a base image in a registry of its own', () => {
  const plain = HostedRegistry.at('10.9.9.9:5000', { insecure: true });
  const authority = HostedRegistry.at('base.example.com', {
    certificateAuthority: CERTIFICATE,
    addresses: ['10.9.9.8/32'],
  });
  const made = (Builder: ImageBuilderClass, bases: readonly HostedRegistry[]) => {
    const output = synthesized((app) => {
      const platform = new Platform(app, 'platform', { registry: registry(), buildkit: {} });
      const ci = new Pipeline(app, 'ci', { platform, source: source() });
      const all = bases.map((where, index) => {
        const props = { repository: 'team/base', version: '1', registry: where, builder: Builder };
        return [`BASE_${index}`, new BaseImage(ci, `base-${index}`, props)] as const;
      });
      const target = registry().image('team/app');
      new Builder(ci, 'image', { target, baseImages: Object.fromEntries(all) });
    });
    const { images: list } = pipelineConfiguration(output);
    const template = list.find(({ name }) => name === 'image')?.jobTemplate ?? [];
    const objects = filled(template, commitOn('main'));
    const text = (kind: string): string => JSON.stringify(objects.filter((one) => one.kind === kind));
    return { output, text };
  };

  test.each<[string, ImageBuilderClass]>([
    ['Makisu', MakisuBuilder],
    ['Kaniko', KanikoBuilder],
    ['Buildah', BuildahBuilder],
    ['BuildKit', BuildKitBuilder],
  ])('%s may connect to it', (_name, Builder) => {
    const policies = made(Builder, [plain, authority]).text('NetworkPolicy');
    expect(policies).toContain(
      '{"to":[{"ipBlock":{"cidr":"10.9.9.9/32"}}],"ports":[{"protocol":"TCP","port":5000}]}',
    );
    expect(policies).toContain(
      '{"to":[{"ipBlock":{"cidr":"10.9.9.8/32"}}],"ports":[{"protocol":"TCP","port":443}]}',
    );
    expect(made(Builder, []).text('NetworkPolicy')).not.toContain('10.9.9');
  });

  test('Kaniko speaks to each as it has to be spoken to', () => {
    const { text } = made(KanikoBuilder, [plain, authority]);
    expect(text('Job')).toContain('"--insecure-registry=10.9.9.9:5000"');
    expect(text('Job')).toContain('"--registry-certificate=base.example.com=/keelson/certs/base-0.crt"');
    expect(text('ConfigMap')).toContain('"data":{"base-0.crt":"-----BEGIN');
  });

  test('so does Buildah', () => {
    const { text } = made(BuildahBuilder, [plain, authority]);
    expect(text('ConfigMap').replaceAll('\\', '')).toContain('location = "10.9.9.9:5000"ninsecure = true');
    expect(text('Job')).toContain('"--cert-dir=');
  });

  test('so does Makisu', () => {
    const { text } = made(MakisuBuilder, [plain, authority]);
    const config = JSON.parse(text('ConfigMap')).find(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === 'registry-config',
    );
    const tls = { ca: { cert: { path: '/registry-ca/base-0.crt' } } };
    expect(Object.keys(JSON.parse(config.data['registry.yaml']))).toContain('10.9.9.9:5000');
    expect(JSON.parse(config.data['registry.yaml'])).toMatchObject({
      'base.example.com': { '.*': { security: { tls } } },
    });
  });

  test("so does BuildKit's daemon of the same program", () => {
    const { output } = made(BuildKitBuilder, [plain, authority]);
    const toml = output.find<{ data: Record<string, string> } & Manifest>('ConfigMap', 'buildkit').data;
    expect(toml['buildkitd.toml']).toContain('[registry."10.9.9.9:5000"]\nhttp = true');
    expect(toml['buildkitd.toml']).toContain('[registry."base.example.com"]\nca = ');
    const policy = JSON.stringify(output.find('NetworkPolicy', 'buildkit'));
    expect(policy).toContain('10.9.9.9/32');
    expect(policy).toContain('10.9.9.8/32');
  });

  test('a build without an account for it is warned of', () => {
    const pullCredentials = [SecretSource.existing('base-pull', '.dockerconfigjson')];
    const asks = HostedRegistry.at('base.example.com', { pullCredentials });
    const warnings = (given: object): readonly string[] =>
      synthesized((app) => {
        const ci = pipeline(app);
        const base = new BaseImage(ci, 'base', { repository: 'team/base', version: '1', registry: asks });
        const target = registry().image('team/app');
        new MakisuBuilder(ci, 'image', { target, baseImages: { BASE: base }, ...given });
      }).warnings;
    expect(warnings({})).toEqual([
      expect.stringContaining(
        'ci/image: pullCredentials: is missing, and a base image is in base.example.com',
      ),
    ]);
    expect(warnings({ pullCredentials })).toEqual([]);
  });
});
