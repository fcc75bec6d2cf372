import { type ApiObject, Size, SizeRoundingBehavior } from 'cdk8s';
import { Construct } from 'constructs';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { ONE_VOLUME } from '../kubernetes/linter-reasons.ts';
import { IsolatedNamespace } from '../kubernetes/namespace.ts';
import { type Destination, networkPolicy, tcp } from '../kubernetes/network.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import {
  type ContainerResources,
  parseQuantity,
  quantity,
  resourceProblems,
  resourceRequirements,
} from '../kubernetes/resources.ts';
import { service } from '../kubernetes/service.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { claimVolume, workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import { defaultImage } from './default-image.ts';
import type { ImageName } from './image-name.ts';

/** A key-value store in which Makisu finds the layers of earlier builds. */
export interface LayerCache {
  /** Host and port. */
  readonly address: string;
  /** Where its pods are, for network policies. */
  readonly destination: Destination;
}

/** Props of {@link RedisLayerCache}. */
export interface RedisLayerCacheProps {
  /**
   * The cache's namespace.
   * @default 'makisu-cache'
   */
  readonly namespace?: string;
  /**
   * Size of the volume.
   * @default Size.gibibytes(30)
   */
  readonly storage?: Size;
  /**
   * Storage class of the volume.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * The Redis image.
   * @default docker.io/library/redis:7.2.5, of the last line with a BSD licence
   */
  readonly image?: ImageName;
  /**
   * Most memory for cached entries; the least recently used go first.
   * @default Size.mebibytes(512)
   */
  readonly maxMemory?: Size;
  /**
   * Resources of Redis' container. Its memory limit has to exceed `maxMemory`.
   * @default - 50m to 1 CPU, 64 MiB to twice `maxMemory` of memory
   */
  readonly resources?: ContainerResources;
}

const DEFAULT_NAMESPACE = 'makisu-cache';
const NAME = 'redis';
const PORT = 6379;
const SELECTOR = { 'app.kubernetes.io/name': NAME, [KeelsonLabels.STAGE]: 'cache' } as const;

/**
 * Redis as Makisu's cache of layers: it keeps the identifiers by which a build finds the layers of RUN and
 * COPY steps that were built before. Only the image builds of a platform can reach it. Losing it costs
 * time and nothing else.
 *
 * @see https://github.com/uber-archive/makisu/blob/master/docs/CACHE.md
 * @example
 * new RedisLayerCache(chart, 'cache', { storage: Size.gibibytes(30) });
 */
export class RedisLayerCache extends Construct implements LayerCache {
  /** Refers to a cache that another program installed. Nothing is synthesized for it. */
  static existing(props: Pick<RedisLayerCacheProps, 'namespace'> = {}): LayerCache {
    return cacheIn(props?.namespace ?? DEFAULT_NAMESPACE);
  }

  readonly address: string;
  readonly destination: Destination;
  /** The cache's namespace. */
  readonly namespace: IsolatedNamespace;
  /** The Deployment of Redis. */
  readonly deployment: ApiObject;
  /** The Service by which image builds reach it. */
  readonly service: ApiObject;
  /** The claim of its volume. */
  readonly claim: ApiObject;

  constructor(scope: Construct, id: string, given: RedisLayerCacheProps = {}) {
    super(scope, id);
    const props = sound(this, 'RedisLayerCacheProps', given);
    const {
      namespace = DEFAULT_NAMESPACE,
      storage = Size.gibibytes(30),
      maxMemory = Size.mebibytes(512),
      resources,
    } = props;
    const image = props.image ?? defaultImage(this, 'docker.io/library/redis:7.2.5');
    const labels = partLabels(NAME, 'cache');
    reportProblems(this, [
      ...image.problems('image'),
      ...resourceProblems('resources', resources),
      ...wholeProblems(maxMemory),
      ...memoryProblems(maxMemory, resources),
    ]);

    const { address, destination } = cacheIn(namespace);
    this.address = address;
    this.destination = destination;
    this.namespace = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({ 'count/pods': '5', 'limits.cpu': '4', 'limits.memory': '8Gi' }),
    });
    serviceAccount(this, 'service-account', NAME, namespace);
    this.claim = volumeClaim(this, 'claim', { name: 'redis-cache-claim', namespace, labels }, 'storage', {
      size: storage,
      ...(props.storageClassName !== undefined && { storageClassName: props.storageClassName }),
    });
    this.service = service(this, 'service', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      ports: [{ name: 'redis', port: PORT, targetPort: PORT, protocol: 'TCP' }],
    });
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace,
      pods: SELECTOR,
      ingress: () => [
        {
          from: [
            {
              namespaceSelector: { matchExpressions: [{ key: KeelsonLabels.OWNER, operator: 'Exists' }] },
              podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'image-build' } },
            },
          ],
          ports: tcp(PORT),
        },
      ],
    });
    const ping = {
      exec: { command: ['redis-cli', '-p', String(PORT), 'ping'] },
      periodSeconds: 10,
      timeoutSeconds: 5,
    };
    this.deployment = workload(this, 'Resource', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      uid: 10001,
      serviceAccountName: NAME,
      replicas: 1,
      container: () => ({
        name: NAME,
        image: image.toString(),
        imagePullPolicy: 'IfNotPresent',
        // The image's own entrypoint would change the owner of the data as root.
        command: ['redis-server'],
        args: [
          '--port',
          String(PORT),
          '--dir',
          '/data',
          '--save',
          '300 1',
          '--maxmemory',
          `${mebibytes(maxMemory)}mb`,
          '--maxmemory-policy',
          'allkeys-lru',
        ],
        ports: [{ name: 'redis', containerPort: PORT, protocol: 'TCP' }],
        readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 5 },
        livenessProbe: ping,
        resources: resourceRequirements(resources, {
          cpu: { request: { amount: '50m' }, limit: { amount: '1' } },
          memory: { request: Size.mebibytes(64), limit: Size.mebibytes(mebibytes(maxMemory) * 2) },
          ephemeralStorage: { request: Size.mebibytes(64), limit: Size.gibibytes(1) },
        }),
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      }),
      volumes: () => [claimVolume('data', 'redis-cache-claim')],
      linterExceptions: [ONE_VOLUME],
    });
  }
}

function mebibytes(size: Size): number {
  const amount = size.toMebibytes({ rounding: SizeRoundingBehavior.NONE });
  // What is none is reported.
  return isWhole(amount) ? amount : 1;
}

/** Twice as much is the limit of the memory. */
function isWhole(amount: number): boolean {
  return Number.isInteger(amount) && amount >= 1 && amount * 2 <= Number.MAX_SAFE_INTEGER;
}

function wholeProblems(maxMemory: Size): Problem[] {
  if (isWhole(maxMemory.toMebibytes({ rounding: SizeRoundingBehavior.NONE }))) return [];
  return [
    {
      property: 'maxMemory',
      value: quantity(maxMemory),
      message: 'is not a whole number of mebibytes',
      remedy: 'give Size.mebibytes(512)',
    },
  ];
}

function memoryProblems(maxMemory: Size, resources: ContainerResources | undefined): Problem[] {
  const limit = resources?.memory?.limit;
  if (
    limit === undefined ||
    (parseQuantity(quantity(limit)) ?? 0) > (parseQuantity(quantity(maxMemory)) ?? 0)
  )
    return [];
  const message = 'leaves Redis nothing beside what it keeps';
  const remedy = `give more than maxMemory, ${quantity(maxMemory)}: twice as much is well`;
  return [{ property: 'resources.memory.limit', value: quantity(limit), message, remedy }];
}

/** The names and labels by which the cache of a namespace is reached. */
function cacheIn(namespace: string): LayerCache {
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  return {
    address: `${NAME}.${namespace}.svc.cluster.local:${PORT}`,
    destination: { peers: [{ namespaceSelector, podSelector: { matchLabels: SELECTOR } }], ports: [PORT] },
  };
}
