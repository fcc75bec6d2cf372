// Kaniko and Buildah: image builds that need no daemon, in a namespace for each commit.
import {
  BuildahBuilder,
  GitSource,
  KanikoBuilder,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  cache: false, // Makisu's
});
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const tests = new KanikoBuilder(pipeline, 'tests', {
  target: platform.registry.image('example/hello-tests'),
  dockerfile: 'docker/Dockerfile.tests',
});
const tools = new BuildahBuilder(pipeline, 'tools', {
  target: platform.registry.image('example/hello-tools'),
  dockerfile: 'docker/Dockerfile.tools',
  buildArgs: { VERSION: '1.2' },
});
new KeelWatchedBuild(pipeline, 'unit', { image: tests, command: ['make', 'test'] });
new KeelWatchedBuild(pipeline, 'lint', { image: tools, command: ['make', 'lint'] });
app.synth();
