// Programs with a build, for gates that really run beside played pods.
import { Duration } from 'cdk8s';
import {
  BuildJob,
  ImageName,
  Keel,
  type KeelsonApp,
  KeelWatchedBuild,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  Release,
  SecretSource,
} from 'keelson';
import { type Identity, serviceAccount } from '../../cluster/api.ts';

/** An account of Keel. */
export interface KeelAccount {
  readonly namespace: string;
  readonly serviceAccountName: string;
}
/** The Keel that watches. */
export const KEEL: KeelAccount = { namespace: 'gate-keel', serviceAccountName: 'keel' };
/** One whose writes an admission policy judges. */
export const GUARDED_KEEL: KeelAccount = { namespace: 'gate-guarded-keel', serviceAccountName: 'keel' };

export function identityOf({ namespace, serviceAccountName }: KeelAccount): Identity {
  return serviceAccount(namespace, serviceAccountName);
}

const OTHER_IMAGE = ImageName.parse('10.0.0.7:32000/leafai/other:main');
const IMAGE = ImageName.parse('10.0.0.7:32000/leafai/build:main');

export interface BuildProgram {
  readonly name: string;
  /** Another build that uses the same services. */
  readonly second?: boolean;
  readonly release?: boolean;
  readonly handOver?: boolean;
  /** Whether Keel's writes are judged. */
  readonly guarded?: boolean;
}

/** A watched build `build`, with MinIO and RabbitMQ beside it. */
export function watchedBuild(options: BuildProgram): (app: KeelsonApp) => void {
  const { name, second, release, handOver = false, guarded } = options;
  return (app) => {
    const ci = pipeline(app, name, { handOver, keel: guarded ? GUARDED_KEEL : KEEL });
    const services = new MinioRabbitTestStack(ci, 'services');
    const common = { image: IMAGE, services, command: ['./build'], timeout: Duration.minutes(10) };
    const build = new KeelWatchedBuild(ci, 'build', { ...common, handOver });
    if (second) new KeelWatchedBuild(ci, 'second', { ...common, image: OTHER_IMAGE });
    if (!release) return;
    new Release(ci, 'release', {
      after: build,
      assets: ['bin/*'],
      timeout: Duration.minutes(10),
      github: {
        repository: 'leaf-ai/studio-go-runner',
        token: SecretSource.existing('release-github-token', 'github_token'),
      },
    });
  };
}

/** A build that runs once. */
export function buildJob(name: string): (app: KeelsonApp) => void {
  return (app) => {
    const ci = pipeline(app, name, { handOver: false, keel: KEEL });
    const services = new MinioRabbitTestStack(ci, 'services');
    new BuildJob(ci, 'check', { image: IMAGE, services, command: ['./build'], retries: 2 });
  };
}

function pipeline(
  app: KeelsonApp,
  name: string,
  { handOver, keel }: { readonly handOver: boolean; readonly keel: KeelAccount },
): Pipeline {
  const platform = Platform.existing({
    name: 'platform',
    registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' }),
    keel: Keel.existing(keel),
    handOver,
  });
  return new Pipeline(app, name, { platform });
}
