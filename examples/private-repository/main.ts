// A private repository, read with a token that only the container which fetches the source gets to see.
import { Duration } from 'cdk8s';
import {
  GitCredential,
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  SecretSource,
  Tag,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'vault', {
  platform,
  source: GitSource.remote('https://git.example.com/team/vault.git', {
    branch: 'release/2.x',
    pollInterval: Duration.seconds(30),
    // kubectl --namespace vault create secret generic git-token --from-file=token=FILE
    credential: GitCredential.token(SecretSource.existing('git-token', 'token'), 'ci-reader'),
  }),
});
const image = new MakisuBuilder(pipeline, 'image', {
  target: platform.registry.image('team/vault-build', { tag: Tag.branch() }),
});
new KeelWatchedBuild(pipeline, 'build', { image, command: ['./test.sh'] });
app.synth();
