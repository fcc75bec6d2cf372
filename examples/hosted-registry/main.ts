// Images on quay.io: one robot account pushes, another one pulls, and the build of the repository sees neither.
import {
  GitSource,
  HostedRegistry,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  Pipeline,
  Platform,
  SecretSource,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
// Both Secrets are made in the pipeline's namespace, ci-hello, with `kubectl create secret docker-registry`.
const quay = HostedRegistry.quay({
  pushCredential: SecretSource.existing('quay-push', '.dockerconfigjson'),
  pullCredentials: [SecretSource.existing('quay-pull', '.dockerconfigjson')],
});
// Makisu finds no layers again in a registry that it does not push to itself.
const platform = new Platform(app, 'platform', { registry: quay, cache: false });
const pipeline = new Pipeline(app, 'hello', {
  platform,
  namespace: 'ci-hello',
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: quay.image('example/hello-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
