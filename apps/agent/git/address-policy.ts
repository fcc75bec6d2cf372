import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { GitError } from './git-error.ts';

/**
 * How an address was come by: named by the owner of the pipeline, who may have a git server inside the cluster, or
 * by a server that answered with a redirect.
 */
export type Reach = 'configured' | 'redirect';

/** Options of an {@link AddressPolicy}. */
export interface AddressPolicyOptions {
  /** Addresses or CIDR ranges that a configured URL may name although they are forbidden otherwise. */
  readonly allow?: readonly string[];
  /** Further addresses or CIDR ranges that are forbidden, such as that of the API server. */
  readonly deny?: readonly string[];
}

/**
 * No git server is there: the machine itself, link-local addresses and with them most metadata services, multicast.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
const FORBIDDEN = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', '::1/128', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
  'fd00:ec2::254',
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  '168.63.129.16',
  // https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
  '100.100.100.200',
];

/** Private and otherwise special addresses, of pods and Services among them: no redirect leads there. */
const PRIVATE = [
  ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '192.0.0.0/24', '198.18.0.0/15'],
  ...['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', 'fc00::/7', '100::/64', '2001:db8::/32'],
  ...['64:ff9b:1::/48', '2001::/32'],
];

/** Which addresses git servers may have. Names are resolved by it, so that what was checked is what is connected to. */
export class AddressPolicy {
  readonly #allowed: BlockList;
  readonly #forbidden: BlockList;

  constructor({ allow = [], deny = [] }: AddressPolicyOptions = {}) {
    this.#allowed = addressList(allow);
    this.#forbidden = addressList([...FORBIDDEN, ...deny]);
  }

  /** Whether an IP address may be connected to. */
  admits(address: string, reach: Reach): boolean {
    const plain = address.replace(/^\[|\]$|%.*$/g, '');
    const family = isIP(plain);
    if (family === 0) return false;
    const type = family === 4 ? 'ipv4' : 'ipv6';
    if (reach === 'redirect') return !this.#forbidden.check(plain, type) && !privateList.check(plain, type);
    return this.#allowed.check(plain, type) || !this.#forbidden.check(plain, type);
  }

  /** The addresses of a host, all of them admitted. */
  async resolve(host: string, reach: Reach): Promise<readonly LookupAddress[]> {
    return await new Promise((done, fail) => {
      this.#resolve(host, {}, reach, (error, addresses) => (error === null ? done(addresses) : fail(error)));
    });
  }

  /** A `lookup` for connections, which fails for a name with an address that is not admitted. */
  lookup(reach: Reach): LookupFunction {
    return (host, options, callback) => {
      this.#resolve(host, options, reach, (error, addresses) => {
        const [first] = addresses;
        if (error !== null || first === undefined) callback(error, '', 0);
        else if (options.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  }

  #resolve(
    host: string,
    options: LookupOptions,
    reach: Reach,
    callback: (error: Error | null, addresses: LookupAddress[]) => void,
  ): void {
    lookup(host.replace(/^\[|\]$/g, ''), { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(new GitError('unreachable', `the host ${host} has no address (${error.code})`), []);
        return;
      }
      const bad = addresses.find(({ address }) => !this.admits(address, reach));
      if (bad === undefined) callback(null, addresses);
      else callback(forbiddenAddress(host, bad.address, reach), []);
    });
  }
}

/** An error for an address that is not admitted. */
export function forbiddenAddress(host: string, address: string, reach: Reach): GitError {
  const name = host === address ? host : `${host} (${address})`;
  return new GitError(
    'refused',
    reach === 'redirect'
      ? `the server redirects to ${name}, an address inside the cluster or of the machine itself; redirects must lead to public addresses`
      : `${name} is an address of the machine itself, of its metadata service or of the Kubernetes API; give the host of a git server`,
  );
}

const privateList = addressList(PRIVATE);

/** BlockList reads IPv4-mapped addresses (::ffff:0:0/96) as IPv4; other forms that hold an IPv4 address are added. */
function addressList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address);
    const length = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
    if (family === 0 || !Number.isInteger(length) || bits === '') {
      throw new RangeError(
        `${JSON.stringify(range)} is no IP address or CIDR range; give one such as 10.0.0.0/8`,
      );
    }
    list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
    if (family === 6) continue;
    // RFC 4291 2.5.5.1 (IPv4-compatible), RFC 6052 (NAT64), RFC 3056 (6to4)
    list.addSubnet(`::${address}`, 96 + length, 'ipv6');
    list.addSubnet(`64:ff9b::${address}`, 96 + length, 'ipv6');
    list.addSubnet(`2002:${hexadecimal(address)}::`, 16 + length, 'ipv6');
  }
  return list;
}

function hexadecimal(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
