import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type {
  NetworkPolicy,
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from 'kubernetes-types/networking/v1.d.ts';
import { kubeObject, lazy, type Typed } from './object.ts';

export type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';

/** A peer and the TCP ports on which it is reached. */
export interface Destination {
  /** The pods or addresses. */
  readonly peers: readonly NetworkPolicyPeer[];
  /** Their TCP ports. */
  readonly ports: readonly number[];
}

/** Private address ranges (RFC 1918 and 6598): where clusters keep nodes, pods and Services. */
const PRIVATE = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16'];
/** Link-local addresses, where clouds serve instance metadata with its credentials. */
const LINK_LOCAL = '169.254.0.0/16';

/** Everything outside the cluster: no private, link-local or loopback address. */
export const INTERNET: NetworkPolicyPeer = {
  ipBlock: { cidr: '0.0.0.0/0', except: [...PRIVATE, LINK_LOCAL, '127.0.0.0/8'] },
};

/** Name look-ups in the cluster's DNS. */
export function toDns(): NetworkPolicyEgressRule {
  return {
    to: [
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
        podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
      },
    ],
    ports: [
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ],
  };
}

/**
 * The API server. It is no pod, so only its address could name it; unless `cidrs` gives that, every
 * address but the link-local ones is allowed on the ports that API servers listen on (443 is the Service,
 * 6443 kubeadm's, 16443 MicroK8s').
 */
export function toApiServer(cidrs?: readonly string[]): NetworkPolicyEgressRule {
  return {
    to: cidrs?.map((cidr) => ({ ipBlock: { cidr } })) ?? [
      { ipBlock: { cidr: '0.0.0.0/0', except: [LINK_LOCAL] } },
    ],
    ports: tcp(443, 6443, 16443),
  };
}

/**
 * Something outside of a platform's own parts that its pods may connect to: a range of addresses on any
 * port, as a CIDR, or pods and addresses with their ports.
 */
export type Egress = string | Destination;

/**
 * What pods may connect to outside of a platform's own parts: any port of the internet, without the
 * cluster's own network, or just what `egress` lists, which may be nothing.
 */
export function toInternet(egress: readonly Egress[] | undefined): NetworkPolicyEgressRule[] {
  // What is no list has been reported where it was given.
  if (!Array.isArray(egress)) return [{ to: [INTERNET] }];
  const given: readonly Egress[] = egress;
  const cidrs = given.filter((one) => typeof one === 'string');
  // A rule without peers would allow every address.
  const outside = cidrs.length === 0 ? [] : [{ to: cidrs.map((cidr) => ({ ipBlock: { cidr } })) }];
  return [...outside, ...to(given.filter(isDestination))];
}

/** Whether peers and ports are named: rules without would allow all of them. */
export function isDestination(one: Egress): one is Destination {
  return typeof one === 'object' && one?.peers?.length > 0 && one.ports?.length > 0;
}

/** The given destinations, one rule each. */
export function to(destinations: readonly Destination[]): NetworkPolicyEgressRule[] {
  return destinations.map(({ peers, ports }) => ({ to: [...peers], ports: tcp(...ports) }));
}

/** The same destination once, however many asked for it. */
export function distinct(destinations: readonly Destination[]): Destination[] {
  return [...new Map(destinations.map((destination) => [JSON.stringify(destination), destination])).values()];
}

/** TCP ports. */
export function tcp(...ports: number[]): NetworkPolicyPort[] {
  return ports.map((port) => ({ protocol: 'TCP', port }));
}

export interface NetworkPolicyOptions {
  readonly name: string;
  readonly namespace?: string;
  /** The pods that the policy is about. */
  readonly pods: Readonly<Record<string, string>>;
  readonly ingress?: () => NetworkPolicyIngressRule[];
  readonly egress?: () => NetworkPolicyEgressRule[];
}

/** What a set of pods may do beyond its namespace's default of nothing. */
export function networkPolicy(scope: Construct, id: string, options: NetworkPolicyOptions): ApiObject {
  const { name, namespace, pods, ingress, egress } = options;
  return kubeObject<NetworkPolicy>(scope, id, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, ...(namespace !== undefined && { namespace }) },
    spec: lazy(() => {
      const rules = { ingress: ingress?.() ?? [], egress: egress?.() ?? [] };
      return {
        podSelector: { matchLabels: { ...pods } },
        policyTypes: [...(ingress ? ['Ingress'] : []), ...(egress ? ['Egress'] : [])],
        // An empty list is not stored, so that each apply of one would be a change.
        ...(rules.ingress.length > 0 && { ingress: rules.ingress }),
        ...(rules.egress.length > 0 && { egress: rules.egress }),
      };
    }),
  });
}

/** Denies every connection to and from the pods of a namespace that no other policy allows. */
export function defaultDeny(namespace: string): Typed<NetworkPolicy> {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'default-deny', namespace },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  };
}
