// A build that runs once and ends: a Job beside the services that it tests against.
import { Duration } from 'cdk8s';
import {
  BuildJob,
  ImageName,
  KeelsonApp,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
} from 'keelson';

const app = new KeelsonApp();
const platform = Platform.existing({
  name: 'platform',
  registry: MicroK8sRegistry.existing({ nodeAddress: '192.168.1.10' }),
});
const pipeline = new Pipeline(app, 'release-check', { platform });
const version = process.env['VERSION'] ?? '1.4.2';
new BuildJob(pipeline, 'build', {
  image: ImageName.parse(`ghcr.io/example/app-build:${version}`),
  services: new MinioRabbitTestStack(pipeline, 'services'),
  command: ['./integration-tests.sh'],
  timeout: Duration.minutes(45),
  // Without a name the Job is called after its spec; here each version is one run.
  jobName: `build-${version.replaceAll('.', '-')}`,
  retries: 1,
});
app.synth();
