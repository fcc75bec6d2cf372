// One platform for two projects, each a component of its own: they can be changed and taken down one by one.
import type * as pulumi from '@pulumi/pulumi';
import {
  GitSource,
  type KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  RabbitService,
} from 'keelson';
import { KeelsonComponent, kubernetesProvider } from 'keelson/pulumi';

const provider = kubernetesProvider('cluster');
const registry = MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' });
const platform = new KeelsonComponent(
  'platform',
  // Keel of each project's namespace is the project's own.
  { program: (app: KeelsonApp) => new Platform(app, 'platform', { registry, keel: false }) },
  { provider, protect: true },
);

function project(name: string): KeelsonComponent<Pipeline> {
  const program = (app: KeelsonApp): Pipeline => {
    const pipeline = new Pipeline(app, name, {
      platform: Platform.existing({ name: 'platform', registry }),
      source: GitSource.remote(`https://github.com/example/${name}.git`, { branch: 'main' }),
    });
    const image = new MakisuBuilder(pipeline, 'image', { target: registry.image(`example/${name}-build`) });
    const services = [new RabbitService(pipeline, 'rabbitmq')];
    new KeelWatchedBuild(pipeline, 'build', { image, services, command: ['make', 'test'] });
    return pipeline;
  };
  return new KeelsonComponent(name, { program }, { provider, dependsOn: platform });
}

const projects: readonly KeelsonComponent<Pipeline>[] = ['uploads', 'mailer'].map(project);
export const namespaces: readonly pulumi.Output<string>[] = projects.map((component) =>
  component.text(component.made.namespaceName),
);
