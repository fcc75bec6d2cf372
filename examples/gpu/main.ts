// A build that needs a part of a partitioned GPU, or none at all on a machine that has none.
import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  GitSource,
  GpuBuildNode,
  Gpus,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  PodSecurity,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'model', {
  platform,
  source: GitSource.remote('https://github.com/example/model.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('example/model-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', {
  image,
  command: ['python3', '-m', 'pytest'],
  timeout: Duration.hours(4),
  // A build that has ended keeps its pod, and the pod its GPU: an hour is enough to look at it.
  keepFor: Duration.hours(1),
  node: new GpuBuildNode(pipeline, 'gpu', {
    gpus: process.env['CPU_ONLY'] ? Gpus.none() : Gpus.mig('3g.20gb'),
  }),
  resources: {
    cpu: { limit: Cpu.units(8) },
    memory: { request: Size.gibibytes(8), limit: Size.gibibytes(32) },
  },
  podSecurity: PodSecurity.baseline('the CUDA image runs as root'),
});
app.synth();
