// Flux brings what this program writes from a private repository to the cluster, the platform before the pipeline.
import { Chart, Duration } from 'cdk8s';
import {
  FluxGitRepository,
  FluxKustomization,
  GitRevision,
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

// Once, by hand: kubectl apply --server-side -k manifests/flux
const flux = new Chart(app, 'flux');
const source = new FluxGitRepository(flux, 'ci-manifests', {
  repository: 'git@github.com:example/ci-manifests.git',
  revision: GitRevision.branch('main'),
  interval: Duration.minutes(5),
  secretName: 'ci-deploy-key', // flux create secret git ci-deploy-key --url=ssh://git@github.com/example/ci-manifests.git
});
const shared = new FluxKustomization(flux, 'ci-platform', { source, path: 'manifests/platform' });
new FluxKustomization(flux, 'ci-hello', { source, path: 'manifests/hello', dependsOn: [shared] });
app.synth();
