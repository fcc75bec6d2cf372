// With Pulumi's mocks: texts that are read, and not only written down, may be Outputs too.
import * as pulumi from '@pulumi/pulumi';
import { Chart } from 'cdk8s';
import {
  BuildKitBuilder,
  FluxGitRepository,
  GitRevision,
  GitSource,
  GpuBuildNode,
  Gpus,
  ImageName,
  KeelPolicy,
  type KeelsonApp,
  type KeelsonAppProps,
  KeelTrigger,
  KeelWatchedBuild,
  MakisuBuilder,
  Release,
  SecretSource,
  Tag,
} from 'keelson';
import { asString } from 'keelson/pulumi';
import { expect, test } from 'vitest';
import { build, image, pipeline, platform, registry } from '../support/programs.ts';
import { type Registered, registeredBy, useMocks } from './registered.ts';

useMocks();

type Text = (value: string) => string;
interface Case {
  readonly program: (app: KeelsonApp, text: Text) => unknown;
  readonly props?: (text: Text) => Pick<KeelsonAppProps, 'imageRegistry'>;
}

const target = registry().image('team/build', { tag: Tag.branch() });
const ingressController = { cidrs: ['192.168.1.10/32'] };
const repository = 'https://git.example.com/team/manifests.git';

const CASES: Readonly<Record<string, Case>> = {
  'addresses that a platform may reach': {
    program: (app, text) => platform(app, { buildkit: {}, egress: [text('10.1.2.3/32')] }),
  },
  'the registry of the library’s own images': {
    program: (app) => platform(app, { buildkit: {} }),
    props: (text) => ({ imageRegistry: text('registry.example.com:5000/mirror') }),
  },
  'a part of that registry': {
    program: (app) => platform(app),
    props: (text) => ({ imageRegistry: `${text('registry.example.com')}:5000` }),
  },
  'mirrors of BuildKit': {
    program: (app, text) => {
      const mirrors = { 'docker.io': [text('mirror.example.com')] };
      return platform(app, { buildkit: { mirrors, plainHttp: [text('plain.example.com:5000')] } });
    },
  },
  'the host of the controller’s webhooks': {
    program: (app, text) =>
      platform(app, { controller: { webhooks: { host: text('ci.example.com'), ingressController } } }),
  },
  'the host of a webhook for Keel': {
    program: (app, text) => {
      const credentials = {
        user: SecretSource.existing('k', 'u'),
        password: SecretSource.existing('k', 'p'),
      };
      const trigger = KeelTrigger.webhook({
        from: 'quay',
        host: text('keel.example.com'),
        ingressController,
        credentials,
      });
      const ci = pipeline(app, { platform: platform(app) });
      return new KeelWatchedBuild(ci, 'build', { image: image(), command: ['make'], trigger });
    },
  },
  'a directory of a node': {
    program: (app, text) => pipeline(app, { source: GitSource.local(text('/home/me/project')) }),
  },
  'a commit': {
    program: (app, text) =>
      new FluxGitRepository(new Chart(app, 'flux'), 'manifests', {
        repository: text(repository),
        revision: GitRevision.commit(text('a'.repeat(40))),
      }),
  },
  'a partition of a GPU': {
    program: (app, text) => {
      const ci = pipeline(app);
      const node = new GpuBuildNode(ci, 'gpu', { gpus: Gpus.mig(text('1g.5gb+me')) });
      return new KeelWatchedBuild(ci, 'build', { image: image(), command: ['make'], node });
    },
  },
  'platforms, a Dockerfile and arguments for BuildKit': {
    program: (app, text) =>
      new BuildKitBuilder(pipeline(app, { platform: platform(app, { buildkit: {} }) }), 'image', {
        target,
        platforms: [text('linux/arm64')],
        dockerfile: text('docker/ci/Dockerfile'),
        buildArgs: { VALUE: text('x$(HOME)y$$') },
      }),
  },
  'arguments for Makisu': {
    program: (app, text) =>
      new MakisuBuilder(pipeline(app), 'image', { target, buildArgs: { VALUE: text('x$(HOME)y$$') } }),
  },
  'a namespace, whose Keel reads nodes': {
    program: (app, text) => {
      const ci = pipeline(app, { platform: platform(app), namespace: text('project') });
      const policy = KeelPolicy.semver('minor');
      return new KeelWatchedBuild(ci, 'build', { image: image('1.2.3'), command: ['make'], policy });
    },
  },
  'branches of a release': {
    program: (app, text) => {
      const source = GitSource.remote(repository, { branch: text('main') });
      const ci = pipeline(app, { source });
      const after = new KeelWatchedBuild(ci, 'build', { image: image(), command: ['make'] });
      const github = { repository: 'team/project', token: SecretSource.existing('token', 'token') };
      return new Release(ci, 'release', { after, github, branches: [text('main')] });
    },
  },
};

const inputsOf = (objects: readonly Registered[]): unknown[] =>
  objects
    .map(({ type, inputs }) => ({ type, inputs }))
    .toSorted((a, b) => (idOf(a.inputs) < idOf(b.inputs) ? -1 : 1));

function idOf(inputs: Registered['inputs']): string {
  const { name, namespace } = inputs['metadata'] as { name: string; namespace?: string };
  return [inputs['apiVersion'], inputs['kind'], namespace, name].join(' ');
}

/** Each text is an Output of its own. */
const later: Text = (value) => asString(pulumi.output(value));

test.each(Object.entries(CASES))(
  '%s: the same objects, by names that stay (mocks)',
  async (_, { program, props }) => {
    const plain = await registeredBy(
      (app) => program(app, (text) => text),
      props?.((text) => text),
    );
    const deferred = await registeredBy((app) => program(app, later), props?.(later));
    expect(inputsOf(deferred.objects)).toEqual(inputsOf(plain.objects));
    const again = await registeredBy((app) => program(app, later), props?.(later));
    expect(again.objects.map(({ name }) => name)).toEqual(deferred.objects.map(({ name }) => name));
  },
);

test('an image of a text that is known later is one image with its tag (mocks)', async () => {
  const { objects } = await registeredBy((app) =>
    build(app, { image: ImageName.parse(later('quay.io/a/b:1')) }),
  );
  expect(JSON.stringify(objects)).toContain('"quay.io/a/b:1"');
});
