import type { IPBlock, NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import { cidrProblems } from './cidr.ts';
import type { Problem } from './problem.ts';

export type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';

const REMEDY = "give { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': NAMESPACE } } }";

/**
 * What is wrong with the peers of a network policy. Kubernetes refuses one that says nothing, and one that mixes
 * addresses with selectors (https://kubernetes.io/docs/concepts/services-networking/network-policies/).
 */
export function peerProblems(property: string, peers: readonly NetworkPolicyPeer[] | undefined): Problem[] {
  if (peers === undefined) return [];
  if (!Array.isArray(peers)) {
    return [{ property, value: peers, message: 'is no list of peers', remedy: `${REMEDY} in a list` }];
  }
  return peers.flatMap((peer: NetworkPolicyPeer, index) => {
    const here = `${property}[${index}]`;
    const { ipBlock, namespaceSelector, podSelector } = peer ?? {};
    const selects = namespaceSelector !== undefined || podSelector !== undefined;
    if (ipBlock === undefined && !selects) {
      return [{ property: here, value: peer, message: 'names nobody', remedy: REMEDY }];
    }
    if (ipBlock === undefined) return [];
    if (selects) {
      const remedy = 'give addresses and pods as two peers';
      return [{ property: here, value: peer, message: 'mixes addresses with selectors', remedy }];
    }
    return blockProblems(`${here}.ipBlock`, ipBlock);
  });
}

function blockProblems(property: string, { cidr, except = [] }: IPBlock): Problem[] {
  return [...cidrProblems(`${property}.cidr`, [cidr]), ...cidrProblems(`${property}.except`, except)];
}
