// The image that was tested goes on to quay.io, under the digest that was tested.
import {
  GitSource,
  HostedRegistry,
  ImageCopy,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Release,
  SecretSource,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
const registry = MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' });
const platform = new Platform(app, 'platform', { registry });
const pipeline = new Pipeline(app, 'my-project', {
  platform,
  source: GitSource.remote('https://github.com/me/my-project.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', { target: registry.image('me/my-project') });
const build = new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });

const release = new Release(pipeline, 'release', { after: build });
// The account lies in the namespace my-project-release. Without it, nothing is copied.
const quay = HostedRegistry.quay({
  pushCredential: SecretSource.existing('quay-robot', '.dockerconfigjson'),
});
new ImageCopy(release, 'quay', { to: quay.image('me/my-project', { tag: Tag.version() }) });

app.synth();
