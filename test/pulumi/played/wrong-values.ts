// A program in which an Output turns out to be wrong. It prints the Kubernetes objects that are registered.
import * as pulumi from '@pulumi/pulumi';
import { ApiObject, Chart } from 'cdk8s';
import {
  FluxGitRepository,
  GitRevision,
  GitSource,
  ImageName,
  type KeelsonApp,
  MicroK8sRegistry,
  Tag,
} from 'keelson';
import { asString, KeelsonComponent } from 'keelson/pulumi';
import { build, imageBuild, pipeline } from '../../support/programs.ts';

void pulumi.runtime.setMocks({
  newResource: ({ type, name, inputs }) => {
    if (type.startsWith('kubernetes:')) process.stdout.write(`registered ${type} ${name}\n`);
    return { id: name, state: inputs };
  },
  call: () => ({}),
});

const later = (value: string): string => asString(pulumi.output(value));

const PROGRAMS: Readonly<Record<string, (app: KeelsonApp) => unknown>> = {
  'source.url': (app) =>
    pipeline(app, {
      source: GitSource.remote(later('https://me:hunter2@example.com/a.git'), { branch: 'main' }),
    }),
  secret: (app) =>
    pipeline(app, {
      source: GitSource.remote('https://example.com/a.git', {
        branch: asString(pulumi.secret('..hunter2')),
      }),
    }),
  'secret name': (app) =>
    new ApiObject(new Chart(app, 'chart'), 'x', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: asString(pulumi.secret('hunter2_')) },
    }),
  nodeAddress: (app) => {
    const registry = MicroK8sRegistry.existing({ nodeAddress: later('127.0.0.1') });
    return imageBuild(app, { target: registry.image('team/x', { tag: Tag.branch() }) });
  },
  env: (app) => build(app, { env: { URL: later('https://me:hunter2@example.com/') } }),
  'local image': (app) => build(app, { image: ImageName.parse(later('localhost:32000/x:main')) }),
  digest: (app) => build(app, { image: ImageName.parse(later(`quay.io/a/x:1@sha256:${'a'.repeat(64)}`)) }),
  'no tag': (app) => build(app, { image: ImageName.parse(later('quay.io/a/x')) }),
  'ssh without a key': (app) =>
    new FluxGitRepository(new Chart(app, 'flux'), 'manifests', {
      repository: later('ssh://git@example.com/a.git'),
      revision: GitRevision.branch('main'),
    }),
  'secret scheme': (app) =>
    pipeline(app, {
      source: GitSource.remote(asString(pulumi.secret('hunter2:x')), { branch: 'main' }),
    }),
  'second name': (app) => {
    const chart = new Chart(app, 'chart', { namespace: 'n' });
    const map = (id: string, name: string): ApiObject =>
      new ApiObject(chart, id, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
    return [map('good', 'good'), map('bad', later('Not A Name'))];
  },
  cut: (app) => {
    const chart = new Chart(app, 'chart', { namespace: 'n' });
    const map = (id: string, value: string): ApiObject =>
      new ApiObject(chart, id, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: id },
        data: { value },
      });
    return [map('good', 'good'), map('bad', later('x').toUpperCase())];
  },
  id: (app) =>
    new ApiObject(new Chart(app, 'chart', { namespace: later('n') }), later('x'), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
    }),
  name: (app) =>
    new ApiObject(new Chart(app, 'chart'), 'x', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: later('Not A Name') },
    }),
};

const program = PROGRAMS[process.env['PROGRAM'] ?? ''];
if (program === undefined) throw new Error('which PROGRAM?');
new KeelsonComponent('ci', { program });
