// Each new version of an image is tested in a namespace of its own, while the next one is already listened for.
import { Duration } from 'cdk8s';
import {
  ImageName,
  KeelPolicy,
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
  cache: false,
  keel: false, // a build that hands over brings its own, one for each namespace
  handOver: true,
});
const pipeline = new Pipeline(app, 'candidates', { platform });
new KeelWatchedBuild(pipeline, 'build', {
  image: ImageName.parse('quay.io/example/app-build:1.4.0-rc.1'),
  policy: KeelPolicy.regexp('^(?P<compare>1\\.4\\.\\d+-rc\\.\\d+)$'),
  trigger: KeelTrigger.poll(Duration.minutes(2)),
  services: new MinioRabbitTestStack(pipeline, 'services'),
  command: ['./integration-tests.sh'],
  keepFor: Duration.hours(4),
  handOver: { afterwards: 'selfDestruct', maxNamespaces: 3 },
});
app.synth();
