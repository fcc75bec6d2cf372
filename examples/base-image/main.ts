// The tools of a build in an image of their own, which is built when its version changes and not for each commit.
import {
  BaseImage,
  BuildKitBuilder,
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
} from 'keelson';

const app = new KeelsonApp();
const registry = MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' });
const platform = new Platform(app, 'platform', { registry, buildkit: {}, cache: false });
const pipeline = new Pipeline(app, 'my-project', {
  platform,
  source: GitSource.remote('https://github.com/me/my-project.git', { branch: 'main' }),
});

const base = new BaseImage(pipeline, 'base', {
  repository: 'me/my-project-base',
  version: '1.4.0',
  builder: BuildKitBuilder,
});
// Its Dockerfile starts with: ARG BASE_IMAGE, and FROM ${BASE_IMAGE}.
const image = new BuildKitBuilder(pipeline, 'image', {
  target: registry.image('me/my-project-build'),
  baseImages: { BASE_IMAGE: base },
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });

app.synth();
