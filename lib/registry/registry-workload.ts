import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { NetworkPolicyIngressRule } from 'kubernetes-types/networking/v1.d.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { cidrProblems } from '../kubernetes/cidr.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { ONE_VOLUME } from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters } from '../kubernetes/linters.ts';
import { IsolatedNamespace } from '../kubernetes/namespace.ts';
import { networkPolicy, tcp } from '../kubernetes/network.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { type ContainerResources, resourceProblems, resourceRequirements } from '../kubernetes/resources.ts';
import { service } from '../kubernetes/service.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { claimVolume, workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import { type GarbageCollectionProps, REGISTRY_IMAGE } from './garbage-collection.ts';

/** Props of {@link RegistryWorkload}. */
export interface RegistryWorkloadProps {
  /** The registry's namespace. */
  readonly namespace: string;
  /** The port of every node by which kubelets and Keel reach it. */
  readonly nodePort: number;
  /** Size of the volume for images. */
  readonly storage: Size;
  /**
   * Storage class of the volume.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * The registry's image.
   * @default docker.io/library/registry:2.8.3, which the addon has
   */
  readonly image?: ImageName;
  /**
   * Resources of the registry's container.
   * @default - 50m to 1 CPU, 64 to 512 MiB of memory
   */
  readonly resources?: ContainerResources;
  /**
   * Addresses that may reach the registry beside the cluster's image builds, releases, Keel and the controller:
   * the nodes, whose kubelets pull, and laptops that push.
   * @default - every private address
   */
  readonly clients?: readonly string[];
  /**
   * When and how the platform's controller makes room in it.
   * @default - it does not
   */
  readonly garbageCollection?: GarbageCollectionProps;
}

/** The user of the registry's container, whose the images on the volume are. */
export const REGISTRY_UID = 10001;
const NAME = 'registry';
const PORT = 5000;
/** What the addon labels its pods with. */
const SELECTOR = { app: 'registry' } as const;
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

/** A registry in a namespace of its own, with the names that MicroK8s' addon uses. */
export class RegistryWorkload extends Construct {
  /** The registry's namespace. */
  readonly namespace: IsolatedNamespace;
  /** Its Deployment. */
  readonly deployment: ApiObject;
  /** Its Service, with the NodePort. */
  readonly service: ApiObject;
  /** The claim of its volume. */
  readonly claim: ApiObject;
  /** The registry's image. */
  readonly image: ImageName;

  constructor(scope: Construct, id: string, given: RegistryWorkloadProps) {
    super(scope, id);
    const props = sound(this, 'RegistryWorkloadProps', given, {
      nodePort: 32000,
      storage: Size.gibibytes(1),
    });
    const { namespace, nodePort, storage, storageClassName, resources, clients = PRIVATE } = props;
    const image = props.image ?? defaultImage(this, REGISTRY_IMAGE);
    this.image = image;
    const labels = { ...partLabels(NAME, 'registry'), ...SELECTOR };
    reportProblems(this, [
      ...image.problems('image'),
      ...resourceProblems('resources', resources),
      ...cidrProblems('clients', clients),
      ...portProblems(nodePort),
    ]);

    this.namespace = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({ 'count/pods': '5', 'limits.cpu': '4', 'limits.memory': '8Gi' }),
    });
    serviceAccount(this, 'service-account', NAME, namespace);
    this.claim = volumeClaim(this, 'claim', { name: 'registry-claim', namespace, labels }, 'storage', {
      size: storage,
      ...(storageClassName !== undefined && { storageClassName }),
    });
    this.service = service(this, 'service', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      type: 'NodePort',
      ports: [{ name: 'registry', port: PORT, targetPort: PORT, nodePort, protocol: 'TCP' }],
    });
    exceptFromLinters(this.service, {
      checks: ['kube-score/service-type'],
      reason: 'nodes pull from it, and those are no pods',
    });
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace,
      pods: SELECTOR,
      ingress: () => [ingress(clients)],
    });
    this.deployment = workload(this, 'Resource', {
      name: NAME,
      namespace,
      labels,
      selector: SELECTOR,
      uid: REGISTRY_UID,
      serviceAccountName: NAME,
      // Its garbage is collected while there is none.
      ...(props.garbageCollection === undefined && { replicas: 1 }),
      container: () => ({
        name: NAME,
        image: image.toString(),
        imagePullPolicy: 'IfNotPresent',
        env: [
          { name: 'REGISTRY_HTTP_ADDR', value: `:${PORT}` },
          { name: 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY', value: '/var/lib/registry' },
          { name: 'REGISTRY_STORAGE_DELETE_ENABLED', value: 'yes' },
        ],
        ports: [{ name: 'registry', containerPort: PORT, protocol: 'TCP' }],
        readinessProbe: { httpGet: { path: '/v2/', port: PORT }, periodSeconds: 5 },
        livenessProbe: { httpGet: { path: '/', port: PORT }, periodSeconds: 30 },
        resources: resourceRequirements(resources, {
          cpu: { request: { amount: '50m' }, limit: { amount: '1' } },
          memory: { request: Size.mebibytes(64), limit: Size.mebibytes(512) },
          ephemeralStorage: { request: Size.mebibytes(64), limit: Size.gibibytes(1) },
        }),
        volumeMounts: [{ name: 'images', mountPath: '/var/lib/registry' }],
      }),
      volumes: () => [claimVolume('images', 'registry-claim')],
      linterExceptions: [ONE_VOLUME],
    });
  }
}

/**
 * A registry without accounts is open to whoever reaches it, so few may. A pod's label is the word of whoever may
 * make pods, so that of its namespace counts too: image builds are in those that a controller made, and the
 * rest in those of the library.
 */
function ingress(clients: readonly string[]): NetworkPolicyIngressRule {
  const values = ['image-daemon', 'keel', 'controller', 'release'];
  return {
    from: [
      {
        namespaceSelector: { matchExpressions: [{ key: KeelsonLabels.OWNER, operator: 'Exists' }] },
        podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'image-build' } },
      },
      {
        namespaceSelector: { matchLabels: { 'app.kubernetes.io/managed-by': 'keelson' } },
        podSelector: { matchExpressions: [{ key: KeelsonLabels.STAGE, operator: 'In', values }] },
      },
      ...clients.map((cidr) => ({ ipBlock: { cidr } })),
    ],
    ports: tcp(PORT),
  };
}

function portProblems(nodePort: number): Problem[] {
  if (Number.isInteger(nodePort) && nodePort >= 1 && nodePort <= 65535) return [];
  const remedy = 'give a port that nodes have free; the addon uses 32000';
  return [{ property: 'nodePort', value: nodePort, message: 'is not a port', remedy }];
}
