import { lookup as systemLookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

// Where clouds answer a machine's questions about itself, and give it credentials. No registry is there, but a
// registry can send its clients there: by a redirect, or by the place that it names for tokens.
const REFUSED = new BlockList();
REFUSED.addSubnet('169.254.0.0', 16, 'ipv4');
REFUSED.addSubnet('fe80::', 10, 'ipv6');
REFUSED.addAddress('fd00:ec2::254', 'ipv6');
REFUSED.addAddress('100.100.100.200', 'ipv4');

/** Whether an address is one that a cloud's metadata is served at. */
export function isRefusedAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && REFUSED.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

/** Looks a name up, and refuses one that leads to a metadata service. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, options, (error, found, family) => {
    const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address);
    if (error === null && addresses.some(isRefusedAddress)) {
      callback(new Error(`${hostname} has a link-local address, which no registry has`), '');
    } else {
      callback(error, found, family);
    }
  });
};
