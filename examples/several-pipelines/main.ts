// One platform for two projects: a namespace, a quota and a Keel for each.
import {
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioService,
  Pipeline,
  Platform,
  RabbitService,
  Tag,
  type TestService,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  controller: { maxConcurrentBuilds: 2 },
});

function project(name: string, services: (pipeline: Pipeline) => TestService[]): void {
  const pipeline = new Pipeline(app, name, {
    platform,
    source: GitSource.remote(`https://github.com/example/${name}.git`, { branch: 'main' }),
    quota: { 'limits.cpu': '8', 'limits.memory': '24Gi' },
  });
  const image = new MakisuBuilder(pipeline, 'image', {
    target: platform.registry.image(`example/${name}-build`, { tag: Tag.branch() }),
  });
  new KeelWatchedBuild(pipeline, 'build', { image, services: services(pipeline), command: ['make', 'test'] });
}

project('uploads', (pipeline) => [new MinioService(pipeline, 'minio')]);
project('mailer', (pipeline) => [new RabbitService(pipeline, 'rabbitmq')]);
app.synth();
