// Argo CD brings what this program writes from git to the cluster. It looks after its own Application too.
import { Chart } from 'cdk8s';
import {
  ArgoApplication,
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

// Once, by hand: kubectl apply --server-side -k manifests/argo-cd
new ArgoApplication(new Chart(app, 'argo-cd'), 'ci', {
  repository: 'https://github.com/example/ci-manifests.git', // what is committed there: manifests/
  path: 'manifests',
});
app.synth();
