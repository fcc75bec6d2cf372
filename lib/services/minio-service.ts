import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import type { ServiceConfiguration } from '../agent/configuration.ts';
import { declareStage } from '../app/graph.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { secretVariable } from '../kubernetes/environment.ts';
import type { Destination } from '../kubernetes/network.ts';
import { type ContainerResources, resourceRequirements } from '../kubernetes/resources.ts';
import { scratchVolume, type WorkloadContainer } from '../kubernetes/workload.ts';
import { namespaceOf } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { checkService, serviceCredentials, type TestServiceProps } from './service-props.ts';
import { DATA_VOLUME, serviceWorkload } from './service-workload.ts';
import type { TestService } from './test-service.ts';

/** Props of {@link MinioService}. */
export interface MinioServiceProps extends TestServiceProps {
  /**
   * The Service's name, and so the host by which a build finds it.
   * @default - the name and `-service`: `minio-service`
   */
  readonly serviceName?: string;
  /**
   * MinIO's image. No newer ones are published.
   * @default quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z
   */
  readonly image?: ImageName;
  /**
   * Size of the volume for objects.
   * @default Size.gibibytes(15)
   */
  readonly storage?: Size;
  /**
   * Resources of the container.
   * @default - 100m to 1 CPU, 128 MiB to 1 GiB of memory
   */
  readonly resources?: ContainerResources;
}

const KIND = 'minio';
const PORT = 9000;

/**
 * MinIO, an object store with the S3 protocol, for tests. A build that is given it finds it by
 * `MINIO_TEST_SERVER` (host and port), and its credentials by `MINIO_ROOT_USER` and `MINIO_ROOT_PASSWORD`
 * as well as by the older `MINIO_ACCESS_KEY` and `MINIO_SECRET_KEY`.
 *
 * It counts as ready when `/minio/health/cluster` says so: the `live` and `ready` endpoints answer even
 * where the data can't be read (https://min.io/docs/minio/linux/operations/monitoring/healthcheck-probe.html).
 *
 * @example
 * new KeelWatchedBuild(pipeline, 'build', { image, command, services: [new MinioService(pipeline, 'minio')] });
 */
export class MinioService extends Construct implements TestService {
  readonly namespace: string;
  readonly configuration: ServiceConfiguration;
  readonly environment: readonly EnvVar[];
  readonly destination: Destination;
  /** Its Deployment. */
  readonly deployment: ApiObject;
  /** Its Service. */
  readonly service: ApiObject;
  /** The claim of its volume. */
  readonly claim: ApiObject;

  constructor(scope: Construct, id: string, given: MinioServiceProps = {}) {
    super(scope, id);
    const props = sound(this, 'MinioServiceProps', given, {}, ['clients', 'clients.*']);
    const { name = KIND, serviceName = `${name}-service`, storage = Size.gibibytes(15), resources } = props;
    const image = props.image ?? defaultImage(this, 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z');
    const namespace = namespaceOf(this, props.namespace);
    checkService(this, { image, serviceName, storage, resources, clients: props.clients });
    const { user, password } = serviceCredentials(this, name, namespace, props.credentials);
    const root = [secretVariable('MINIO_ROOT_USER', user), secretVariable('MINIO_ROOT_PASSWORD', password)];

    const made = serviceWorkload(this, {
      name,
      serviceName,
      namespace,
      uid: 10001,
      ports: [{ name: 's3', port: PORT }],
      storage: {
        size: storage,
        ...(props.storageClassName !== undefined && { storageClassName: props.storageClassName }),
      },
      ...(props.clients !== undefined && { clients: props.clients }),
      container: () => container(image, root, resources),
      volumes: () => [scratchVolume('tmp', '256Mi')],
    });
    this.namespace = namespace;
    this.deployment = made.deployment;
    this.service = made.service;
    this.claim = made.claim;
    this.destination = made.destination;
    this.environment = [
      ...root,
      secretVariable('MINIO_ACCESS_KEY', user),
      secretVariable('MINIO_SECRET_KEY', password),
      { name: 'MINIO_TEST_SERVER', value: `${serviceName}:${PORT}` },
    ];
    this.configuration = {
      name,
      deployment: name,
      readiness: { http: { host: serviceName, port: PORT, path: '/minio/health/cluster' } },
    };
    declareStage(this, { title: 'MinIO', detail: `${serviceName}:${PORT}` });
  }
}

function container(
  image: ImageName,
  credentials: EnvVar[],
  resources: ContainerResources | undefined,
): WorkloadContainer {
  return {
    name: KIND,
    image: image.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: ['server', '/data', '--address', `:${PORT}`],
    env: [...credentials, { name: 'HOME', value: '/tmp' }],
    ports: [{ name: 's3', containerPort: PORT, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { path: '/minio/health/cluster', port: PORT },
      periodSeconds: 2,
      failureThreshold: 30,
    },
    livenessProbe: {
      httpGet: { path: '/minio/health/live', port: PORT },
      initialDelaySeconds: 30,
      periodSeconds: 30,
    },
    resources: resourceRequirements(resources, {
      cpu: { request: { amount: '100m' }, limit: { amount: '1' } },
      memory: { request: Size.mebibytes(128), limit: Size.gibibytes(1) },
      ephemeralStorage: { request: Size.mebibytes(64), limit: Size.gibibytes(1) },
    }),
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: '/data' },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}
