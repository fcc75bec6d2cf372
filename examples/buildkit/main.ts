// BuildKit: one daemon that all pipelines share, and image builds that are only its clients.
import { Size } from 'cdk8s';
import {
  BuildKitBuilder,
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  cache: false, // Makisu's
  buildkit: {
    storage: Size.gibibytes(100),
    mirrors: { 'docker.io': ['mirror.gcr.io'] },
    // Certificates of cert-manager: the first in the namespace buildkit, the second in each pipeline's.
    tls: { serverSecret: 'buildkit-server', clientSecret: 'buildkit-client' },
  },
});
const pipeline = new Pipeline(app, 'hello', {
  platform,
  source: GitSource.remote('https://github.com/example/hello.git', { branch: 'main' }),
});
const image = new BuildKitBuilder(pipeline, 'image', {
  target: platform.registry.image('example/hello-build', { tag: Tag.branch() }),
  platforms: ['linux/amd64', 'linux/arm64'],
  provenance: 'max',
  labels: { 'org.opencontainers.image.vendor': 'Example' },
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
