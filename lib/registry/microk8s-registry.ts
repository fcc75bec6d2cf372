import { type ApiObject, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { isDeferred, whenKnown } from '../kubernetes/deferred.ts';
import { isDnsLabel, isDnsSubdomain } from '../kubernetes/names.ts';
import type { Destination, NetworkPolicyPeer } from '../kubernetes/network.ts';
import { isWrong, type Problem, problemsWhenKnown, reportProblems } from '../kubernetes/problem.ts';
import { sound } from '../props/sound.ts';
import {
  type CollectedRegistry,
  type GarbageCollectionProps,
  garbageCollectionProblems,
} from './garbage-collection.ts';
import { microk8sNodeFiles } from './microk8s-node-files.ts';
import { type ImageOptions, ImageTarget, type NodeFile, type Registry } from './registry.ts';
import { REGISTRY_UID, RegistryWorkload, type RegistryWorkloadProps } from './registry-workload.ts';

/** What {@link MicroK8sRegistry.existing} is told. */
export interface ExistingMicroK8sRegistryProps {
  /**
   * The address of a node, as the other nodes and Keel's pod reach it: never localhost, which in Keel's
   * pod is that pod. On a single machine: `hostname -I`.
   */
  readonly nodeAddress: string;
  /**
   * The NodePort of the registry's Service.
   * @default 32000
   */
  readonly nodePort?: number;
  /**
   * The registry's namespace.
   * @default 'container-registry'
   */
  readonly namespace?: string;
  /**
   * When and how the platform's controller makes room in it: `{}` for once a day. Without it, images are kept for ever.
   * @default - it does not
   */
  readonly garbageCollection?: GarbageCollectionProps;
}

/** The port on which the registry's own container listens. */
const CONTAINER_PORT = 5000;
/** What addon and twin call their objects. */
const REGISTRY = { deployment: 'registry', claim: 'registry-claim', selector: { app: 'registry' } } as const;

/**
 * MicroK8s' registry addon, or a twin of it where there is none.
 *
 * The facts about the addon (namespace, Service, NodePort, labels) are those of
 * https://github.com/canonical/microk8s-core-addons/tree/main/addons/registry.
 *
 * @example
 * // `microk8s enable registry` has been run on the machine:
 * MicroK8sRegistry.existing({ nodeAddress: '172.31.39.52' });
 * // a cluster without the addon:
 * new MicroK8sRegistry(chart, 'registry', { nodeAddress: '172.31.39.52', storage: Size.gibibytes(40) });
 */
export class MicroK8sRegistry extends Construct implements Registry {
  /**
   * Refers to the registry that `microk8s enable registry` made. Nothing is synthesized for it but what collects
   * its garbage, by the program that makes the platform.
   */
  static existing(props: ExistingMicroK8sRegistryProps): Registry {
    return new MicroK8sAddress(props);
  }

  /** The objects of the twin. */
  readonly workload: RegistryWorkload;
  readonly #address: MicroK8sAddress;

  /**
   * Deploys a registry that is like the addon's. Don't use it where the addon is enabled: both would own
   * the same objects.
   */
  constructor(scope: Construct, id: string, given: MicroK8sRegistryProps) {
    super(scope, id);
    const props = sound(this, 'MicroK8sRegistryProps', given, { storage: Size.gibibytes(1) });
    this.#address = new MicroK8sAddress(props);
    reportProblems(this, this.#address.problems('registry'));
    this.workload = new RegistryWorkload(this, 'workload', {
      ...props,
      namespace: this.#address.namespace,
      nodePort: this.#address.nodePort,
    });
  }

  get collected(): CollectedRegistry | undefined {
    const { collected } = this.#address;
    return collected && { ...collected, image: this.workload.image, uid: REGISTRY_UID };
  }

  /** The registry's Deployment. */
  get deployment(): ApiObject {
    return this.workload.deployment;
  }

  get pushHost(): string {
    return this.#address.pushHost;
  }

  get imageHost(): string {
    return this.#address.imageHost;
  }

  get aliases(): readonly string[] {
    return this.#address.aliases;
  }

  get insecure(): boolean {
    return this.#address.insecure;
  }

  get destinations(): readonly Destination[] {
    return this.#address.destinations;
  }

  get nodeFiles(): readonly NodeFile[] {
    return this.#address.nodeFiles;
  }

  aliasServices(namespace: string): ReturnType<Registry['aliasServices']> {
    return this.#address.aliasServices(namespace);
  }

  /** Its problems are reported on the construct itself. */
  problems(): Problem[] {
    return [];
  }

  image(repository: string, options: ImageOptions = {}): ImageTarget {
    return new ImageTarget(this, repository, options?.tag);
  }
}

/** Props of {@link MicroK8sRegistry}. */
export interface MicroK8sRegistryProps
  extends ExistingMicroK8sRegistryProps,
    Omit<RegistryWorkloadProps, 'namespace' | 'nodePort'> {
  /** Size of the volume for images. */
  readonly storage: Size;
}

/** The names and addresses that addon and twin have in common. */
class MicroK8sAddress implements Registry {
  readonly namespace: string;
  readonly nodePort: number;
  readonly pushHost: string;
  readonly imageHost: string;
  readonly aliases: readonly string[] = [`microk8s-registry:${CONTAINER_PORT}`];
  readonly insecure = true;
  readonly #nodeAddress: string;
  readonly #garbageCollection: GarbageCollectionProps | undefined;

  constructor(props: ExistingMicroK8sRegistryProps) {
    const {
      nodeAddress,
      nodePort = 32000,
      namespace = 'container-registry',
      garbageCollection,
    }: ExistingMicroK8sRegistryProps = props ?? {};
    this.namespace = namespace;
    this.nodePort = nodePort;
    this.#nodeAddress = nodeAddress;
    this.#garbageCollection = garbageCollection;
    this.pushHost = `registry.${namespace}.svc.cluster.local:${CONTAINER_PORT}`;
    this.imageHost = `${nodeAddress}:${nodePort}`;
  }

  get destinations(): readonly Destination[] {
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': this.namespace } };
    const pods: Destination = {
      peers: [{ namespaceSelector, podSelector: { matchLabels: { app: 'registry' } } }],
      ports: [CONTAINER_PORT],
    };
    const address = this.#nodeAddress;
    if (!isDeferred(address) && !isIpv4(address)) return [pods];
    // Of a host name, which nothing but the pods can stand for here, nothing more than them is allowed.
    const peer = whenKnown([address, pods.peers[0] ?? {}] as const, peerOf);
    return [pods, { peers: [peer], ports: [this.nodePort] }];
  }

  get nodeFiles(): readonly NodeFile[] {
    return microk8sNodeFiles(this.imageHost);
  }

  /** The addon's pod runs as root, and so its files are root's. */
  get collected(): CollectedRegistry | undefined {
    if (this.#garbageCollection === undefined || isWrong(this.#collectionProblems(''))) return undefined;
    return { ...this.#garbageCollection, ...REGISTRY, namespace: this.namespace, uid: 0 };
  }

  aliasServices(namespace: string): Required<Pick<Service, 'apiVersion' | 'kind' | 'metadata' | 'spec'>>[] {
    return [
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'microk8s-registry', namespace },
        spec: {
          type: 'ExternalName',
          externalName: `registry.${this.namespace}.svc.cluster.local`,
          ports: [{ port: CONTAINER_PORT }],
        },
      },
    ];
  }

  problems(property: string): Problem[] {
    return [
      ...problemsWhenKnown(`${property}.nodeAddress`, this.#nodeAddress, (known) =>
        nodeAddressProblems(`${property}.nodeAddress`, known),
      ),
      ...this.#portProblems(property),
      ...this.#collectionProblems(`${property}.`),
    ];
  }

  #portProblems(property: string): Problem[] {
    const problems: Problem[] = [];
    if (!Number.isInteger(this.nodePort) || this.nodePort < 1 || this.nodePort > 65535) {
      problems.push({
        property: `${property}.nodePort`,
        value: this.nodePort,
        message: 'is not a port',
        remedy: 'give the NodePort of the registry; the addon uses 32000',
      });
    }
    if (!isDnsLabel(this.namespace)) {
      problems.push({
        property: `${property}.namespace`,
        value: this.namespace,
        message: 'is not a valid name of a namespace',
        remedy: 'leave it out: the addon uses container-registry',
      });
    }
    return problems;
  }

  #collectionProblems(prefix: string): Problem[] {
    return garbageCollectionProblems(`${prefix}garbageCollection`, this.#garbageCollection);
  }

  image(repository: string, options: ImageOptions = {}): ImageTarget {
    return new ImageTarget(this, repository, options?.tag);
  }
}

function peerOf([address, pods]: readonly [address: string, pods: NetworkPolicyPeer]): NetworkPolicyPeer {
  return isIpv4(address) ? { ipBlock: { cidr: `${address}/32` } } : pods;
}

function isIpv4(text: string): boolean {
  const parts = typeof text === 'string' ? text.split('.') : [];
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function nodeAddressProblems(property: string, address: string): Problem[] {
  const problems: Problem[] = [];
  if (/^(localhost|127(\.[0-9]+){3}|::1|\[::1\])$/i.test(address)) {
    problems.push({
      property: property,
      value: address,
      message: "can't be polled by Keel, for whose pod it is the pod itself",
      remedy: 'give the address by which other machines reach the node (`hostname -I` prints it)',
    });
  } else if (!isIpv4(address) && (!isDnsSubdomain(address) || /^[0-9.]+$/.test(address))) {
    problems.push({
      property: property,
      value: address,
      message: 'is not an IPv4 address or a host name',
      remedy: 'give the address of a node, such as 172.31.39.52, without scheme or port',
    });
  }
  return problems;
}
