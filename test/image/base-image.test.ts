import {
  BaseImage,
  BuildKitBuilder,
  BuildKitDaemon,
  ImageName,
  MakisuBuilder,
  Pipeline,
  Platform,
} from 'keelson';
import { expect, test } from 'vitest';
import { commitOn, filled } from '../support/commits.ts';
import { pipeline, pipelineConfiguration, registry, source } from '../support/programs.ts';
import { type Build, problemsOf, synthesized } from '../support/synthesized.ts';

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
