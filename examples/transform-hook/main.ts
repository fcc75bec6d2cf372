// What no prop says: every object is changed on its way out, and one is left out.
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

const app = new KeelsonApp({
  transform(object) {
    // Here the cluster's administrators set the quotas.
    if (object.kind === 'ResourceQuota') return undefined;
    const annotations = { ...object.metadata.annotations, 'example.com/owner': 'team-ci' };
    return { ...object, metadata: { ...object.metadata, annotations } };
  },
});
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
