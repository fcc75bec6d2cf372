// The shortest pipeline: each commit to main becomes an image, and each new image a build.
import {
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('example/hello-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
