import { Size } from 'cdk8s';
import { Cpu } from 'cdk8s-plus-27';
import { GpuBuildNode, Gpus } from 'keelson';
import { pipeline, platform } from '../support/programs.ts';
import { aBuild, minio, type Row } from './row.ts';

export const resources: readonly Row[] = [
  [
    'a negative CPU',
    aBuild({ resources: { cpu: { limit: Cpu.units(-1) } } }),
    'ci/build: resources.cpu.limit: is not a positive quantity (got "-1"); give Cpu.millis(500) or Cpu.units(2)',
  ],
  [
    'a request over its limit',
    aBuild({ resources: { memory: { request: Size.gibibytes(2), limit: Size.gibibytes(1) } } }),
    'ci/build: resources.memory.request: is more than the limit 1Gi (got "2Gi"); raise the limit or lower the request',
  ],
  [
    'half a GPU',
    (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(0.5) }),
    'ci/gpu: gpus: is not a number of GPUs (got 0.5); give a whole number from 1 to 64, or Gpus.none()',
  ],
  [
    'a GPU less than none',
    (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(-1) }),
    'ci/gpu: gpus: is not a number of GPUs (got -1); …',
  ],
  [
    '65 GPUs',
    (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(65) }),
    'ci/gpu: gpus: is not a number of GPUs (got 65); …',
  ],
  [
    'a part of a GPU that is none',
    (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.mig('half') }),
    `ci/gpu: gpus: is not a MIG profile (got "half"); give one that \`nvidia-smi mig -lgip\` lists, such as '1g.5gb'`,
  ],
  [
    'a runtime that is none',
    (app) => new GpuBuildNode(pipeline(app), 'gpu', { gpus: Gpus.whole(1), runtimeClassName: 'N V' }),
    'ci/gpu: runtimeClassName: is not a valid name of a RuntimeClass (got "N V"); …',
  ],
  [
    'a volume for many nodes on a disk of one',
    aBuild({ volume: { storageClassName: 'gp2', accessMode: 'ReadWriteMany' } }),
    `ci/build: volume.accessMode: can't be served by the storage class gp2 (got "ReadWriteMany"); use ReadWriteOnce, or a class for shared volumes such as NFS`,
  ],
  ['a volume of nothing', aBuild({ volume: { size: Size.gibibytes(0) } }), 'ci/build…volume.size…'],
  ['a service with a volume of nothing', minio({ storage: Size.gibibytes(0) }), 'ci/minio…storage…'],
  [
    'a volume at no path',
    aBuild({ volume: { mountPath: 'build' } }),
    'ci/build: volume.mountPath: is not a directory to mount at (got "build"); give an absolute path that is not the build\'s own, such as /build',
  ],
  [
    'a volume in the place of the run directory',
    aBuild({ volume: { mountPath: '/keelson/run' } }),
    'ci/build: volume.mountPath…(got "/keelson/run"); …',
  ],
  [
    'a cache that keeps half a mebibyte more',
    (app) => platform(app, { cache: { maxMemory: Size.kibibytes(1536) } }),
    'platform/cache: maxMemory: is not a whole number of mebibytes (got "1536Ki"); give Size.mebibytes(512)',
  ],
  [
    'a cache whose memory is less than it keeps',
    (app) =>
      platform(app, {
        cache: { maxMemory: Size.gibibytes(2), resources: { memory: { limit: Size.gibibytes(1) } } },
      }),
    'platform/cache: …',
  ],
];
