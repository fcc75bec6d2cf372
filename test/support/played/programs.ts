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
import type { Identity } from '../../cluster/api.ts';
import { serviceAccount } from '../../cluster/api.ts';

/** The Keel that watches, and as whom it acts. */
export const KEEL = { namespace: 'gate-keel', serviceAccountName: 'keel' } as const;
export const KEEL_IDENTITY: Identity = serviceAccount(KEEL.namespace, KEEL.serviceAccountName);

const OTHER_IMAGE = ImageName.parse('10.0.0.7:32000/leafai/other:main');
const IMAGE = ImageName.parse('10.0.0.7:32000/leafai/build:main');

export interface BuildProgram {
  readonly name: string;
  /** Another build that uses the same services. */
  readonly second?: boolean;
  readonly release?: boolean;
  readonly handOver?: boolean;
  /** Without services. */
  readonly alone?: boolean;
}

/** A watched build `build`, with MinIO and RabbitMQ beside it. */
export function watchedBuild(options: BuildProgram): (app: KeelsonApp) => void {
  const { name, second, release, handOver = false, alone } = options;
  return (app) => {
    const ci = pipeline(app, name, handOver);
    const services = alone ? [] : new MinioRabbitTestStack(ci, 'services');
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
    const ci = pipeline(app, name, false);
    const services = new MinioRabbitTestStack(ci, 'services');
    new BuildJob(ci, 'check', { image: IMAGE, services, command: ['./build'], retries: 2 });
  };
}

function pipeline(app: KeelsonApp, name: string, handOver: boolean): Pipeline {
  const platform = Platform.existing({
    name: 'platform',
    registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.7' }),
    keel: Keel.existing(KEEL),
    handOver,
  });
  return new Pipeline(app, name, { platform });
}
