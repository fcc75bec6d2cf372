// With Pulumi's mocks: what becomes of secrets, of raw Outputs, and of values that turn out to be wrong.
import * as pulumi from '@pulumi/pulumi';
import { ApiObject, Chart } from 'cdk8s';
import { GitCredential, GitSource, imagesOf, type KeelsonApp, SecretSource, Tag } from 'keelson';
import { asString, secretOutput } from 'keelson/pulumi';
import { describe, expect, test, vi } from 'vitest';
import { build, imageBuild, pipeline, registry } from '../support/programs.ts';
import { REPOSITORY, runProgram } from '../support/project.ts';
import { problemsOf } from '../support/synthesized.ts';
import { registeredBy, useMocks } from './registered.ts';

useMocks();

const later = (value: string): string => asString(pulumi.output(value));

describe('a secret of a Pulumi program (mocks)', () => {
  test('is in a Secret, whose data is marked, and nowhere else', async () => {
    const credential = GitCredential.token(secretOutput(pulumi.output('s3cret-value')));
    const { objects } = await registeredBy((app) => {
      pipeline(app, {
        source: GitSource.remote('https://git.example.com/a.git', { branch: 'main', credential }),
      });
    });
    const holders = objects.filter(({ inputs }) => JSON.stringify(inputs).includes('s3cret-value'));
    expect(holders.map(({ type, name, secrets }) => ({ type, name, secrets }))).toEqual([
      { type: 'kubernetes:core/v1:Secret', name: 'ci/ci/git-token', secrets: ['stringData'] },
    ]);
  });

  test('that lies in plain text in the cluster stays marked, and is warned of', async () => {
    const warned = vi.spyOn(pulumi.log, 'warn').mockResolvedValue();
    const { objects } = await registeredBy((app) => {
      build(app, { env: { URL: asString(pulumi.secret('https://example.com')) } });
    });
    const [deployment] = objects.filter(({ type }) => type.endsWith(':Deployment'));
    expect(deployment?.secrets.length).toBeGreaterThan(0);
    await vi.waitFor(() => {
      const texts = warned.mock.calls.map(([text]) => text).join('\n');
      expect(texts).toContain('ci/build/Resource: spec.template.spec');
      expect(texts).toContain('is a secret to Pulumi, and readable in a Deployment of the cluster');
      expect(texts).not.toContain('https://example.com');
    });
    warned.mockRestore();
  });
});

test('an ApiObject of a program’s own may hold raw Outputs, of any type (mocks)', async () => {
  const { objects } = await registeredBy((app) => {
    new ApiObject(new Chart(app, 'chart', { namespace: 'ns' }), 'x', {
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      metadata: { name: 'x' },
      spec: { size: pulumi.output(3), on: pulumi.output(true), tags: pulumi.output(['a', 'b']) },
    });
  });
  expect(objects[0]?.inputs['spec']).toEqual({ size: 3, on: true, tags: ['a', 'b'] });
});

test('what is no Output is no text for one', () => {
  expect(() => asString('x' as never)).toThrow('asString: is no Output (got string)');
});

test('the images of a program are listed, with what is not known yet', async () => {
  const { component } = await registeredBy((app) => {
    imageBuild(app, { target: registry().image(later('team/build'), { tag: Tag.branch() }) });
  });
  expect(imagesOf(component.app).length).toBeGreaterThan(0);
});

describe('a text in which Outputs are (mocks)', () => {
  test('is written as its file wants it', async () => {
    const { objects } = await registeredBy((app) => {
      pipeline(app, {
        source: GitSource.remote(`https://${later('git.example.com')}/a.git`, { branch: later('a"b') }),
      });
    });
    const [record] = objects.filter(({ name }) => name === 'ci/ci/keelson-pipeline');
    const data = record?.inputs['data'] as Readonly<Record<string, string>> | undefined;
    expect(JSON.parse(data?.['pipeline.json'] ?? '{}').source).toMatchObject({
      url: 'https://git.example.com/a.git',
      branches: ['a"b'],
    });
  });

  test('is refused where manifests are written', () => {
    const program = (app: KeelsonApp): void => {
      build(app, { env: { URL: later('https://example.com') } });
    };
    expect(problemsOf(program)).toEqual([
      expect.stringContaining('ci/build/Resource: manifest: holds what only Pulumi knows (got "an Output")'),
    ]);
  });
});

describe('a value that turns out to be wrong', () => {
  test.each([
    ['source.url', 'ci/record: source.url: carries a credential (got a hidden value)'],
    ['secret', 'ci/record: source.branch: has a secret in it that is not valid here'],
    ['secret scheme', 'ci/record: source.url: has a secret in it that is not valid here'],
    ['local image', "ci/build: image.registry: can't be polled by Keel"],
    ['digest', 'ci/build: image.digest: never changes'],
    ['no tag', 'ci/build: image.tag: is missing'],
    ['ssh without a key', 'flux/manifests: secretName: is missing, and nobody reads by ssh without a key'],
    ['second name', 'chart/bad: metadata.name: is not a valid name for a ConfigMap (got "Not A Name")'],
    ['cut', 'chart/bad: data.value: has a part of a text that asString has made'],
    ['id', 'chart/[an Output]: id: is part of the name that Pulumi knows the object by'],
    ['secret name', 'chart/x: metadata.name: has a secret in it that is not valid here'],
    ['nodeAddress', "ci/image: target.registry.nodeAddress: can't be polled by Keel"],
    ['env', 'ci/build: env.URL: is a secret in plain text (got a hidden value)'],
    ['name', 'chart/x: metadata.name: is not a valid name for a Namespace (got "Not A Name")'],
  ])('%s ends the program before anything is registered (mocks)', (program, message) => {
    const { code, stdout, stderr } = runProgram('test/pulumi/played/wrong-values.ts', {
      cwd: REPOSITORY,
      env: { PROGRAM: program },
    });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('hunter2');
    expect(code).toBe(1);
    expect(stdout).not.toContain('registered');
  });

  test('a name that says that its value is a secret needs a SecretSource at once', () => {
    const program = (app: KeelsonApp): void => {
      build(app, { env: { PASSWORD: later('x'), TOKEN: SecretSource.existing('a', 'b') } });
    };
    expect(problemsOf(program)).toContainEqual(
      expect.stringContaining('env.PASSWORD: is a secret in plain text'),
    );
  });
});
