// An image builder that the library does not have: apko-builder.ts is all there is to it.
import { GitSource, KeelsonApp, KeelWatchedBuild, MicroK8sRegistry, Pipeline, Platform, Tag } from 'keelson';
import { ApkoBuilder } from './apko-builder.ts';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  cache: false,
});
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new ApkoBuilder(pipeline, 'image', {
  dockerfile: 'apko.yaml',
  target: platform.registry.image('example/hello-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
