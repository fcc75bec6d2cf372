import { Duration, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import {
  GeneratedSecret,
  GitSource,
  GpuBuildNode,
  Gpus,
  HostedRegistry,
  ImageName,
  KeelWatchedBuild,
  MakisuBuilder,
  MicroK8sRegistry,
  MinioRabbitTestStack,
  Pipeline,
  Platform,
  PodField,
  PodSecurity,
  Release,
  SecretSource,
  Tag,
  Version,
} from 'keelson';
import type { StudioGoRunnerOptions } from './options.ts';

/** The parts of {@link studioGoRunner}. */
export interface StudioGoRunner {
  readonly platform: Platform;
  readonly pipeline: Pipeline;
}

/** studio-go-runner's whole pipeline on MicroK8s: from a commit to a tested build. */
export function studioGoRunner(scope: Construct, options: StudioGoRunnerOptions): StudioGoRunner {
  const platform = new Platform(scope, 'platform', {
    registry: MicroK8sRegistry.existing({
      nodeAddress: options.registryAddress,
      nodePort: options.registryPort,
    }),
    cache: { storage: Size.gibibytes(30) },
    keel: {},
    ...(options.agentImage !== undefined && { agentImage: ImageName.parse(options.agentImage) }),
  });
  return { platform, pipeline: studioGoRunnerPipeline(scope, 'studio-go-runner', platform, options) };
}

/** The pipeline alone, on a platform that others may share. */
export function studioGoRunnerPipeline(
  scope: Construct,
  id: string,
  platform: Platform,
  options: StudioGoRunnerOptions,
): Pipeline {
  const { branch, version, namespace, registryCredentials } = options;
  const pipeline = new Pipeline(scope, id, {
    platform,
    namespace,
    source: GitSource.remote(options.repository, {
      branch,
      version: version === undefined ? Version.fromFile('README.md') : Version.of(version),
    }),
  });
  const built = new MakisuBuilder(pipeline, 'image', {
    dockerfile: 'Dockerfile_microk8s',
    target: platform.registry.image('leafai/studio-go-runner-standalone-build', { tag: Tag.branch() }),
    ...(registryCredentials && {
      registryConfig: SecretSource.existing('docker-registry-config', 'registry.yaml'),
    }),
  });
  const services = new MinioRabbitTestStack(pipeline, 'services', { minio: { storage: Size.gibibytes(15) } });
  const keys = encryptionKeys(pipeline);

  const build = new KeelWatchedBuild(pipeline, 'build', {
    image: options.image === undefined ? built : ImageName.parse(options.image),
    services,
    // The image holds the checkout as src.tar, and base-build.sh appends to the log that it is told.
    command: ['bash', '-ec', 'tar xf src.tar && exec ./base-build.sh'],
    timeout: Duration.hours(2),
    node: new GpuBuildNode(pipeline, 'gpu', {
      gpus: options.gpus > 0 ? Gpus.whole(options.gpus) : Gpus.none(),
    }),
    podSecurity: PodSecurity.baseline('the build image runs as root'),
    volume: { mountPath: '/build', size: Size.gibibytes(20) },
    env: {
      KeelCI: 'KeelCI',
      RUNNER_BUILD_LOG: 'build.log',
      LD_LIBRARY_PATH: '/usr/local/nvidia/lib:/usr/local/nvidia/lib64:/usr/lib/nvidia',
      LOGXI: '*=INF',
      CLEAR_TEXT_MESSAGES: 'true',
      K8S_POD_NAME: PodField.NAME,
      K8S_NAMESPACE: PodField.NAMESPACE,
    },
    secretFiles: {
      '/runner/certs/message/encryption/ssh-privatekey': keys.source('ssh-privatekey'),
      '/runner/certs/message/encryption/ssh-publickey': keys.source('ssh-publickey'),
      '/runner/certs/message/passphrase/ssh-passphrase': keys.source('ssh-passphrase'),
      '/runner/certs/queues/signing/rmq_cpu_andrei_': keys.source('signing-publickey'),
      '/runner/certs/aws-sqs/default/credentials': awsSqs('credentials'),
      '/runner/certs/aws-sqs/default/config': awsSqs('config'),
    },
  });
  const release = new Release(pipeline, 'release', {
    after: build,
    assets: ['cmd/runner/bin/*'],
    github: {
      repository: options.repository.replace(/^https:\/\/github\.com\/|\.git$/g, ''),
      // Without this Secret, nothing is released.
      token: options.releaseToken ?? SecretSource.existing('release-github-token', 'github_token'),
    },
  });
  releaseImages(release);
  return pipeline;
}

/** The images that are given out, made from the commit and the binaries that its build left. */
function releaseImages(release: Release): void {
  const quay = HostedRegistry.quay({
    pushCredential: SecretSource.existing('release-quay-io', '.dockerconfigjson'),
  });
  const tag = Tag.version();
  new MakisuBuilder(release, 'stock', {
    dockerfile: 'Dockerfile.stock',
    target: quay.image('leafai/studio-go-runner', { tag }),
    resources: { ephemeralStorage: { request: Size.gibibytes(15) } },
  });
  new MakisuBuilder(release, 'azure', {
    dockerfile: 'Dockerfile.azure',
    target: quay.image('leafai/azure-studio-go-runner', { tag }),
    resources: { ephemeralStorage: { request: Size.gibibytes(25) } },
  });
}

/** The keys with which the runner under test encrypts and signs messages. They are made in the cluster. */
function encryptionKeys(pipeline: Pipeline): GeneratedSecret {
  return new GeneratedSecret(pipeline, 'message-keys', {
    name: 'studioml-runner-keys',
    keys: {
      'ssh-passphrase': { password: { length: 32 } },
      'ssh-privatekey': { privateKey: { type: 'rsa', bits: 4096, passphraseKey: 'ssh-passphrase' } },
      'ssh-publickey': { publicKey: { of: 'ssh-privatekey', format: 'pem' } },
      'signing-privatekey': { privateKey: { type: 'ed25519' } },
      'signing-publickey': { publicKey: { of: 'signing-privatekey', format: 'openssh' } },
    },
  });
}

/** Credentials for queues of AWS, which the tests use where they are given. */
function awsSqs(key: string): SecretSource {
  return SecretSource.existing('studioml-runner-aws-sqs', key, { optional: true });
}
