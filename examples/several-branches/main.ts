// Each branch is a pipeline of its own, with its own namespace, image and services, on one platform.
import {
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' }),
});

const branches = { stable: 'main', next: 'develop', queues: 'feature/new-queues' };

for (const [name, branch] of Object.entries(branches)) {
  const pipeline = new Pipeline(app, `my-project-${name}`, {
    platform,
    source: GitSource.remote('https://github.com/me/my-project.git', { branch }),
  });
  // The default tag is the branch, so that no two of them push to the same one.
  const image = new MakisuBuilder(pipeline, 'image', {
    target: platform.registry.image('me/my-project-build'),
  });
  const services = new MinioRabbitTestStack(pipeline, 'services');
  new KeelWatchedBuild(pipeline, 'build', { image, services, command: ['make', 'test'] });
}

app.synth();
