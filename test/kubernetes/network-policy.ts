// Which connections the NetworkPolicies among synthesized objects allow, decided as Kubernetes specifies it, without
// a cluster: a connection needs egress at its source and ingress at its destination.
//
// What Kubernetes leaves to the network plug-in is left out: a pod's connections to itself, to and from its own node,
// and pods on the host's network. Services have no part: a policy sees the pod behind one and the pod's port.
import { BlockList, isIPv6 } from 'node:net';
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js';
import type { LabelSelector, LabelSelectorRequirement, ObjectMeta } from 'kubernetes-types/meta/v1.js';
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from 'kubernetes-types/networking/v1.js';

type Labels = Readonly<Record<string, string>>;

export interface PodRef {
  readonly namespace: string;
  readonly labels: Labels;
  /** With an address, ipBlocks apply to the pod too: some network plug-ins do that, others never. */
  readonly ip?: string;
}

export interface ExternalRef {
  readonly external: string;
}

export interface Connection {
  readonly from: PodRef | ExternalRef;
  readonly to: PodRef | ExternalRef;
  readonly port: number;
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP';
}

export interface Connections {
  allows(connection: Connection): boolean;
}

/** The connections that the given objects (in JSON's form, of any kinds) allow. */
export function connections(objects: readonly unknown[]): Connections {
  const all = objects as readonly AnyObject[];
  const cluster: Cluster = {
    policies: all.filter(isNetworkPolicy),
    pods: all.flatMap(podTemplate),
    namespaces: new Map(all.filter(isNamespace).map(({ metadata }) => [metadata?.name, metadata?.labels])),
  };
  return {
    allows: ({ from, to, port, protocol = 'TCP' }) => {
      const target = { to, port, protocol };
      return permits('Egress', from, to, target, cluster) && permits('Ingress', to, from, target, cluster);
    },
  };
}

interface AnyObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: ObjectMeta;
  readonly spec?: object;
}

interface Pod {
  readonly namespace: string;
  readonly labels: Labels;
  readonly containers: readonly Container[];
}

interface Cluster {
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly Pod[];
  readonly namespaces: ReadonlyMap<string | undefined, Labels | undefined>;
}

/** What is connected to: both directions look at the destination's port. */
interface Target {
  readonly to: PodRef | ExternalRef;
  readonly port: number;
  readonly protocol: string;
}

type Direction = 'Egress' | 'Ingress';

/** Whether the policies on one end allow the other end: all do where none selects it for this direction. */
function permits(
  direction: Direction,
  end: PodRef | ExternalRef,
  other: PodRef | ExternalRef,
  target: Target,
  cluster: Cluster,
): boolean {
  if ('external' in end) return true;
  const selecting = cluster.policies.filter(
    (policy) =>
      namespaceOf(policy) === end.namespace &&
      selects(policy.spec?.podSelector ?? {}, end.labels) &&
      policyTypes(policy).includes(direction),
  );
  if (selecting.length === 0) return true;
  return selecting.some((policy) =>
    rules(direction, policy).some(
      ({ peers, ports }) =>
        (peers.length === 0 || peers.some((peer) => isPeer(peer, other, namespaceOf(policy), cluster))) &&
        (ports.length === 0 || ports.some((port) => isPort(port, target, cluster))),
    ),
  );
}

/** As the API server defaults them: without any, Ingress always and Egress with an egress rule. */
function policyTypes({ spec }: NetworkPolicy): readonly string[] {
  if (spec?.policyTypes?.length) return spec.policyTypes;
  return spec?.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}

interface Rule {
  readonly peers: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

function rules(direction: Direction, { spec }: NetworkPolicy): Rule[] {
  const egress = ({ to = [], ports = [] }: NetworkPolicyEgressRule): Rule => ({ peers: to, ports });
  const ingress = ({ from = [], ports = [] }: NetworkPolicyIngressRule): Rule => ({ peers: from, ports });
  return direction === 'Egress' ? (spec?.egress ?? []).map(egress) : (spec?.ingress ?? []).map(ingress);
}

function isPeer(
  { ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer,
  other: PodRef | ExternalRef,
  policyNamespace: string,
  { namespaces }: Cluster,
): boolean {
  if (ipBlock) {
    const ip = 'external' in other ? other.external : other.ip;
    return ip !== undefined && isInBlock(ip, ipBlock);
  }
  if ('external' in other) return false;
  const inNamespace = namespaceSelector
    ? selects(namespaceSelector, {
        ...namespaces.get(other.namespace),
        'kubernetes.io/metadata.name': other.namespace,
      })
    : other.namespace === policyNamespace;
  return inNamespace && selects(podSelector ?? {}, other.labels);
}

function isInBlock(ip: string, { cidr, except = [] }: IPBlock): boolean {
  return isInCidr(ip, cidr) && !except.some((excepted) => isInCidr(ip, excepted));
}

function isInCidr(ip: string, cidr: string): boolean {
  const [network = '', prefix] = cidr.split('/');
  if (isIPv6(ip) !== isIPv6(network)) return false;
  const family = isIPv6(ip) ? 'ipv6' : 'ipv4';
  const block = new BlockList();
  block.addSubnet(network, Number(prefix), family);
  return block.check(ip, family);
}

function isPort(
  { port, endPort, protocol = 'TCP' }: NetworkPolicyPort,
  target: Target,
  cluster: Cluster,
): boolean {
  if (protocol !== target.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'string') return namedPorts(port, target, cluster).includes(target.port);
  return target.port >= port && target.port <= (endPort ?? port);
}

/** The numbers that a port name has at the destination, by the containers of the pods that it may be. */
function namedPorts(name: string, { to, protocol }: Target, { pods }: Cluster): number[] {
  if ('external' in to) return [];
  const candidates = pods.filter(
    (pod) =>
      pod.namespace === to.namespace &&
      Object.entries(pod.labels).every(([key, value]) => to.labels[key] === value),
  );
  if (candidates.length === 0) {
    throw new Error(`port ${name} is looked up at a pod that no object makes: ${JSON.stringify(to)}`);
  }
  // Of several, those that share most labels: a template with few labels would stand for every pod.
  const most = Math.max(...candidates.map((pod) => Object.keys(pod.labels).length));
  return candidates
    .filter((pod) => Object.keys(pod.labels).length === most)
    .flatMap(({ containers }) => containers.flatMap(({ ports = [] }) => ports))
    .filter((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)
    .map(({ containerPort }) => containerPort);
}

function selects({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => own(labels, key) === value) &&
    matchExpressions.every((expression) => meets(expression, labels))
  );
}

function meets({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
  const value = own(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      throw new Error(`unknown operator ${operator} for label ${key}`);
  }
}

function own(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function namespaceOf({ metadata }: AnyObject | NetworkPolicy): string {
  return metadata?.namespace ?? 'default';
}

function isNetworkPolicy(object: AnyObject): object is NetworkPolicy & AnyObject {
  return object.kind === 'NetworkPolicy' && object.apiVersion === 'networking.k8s.io/v1';
}

function isNamespace(object: AnyObject): boolean {
  return object.kind === 'Namespace' && object.apiVersion === 'v1';
}

/** The pod that an object is or makes: a Pod, a workload's template, a CronJob's Jobs' template. */
function podTemplate(object: AnyObject): Pod[] {
  const isPod = object.kind === 'Pod' && object.apiVersion === 'v1';
  let template = isPod ? (object as Template) : (object.spec as Templated | undefined)?.template;
  template ??= (object.spec as Templated | undefined)?.jobTemplate?.spec?.template;
  if (!template?.spec) return [];
  const { containers = [], initContainers = [] } = template.spec;
  const sidecars = initContainers.filter((container) => container.restartPolicy === 'Always');
  const labels = template.metadata?.labels ?? {};
  return [{ namespace: namespaceOf(object), labels, containers: [...containers, ...sidecars] }];
}

interface Template {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
}

interface Templated {
  readonly template?: Template;
  readonly jobTemplate?: { readonly spec?: { readonly template?: Template } };
}
