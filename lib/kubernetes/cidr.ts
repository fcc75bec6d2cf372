import { BlockList, isIP } from 'node:net';
import { type Egress, isDestination } from './network.ts';
import { type Problem, problemsWhenKnown } from './problem.ts';

/** What is wrong with ranges of addresses. */
export function cidrProblems(property: string, cidrs: readonly string[]): Problem[] {
  return problemsWhenKnown(property, cidrs, (known) =>
    known
      .filter((cidr) => !isCidr(cidr))
      .map((cidr) => ({
        property,
        value: cidr,
        message: 'is not a range of addresses',
        remedy: 'give CIDRs, such as 10.0.0.5/32',
      })),
  );
}

/** What is wrong with a list of what pods may connect to. */
export function egressProblems(property: string, egress: readonly Egress[] | undefined): Problem[] {
  if (egress === undefined) return [];
  if (!Array.isArray(egress)) {
    return [
      {
        property,
        value: egress,
        message: 'is not a list',
        remedy: "give CIDRs, such as ['10.1.0.0/16'], or [] for none",
      },
    ];
  }
  return (egress as readonly Egress[]).flatMap((one) => {
    if (typeof one === 'string') return rangeProblems(property, one);
    if (isDestination(one)) {
      return [...one.peers].flatMap((peer) =>
        peer?.ipBlock === undefined ? [] : rangeProblems(property, peer.ipBlock.cidr, peer.ipBlock.except),
      );
    }
    return [
      {
        property,
        value: one,
        message: 'names no peers, or no ports',
        remedy: 'give a CIDR, or { peers, ports } with at least one of each',
      },
    ];
  });
}

/**
 * What no pod may be let connect to: the metadata of clouds with the node's credentials, and what only the node
 * itself reaches.
 */
const CLOSED = ['169.254.169.254', '127.0.0.1', '::1', '::ffff:169.254.169.254'];

function rangeProblems(property: string, given: string, except: unknown = []): Problem[] {
  return problemsWhenKnown(property, [given, except] as const, (known) => openProblems(property, ...known));
}

function openProblems(property: string, given: string, except: unknown): Problem[] {
  const problems = cidrProblems(property, [given]);
  if (problems.length > 0) return problems;
  const cidr = String(given);
  const excepted = Array.isArray(except) ? except.filter(isCidr) : [];
  const isOpen = (address: string): boolean =>
    contains(cidr, address) && !excepted.some((range) => contains(range, address));
  if (!CLOSED.some(isOpen) && !cidr.startsWith('127.')) return [];
  return [
    {
      property,
      value: cidr,
      message: 'has instance metadata or loopback addresses in it',
      remedy: 'give the ranges that are needed, such as 10.1.0.0/16; without egress it is the internet',
    },
  ];
}

function contains(cidr: string, address: string): boolean {
  const [network = '', bits] = cidr.split('/');
  const family = isIP(network);
  if (isIP(address) !== family) return false;
  const range = new BlockList();
  const name = family === 4 ? 'ipv4' : 'ipv6';
  range.addSubnet(network, Number(bits), name);
  return range.check(address, name);
}

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = String(text).split('/');
  const family = isIP(address);
  return family !== 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
