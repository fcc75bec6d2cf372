// What has passed is released: on GitHub, with the files that the build left, and as an image built from them.
import {
  GitSource,
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
const registry = MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' });
const platform = new Platform(app, 'platform', { registry });
const pipeline = new Pipeline(app, 'my-project', {
  platform,
  source: GitSource.remote('https://github.com/me/my-project.git', { branch: 'main' }),
});
const image = new MakisuBuilder(pipeline, 'image', { target: registry.image('me/my-project-build') });
const build = new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test', 'binaries'] });

const release = new Release(pipeline, 'release', {
  after: build,
  assets: ['bin/*'],
  // The Secret lies in the namespace my-project-release. Without it, nothing is released.
  github: { repository: 'me/my-project', token: SecretSource.existing('github', 'token'), tagPrefix: 'v' },
});
new MakisuBuilder(release, 'production', {
  dockerfile: 'Dockerfile.production',
  target: registry.image('me/my-project', { tag: Tag.version() }),
});

app.synth();
