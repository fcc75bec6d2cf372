// A program in which an Output turns out to be wrong. It prints the Kubernetes objects that are registered.
import * as pulumi from '@pulumi/pulumi';
import { ApiObject, Chart } from 'cdk8s';
import { GitSource, type KeelsonApp, MicroK8sRegistry, Tag } from 'keelson';
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
