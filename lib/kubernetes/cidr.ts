import { isIP } from 'node:net';
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

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = String(text).split('/');
  const family = isIP(address);
  return family !== 0 && /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}
