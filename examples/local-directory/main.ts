// A checkout on a disk is built as it is, on demand, for trying out a change before it is pushed.
import {
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  PodSecurity,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' }),
});

const pipeline = new Pipeline(app, 'my-checkout', {
  platform,
  // With nodeName, each build copies the directory from that node; without, it is sent as a stream.
  source: GitSource.local('/home/me/my-project', { branch: 'trial', nodeName: 'my-laptop' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('me/my-project-build'),
});
new KeelWatchedBuild(pipeline, 'build', {
  image,
  command: ['make', 'test'],
  podSecurity: PodSecurity.baseline('the build image runs as root'),
});

app.synth();
