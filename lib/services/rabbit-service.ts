import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap, EnvVar } from 'kubernetes-types/core/v1.d.ts';
import type { ServiceConfiguration } from '../agent/configuration.ts';
import { declareStage } from '../app/graph.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { secretVariable } from '../kubernetes/environment.ts';
import { ONE_PROBE } from '../kubernetes/linter-reasons.ts';
import type { Destination } from '../kubernetes/network.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { type ContainerResources, resourceRequirements } from '../kubernetes/resources.ts';
import { scratchVolume, type WorkloadContainer } from '../kubernetes/workload.ts';
import { namespaceOf } from '../pipeline/pipeline-record.ts';
import { sound } from '../props/sound.ts';
import { checkService, serviceCredentials, type TestServiceProps } from './service-props.ts';
import { DATA_VOLUME, serviceWorkload } from './service-workload.ts';
import type { TestService } from './test-service.ts';

/** Props of {@link RabbitService}. */
export interface RabbitServiceProps extends TestServiceProps {
  /**
   * The Service's name, and so the host by which a build finds it.
   * @default - the name and `-service`: `rabbitmq-service`
   */
  readonly serviceName?: string;
  /**
   * RabbitMQ's image.
   * @default docker.io/library/rabbitmq:3.13.7
   */
  readonly image?: ImageName;
  /**
   * Size of the volume for queues.
   * @default Size.gibibytes(4)
   */
  readonly storage?: Size;
  /**
   * Resources of the container.
   * @default - 200m to 1 CPU, 256 MiB to 1 GiB of memory
   */
  readonly resources?: ContainerResources;
}

const KIND = 'rabbitmq';
const AMQP_PORT = 5672;
const MANAGEMENT_PORT = 15672;
const PLUGINS_DIRECTORY = '/keelson/rabbitmq';

/**
 * RabbitMQ with its management plugin, for tests. A build that is given it finds it by `AMQP_URL`, and its
 * credentials by `RABBITMQ_DEFAULT_USER` and `RABBITMQ_DEFAULT_PASS`.
 *
 * @see https://www.rabbitmq.com/docs/configure#supported-environment-variables
 * @example
 * new KeelWatchedBuild(pipeline, 'build', { image, command, services: [new RabbitService(pipeline, 'rabbitmq')] });
 */
export class RabbitService extends Construct implements TestService {
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

  constructor(scope: Construct, id: string, given: RabbitServiceProps = {}) {
    super(scope, id);
    const props = sound(this, 'RabbitServiceProps', given, {}, ['clients', 'clients.*']);
    const { name = KIND, serviceName = `${name}-service`, storage = Size.gibibytes(4), resources } = props;
    const image = props.image ?? defaultImage(this, 'docker.io/library/rabbitmq:3.13.7');
    const namespace = namespaceOf(this, props.namespace);
    checkService(this, { image, serviceName, storage, resources, clients: props.clients });
    const { user, password } = serviceCredentials(this, name, namespace, props.credentials);
    const account = [
      secretVariable('RABBITMQ_DEFAULT_USER', user),
      secretVariable('RABBITMQ_DEFAULT_PASS', password),
    ];

    const pluginsName = `${name}-plugins`;
    kubeObject<ConfigMap>(this, 'plugins', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: pluginsName, namespace },
      data: { enabled_plugins: '[rabbitmq_management].\n' },
    });
    const made = serviceWorkload(this, {
      name,
      serviceName,
      namespace,
      uid: 10001,
      ports: [
        { name: 'rmq-client', port: AMQP_PORT },
        { name: 'rmq-admin', port: MANAGEMENT_PORT },
      ],
      storage: {
        size: storage,
        ...(props.storageClassName !== undefined && { storageClassName: props.storageClassName }),
      },
      ...(props.clients !== undefined && { clients: props.clients }),
      container: () => container(image, account, resources),
      volumes: () => [scratchVolume('tmp', '256Mi'), { name: 'plugins', configMap: { name: pluginsName } }],
      linterExceptions: [
        { checks: ONE_PROBE, reason: 'a broker that takes no connections at all is neither ready nor alive' },
      ],
    });
    this.namespace = namespace;
    this.deployment = made.deployment;
    this.service = made.service;
    this.claim = made.claim;
    this.destination = made.destination;
    this.environment = [
      ...account,
      {
        name: 'AMQP_URL',
        value:
          `amqp://$(RABBITMQ_DEFAULT_USER):$(RABBITMQ_DEFAULT_PASS)@${serviceName}:${AMQP_PORT}` +
          '/%2f?connection_attempts=2&retry_delay=.5&socket_timeout=5',
      },
    ];
    this.configuration = {
      name,
      deployment: name,
      readiness: { amqp: { host: serviceName, port: AMQP_PORT } },
    };
    declareStage(this, { title: 'RabbitMQ', detail: `${serviceName}:${AMQP_PORT}` });
  }
}

function container(
  image: ImageName,
  account: EnvVar[],
  resources: ContainerResources | undefined,
): WorkloadContainer {
  return {
    name: KIND,
    image: image.toString(),
    imagePullPolicy: 'IfNotPresent',
    env: [
      ...account,
      { name: 'HOME', value: '/var/lib/rabbitmq' },
      // A node name without the pod's name in it: the data is found again by the next pod.
      { name: 'RABBITMQ_NODENAME', value: 'rabbit@localhost' },
      { name: 'RABBITMQ_ENABLED_PLUGINS_FILE', value: `${PLUGINS_DIRECTORY}/enabled_plugins` },
      // The default directory is in the read-only part of the image.
      { name: 'RABBITMQ_LOG_BASE', value: '/tmp' },
      { name: 'RABBITMQ_LOGS', value: '-' },
    ],
    ports: [
      { name: 'rmq-client', containerPort: AMQP_PORT, protocol: 'TCP' },
      { name: 'rmq-admin', containerPort: MANAGEMENT_PORT, protocol: 'TCP' },
    ],
    readinessProbe: { tcpSocket: { port: AMQP_PORT }, periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: { tcpSocket: { port: AMQP_PORT }, initialDelaySeconds: 120, periodSeconds: 30 },
    resources: resourceRequirements(resources, {
      cpu: { request: { amount: '200m' }, limit: { amount: '1' } },
      memory: { request: Size.mebibytes(256), limit: Size.gibibytes(1) },
      ephemeralStorage: { request: Size.gibibytes(1), limit: Size.gibibytes(4) },
    }),
    volumeMounts: [
      { name: DATA_VOLUME, mountPath: '/var/lib/rabbitmq' },
      { name: 'tmp', mountPath: '/tmp' },
      { name: 'plugins', mountPath: PLUGINS_DIRECTORY, readOnly: true },
    ],
  };
}
