// GitHub tells the controller of a push, and is told what became of the commit.
import { Duration } from 'cdk8s';
import {
  CommitStatuses,
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  SecretSource,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  controller: {
    webhooks: {
      host: 'ci.example.com',
      tlsSecretName: 'ci-tls',
      annotations: { 'cert-manager.io/cluster-issuer': 'letsencrypt' },
      ingressController: { namespace: 'ingress' },
    },
  },
});
const pipeline = new Pipeline(app, 'my-project', {
  platform,
  source: GitSource.remote('https://github.com/me/my-project.git', {
    branch: 'main',
    // The webhook's URL is https://ci.example.com/webhooks/my-project. What it misses is polled for.
    webhook: { secret: SecretSource.generated() },
    pollInterval: Duration.minutes(10),
    // kubectl --namespace my-project create secret generic github-statuses --from-file=token=FILE
    statuses: CommitStatuses.github({ token: SecretSource.existing('github-statuses', 'token') }),
  }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('me/my-project-build'),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['make', 'test'] });
app.synth();
