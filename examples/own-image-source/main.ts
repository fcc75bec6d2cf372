// The image comes from elsewhere: another system pushes it, and only the watched build is Keelson's.
import { Duration } from 'cdk8s';
import {
  ImageName,
  KeelsonApp,
  KeelTrigger,
  KeelWatchedBuild,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
} from 'keelson';

const app = new KeelsonApp();
const platform = new Platform(app, 'platform', {
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
  cache: false, // nothing is built here, so there are no layers to keep
});
const pipeline = new Pipeline(app, 'nightly', { platform });
new KeelWatchedBuild(pipeline, 'build', {
  image: ImageName.parse('ghcr.io/example/nightly-build:latest'),
  services: new MinioRabbitTestStack(pipeline, 'services'),
  command: ['./integration-tests.sh'],
  trigger: KeelTrigger.poll(Duration.minutes(5)),
});
app.synth();
