import { Construct } from 'constructs';
import { sound } from '../props/sound.ts';
import { MinioService, type MinioServiceProps } from './minio-service.ts';
import { RabbitService, type RabbitServiceProps } from './rabbit-service.ts';
import type { TestService } from './test-service.ts';

/** Props of {@link MinioRabbitTestStack}. */
export interface MinioRabbitTestStackProps {
  /**
   * The namespace of both services.
   * @default - the pipeline's, or else the chart's
   */
  readonly namespace?: string;
  /**
   * Options of MinIO.
   * @default - those of MinioService
   */
  readonly minio?: Omit<MinioServiceProps, 'namespace'>;
  /**
   * Options of RabbitMQ.
   * @default - those of RabbitService
   */
  readonly rabbit?: Omit<RabbitServiceProps, 'namespace'>;
}

/**
 * The two services that studio-go-runner is tested against: MinIO for objects and RabbitMQ for queues.
 *
 * @example
 * const services = new MinioRabbitTestStack(pipeline, 'services');
 * new KeelWatchedBuild(pipeline, 'build', { image, services, command: ['./base-build.sh'] });
 */
export class MinioRabbitTestStack extends Construct implements Iterable<TestService> {
  /** MinIO. */
  readonly minio: MinioService;
  /** RabbitMQ. */
  readonly rabbit: RabbitService;

  constructor(scope: Construct, id: string, given: MinioRabbitTestStackProps = {}) {
    super(scope, id);
    const props = sound(this, 'MinioRabbitTestStackProps', given);
    const { namespace, minio, rabbit } = props;
    const common = namespace === undefined ? {} : { namespace };
    this.minio = new MinioService(this, 'minio', { ...minio, ...common });
    this.rabbit = new RabbitService(this, 'rabbitmq', { ...rabbit, ...common });
  }

  /** The services, so that the stack can be given wherever services are asked for. */
  [Symbol.iterator](): Iterator<TestService> {
    return [this.minio, this.rabbit].values();
  }
}
