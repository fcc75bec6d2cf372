import { isIP } from 'node:net';
import { type Egress, isDestination } from './network.ts';
import type { Problem } from './problem.ts';

/** What is wrong with ranges of addresses. */
export function cidrProblems(property: string, cidrs: readonly string[]): Problem[] {
  return cidrs
    .filter((cidr) => !isCidr(cidr))
    .map((cidr) => ({
      property,
      value: cidr,
      message: 'is not a range of addresses',
      remedy: 'give CIDRs, such as 10.0.0.5/32',
    }));
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
    if (typeof one === 'string') return cidrProblems(property, [one]);
    if (isDestination(one)) return [];
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

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = String(text).split('/');
  const family = isIP(address);
  return family !== 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
