// A cluster without MicroK8s' registry addon: the same registry, deployed by this program.
import { Chart, Size } from 'cdk8s';
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
const registry = new MicroK8sRegistry(
  new Chart(app, 'registry', { disableResourceNameHashes: true }),
  'registry',
  // Only these nodes and this laptop may reach it, beside the pipeline's own parts.
  {
    nodeAddress: '192.168.1.10',
    storage: Size.gibibytes(40),
    clients: ['192.168.1.10/32', '192.168.1.77/32'],
  },
);
const platform = new Platform(app, 'platform', { registry });
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: registry.image('example/hello-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
