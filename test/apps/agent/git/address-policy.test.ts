import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { HttpConnections } from '../../../../apps/agent/git/http-connections.ts';

const addresses = new AddressPolicy();

const NEVER = [
  ...['127.0.0.1', '127.8.8.8', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255'],
  ...['::1', '::', 'fe80::1', 'fe80::1%eth0', 'febf::1', 'ff02::1', 'fd00:ec2::254', '[::1]'],
  ...['168.63.129.16', '100.100.100.200'],
  // IPv4 in IPv6: mapped, compatible, NAT64, 6to4.
  ...['::ffff:127.0.0.1', '::ffff:a9fe:a9fe', '::169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:7f00:1::1'],
  ...['no address', '', '1.2.3', '2130706433'],
];
const PRIVATE = [
  ...['10.96.0.1', '172.16.0.1', '172.31.39.52', '192.168.1.1', '100.64.0.1', '198.18.0.1', 'fd12::1'],
  ...['::ffff:10.96.0.1', '64:ff9b::a60:1', '2002:a00:1::'],
];
const PUBLIC = ['140.82.112.3', '8.8.8.8', '172.32.0.1', '2606:50c0:8000::154', '::ffff:140.82.112.3'];

test.each(NEVER)('nothing leads to %s', (address) => {
  expect(addresses.admits(address, 'configured')).toBe(false);
  expect(addresses.admits(address, 'redirect')).toBe(false);
});

test.each(PRIVATE)('a configured URL leads to %s, a redirect does not', (address) => {
  expect(addresses.admits(address, 'configured')).toBe(true);
  expect(addresses.admits(address, 'redirect')).toBe(false);
});

test.each(PUBLIC)('a configured URL and a redirect lead to %s', (address) => {
  expect(addresses.admits(address, 'configured')).toBe(true);
  expect(addresses.admits(address, 'redirect')).toBe(true);
});

test('what is allowed in addition is so for configured URLs only, what is denied in addition for nothing', () => {
  const policy = new AddressPolicy({ allow: ['127.0.0.0/8'], deny: ['10.96.0.1', 'fd00::/96'] });
  expect(policy.admits('127.0.0.1', 'configured')).toBe(true);
  expect(policy.admits('127.0.0.1', 'redirect')).toBe(false);
  expect(policy.admits('10.96.0.1', 'configured')).toBe(false);
  expect(policy.admits('::ffff:10.96.0.1', 'configured')).toBe(false);
  expect(policy.admits('10.96.0.2', 'configured')).toBe(true);
  expect(policy.admits('fd00::1', 'configured')).toBe(false);
});

test.each(['localhost', '10.0.0.0/33x', '10.0.0.0/', '', '10.0.0'])('%j is no range', (range) => {
  expect(() => new AddressPolicy({ allow: [range] })).toThrow(RangeError);
});

describe('a name that resolves to a loopback address, which it may do at the second look only', () => {
  test('is refused when it is resolved', async () => {
    await expect(addresses.resolve('localhost', 'configured')).rejects.toMatchObject({ kind: 'refused' });
  });

  test('is refused by the connection itself, although a server listens there', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked++;
      response.end('x');
    });
    await new Promise<void>((done) => server.listen(0, done));
    const url = new URL(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const send = async (policy: AddressPolicy): Promise<number> => {
      const connections = new HttpConnections(policy);
      const signal = AbortSignal.timeout(5000);
      try {
        const response = await connections.request({ url, reach: 'configured', headers: {}, signal });
        response.resume();
        return response.statusCode;
      } finally {
        connections.close();
      }
    };
    try {
      await expect(send(addresses)).rejects.toMatchObject({ kind: 'refused' });
      expect(asked).toBe(0);
      expect(await send(new AddressPolicy({ allow: ['127.0.0.0/8', '::1'] }))).toBe(200);
    } finally {
      server.close();
    }
  });

  test('is no host that is unknown', async () => {
    await expect(addresses.resolve('none.invalid', 'configured')).rejects.toMatchObject({
      kind: 'unreachable',
    });
  });
});
