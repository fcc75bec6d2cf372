// Everything small enough for a node of two cores.
import { Duration, Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import {
  type BuildJobProps,
  type ImageBuilderProps,
  type MinioRabbitTestStackProps,
  PodSecurity,
} from 'keelson';

/** Props of an image's builder. */
export const smallImage: Pick<ImageBuilderProps, 'timeout' | 'resources'> = {
  timeout: Duration.minutes(4),
  resources: { cpu: { request: Cpu.millis(200) }, ephemeralStorage: { request: Size.gibibytes(1) } },
};

/** Props of both services. */
export const smallServices: Pick<MinioRabbitTestStackProps, 'minio' | 'rabbit'> = {
  minio: { storage: Size.mebibytes(256) },
  rabbit: { storage: Size.mebibytes(256) },
};

/** Props of a build that checks the project. */
export const smallBuild: Pick<BuildJobProps, 'command' | 'podSecurity' | 'volume' | 'resources'> = {
  command: ['node', 'check.mjs'],
  podSecurity: PodSecurity.baseline('the image runs as root'),
  volume: { size: Size.gibibytes(1) },
  resources: {
    cpu: { request: Cpu.millis(100) },
    memory: { request: Size.mebibytes(128) },
    ephemeralStorage: { request: Size.mebibytes(64) },
  },
};
