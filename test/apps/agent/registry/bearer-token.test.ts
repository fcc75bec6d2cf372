import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { RegistryAccount } from '../../../../lib/agent/registry-accounts.ts';
import { clientOf, digestOf, type FakeServer, fakeServer, type Received } from './fake-registry.ts';

const DIGEST = digestOf('image');
const PASSWORD = 'canary-password';
const ACCOUNT: RegistryAccount = { username: 'robot', password: PASSWORD };

type Tokens = (request: Received, response: ServerResponse) => void;

/** A registry that wants the newest token that its server of tokens gave. */
async function registry(
  tokens: Tokens,
  challenge = (realm: string): string =>
    `Bearer realm="${realm}",service="the registry",scope="repository:team/build:pull,push"`,
): Promise<{ readonly registry: FakeServer; readonly auth: FakeServer }> {
  const auth = await fakeServer(tokens);
  const server = await fakeServer(({ authorization }, response) => {
    if (authorization === `Bearer token-${auth.received.length}`) {
      response.writeHead(200, { 'docker-content-digest': DIGEST }).end();
    } else {
      response.writeHead(401, { 'www-authenticate': challenge(`http://${auth.host}/token`) }).end();
    }
  });
  return { registry: server, auth };
}

/** Numbers its tokens, so that a test sees which one is used. */
function numbered(seconds?: number): Tokens {
  let count = 0;
  return (_request, response) => {
    count += 1;
    response.end(
      JSON.stringify({ token: `token-${count}`, ...(seconds !== undefined && { expires_in: seconds }) }),
    );
  };
}

const accountsOf = (host: string, account: RegistryAccount = ACCOUNT) => ({
  accounts: new Map([[host, account]]),
});

describe('a token of a server that a fake registry names', () => {
  test('is asked for with the account, to read only, once for many questions', async () => {
    const { registry: server, auth } = await registry(numbered(300));
    const client = clientOf(server.host, accountsOf(server.host));
    for (let times = 0; times < 3; times += 1)
      expect(await client.digestOf('team/build', 'main')).toBe(DIGEST);
    expect(auth.received).toHaveLength(1);
    const [request] = auth.received;
    const query = new URL(request?.path ?? '', 'http://x').searchParams;
    expect([...query]).toEqual([
      ['service', 'the registry'],
      ['scope', 'repository:team/build:pull'],
    ]);
    expect(request?.authorization).toBe(`Basic ${Buffer.from(`robot:${PASSWORD}`).toString('base64')}`);
    expect(server.received.map(({ authorization }) => authorization)).toEqual([
      undefined,
      'Bearer token-1',
      'Bearer token-1',
      'Bearer token-1',
    ]);
  });

  test('is asked for without an account where there is none', async () => {
    const { registry: server, auth } = await registry(numbered());
    expect(await clientOf(server.host).digestOf('team/build', 'main')).toBe(DIGEST);
    expect(auth.received.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('is another one for another repository', async () => {
    const { registry: server, auth } = await registry(numbered(), (realm) => `Bearer realm="${realm}"`);
    const client = clientOf(server.host);
    await client.digestOf('team/build', 'main');
    await client.digestOf('team/other', 'main');
    expect(auth.received.map(({ path }) => new URL(path, 'http://x').searchParams.get('scope'))).toEqual([
      'repository:team/build:pull',
      'repository:team/other:pull',
    ]);
  });

  test('is asked for again when its time is over, and when the registry refuses it before', async () => {
    const { registry: server, auth } = await registry(numbered(1));
    const client = clientOf(server.host);
    await client.digestOf('team/build', 'main');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await client.digestOf('team/build', 'main');
    expect(auth.received).toHaveLength(2);
    // The third is given to somebody else: the second is refused.
    await fetch(`http://${auth.host}/`);
    expect(await client.digestOf('team/build', 'main')).toBe(DIGEST);
    expect(auth.received).toHaveLength(4);
  });

  test('is got for an identity token by a POST whose body alone has it', async () => {
    const { registry: server, auth } = await registry((_request, response) => {
      response.end(JSON.stringify({ access_token: 'token-1' }));
    });
    const client = clientOf(server.host, accountsOf(server.host, { identityToken: 'canary-identity' }));
    expect(await client.digestOf('team/build', 'main')).toBe(DIGEST);
    const [request] = auth.received;
    expect(request).toMatchObject({ method: 'POST', path: '/token', authorization: undefined });
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      service: 'the registry',
      scope: 'repository:team/build:pull',
      grant_type: 'refresh_token',
      client_id: 'keelson',
      refresh_token: 'canary-identity',
    });
  });
});

describe('no account is sent', () => {
  test('over plain http to another host than the registry', async () => {
    const { registry: server, auth } = await registry(
      numbered(),
      (realm) => `Bearer realm="${realm.replace('127.0.0.1', 'localhost')}"`,
    );
    const error = await clientOf(server.host, accountsOf(server.host)).digestOf('a', 'b').catch(String);
    expect(error).toContain('over plain http, where it is not sent');
    expect(error).not.toContain(PASSWORD);
    expect(auth.received).toEqual([]);
    expect(await clientOf(server.host).digestOf('a', 'b'), 'without an account').toBe(DIGEST);
  });

  test.each([
    ['file:///etc/passwd'],
    ['http://user:password@127.0.0.1/'],
    ['nothing'],
    ['http://169.254.169.254/latest/meta-data/'],
    ['http://[fe80::1]/token'],
    ['http://[::ffff:169.254.169.254]/token'],
  ])('to %s', async (realm) => {
    const { registry: server } = await registry(numbered(), () => `Bearer realm="${realm}"`);
    await expect(clientOf(server.host).digestOf('a', 'b')).rejects.toMatchObject({
      name: 'RegistryError',
      kind: 'protocol',
    });
  });

  test('to where the server of tokens redirects', async () => {
    const other = await fakeServer((_request, response) => response.end('{"token":"x"}'));
    const { registry: server } = await registry((_request, response) => {
      response.writeHead(307, { location: `http://${other.host}/` }).end();
    });
    await expect(clientOf(server.host, accountsOf(server.host)).digestOf('a', 'b')).rejects.toMatchObject({
      kind: 'protocol',
    });
    expect(other.received).toEqual([]);
  });
});

describe('a server of tokens that gives none', () => {
  test.each<[string, Tokens, string]>([
    ['401', (_, response) => response.writeHead(401).end(), 'unauthorized'],
    ['403', (_, response) => response.writeHead(403).end(), 'unauthorized'],
    ['500', (_, response) => response.writeHead(500).end(), 'unreachable'],
    ['429', (_, response) => response.writeHead(429).end(), 'unreachable'],
    ['nothing at all', (_, response) => response.destroy(), 'unreachable'],
    ['a page', (_, response) => response.end('<html>'), 'protocol'],
    ['null', (_, response) => response.end('null'), 'protocol'],
    ['a token with a line break', (_, response) => response.end('{"token":"a\\r\\nb: c"}'), 'protocol'],
    ['a number', (_, response) => response.end('{"token":1}'), 'protocol'],
    ['a megabyte', (_, response) => response.end(`{"token":"${'a'.repeat(1e6)}"}`), 'too-large'],
  ])('%s', async (_name, tokens, kind) => {
    const { registry: server } = await registry(tokens);
    const error = await clientOf(server.host, accountsOf(server.host))
      .digestOf('a', 'b')
      .catch((e) => e);
    expect(error).toMatchObject({ name: 'RegistryError', kind });
    expect(String(error)).toContain(`registry ${server.host}, repository a: `);
    expect(JSON.stringify([String(error), error, String(error.cause)])).not.toContain(PASSWORD);
  });

  test('is not asked for ever: a registry that refuses each token is asked twice', async () => {
    const { registry: server, auth } = await registry((_request, response) =>
      response.end('{"token":"wrong"}'),
    );
    await expect(clientOf(server.host).digestOf('a', 'b')).rejects.toMatchObject({ kind: 'unauthorized' });
    expect([server.received.length, auth.received.length]).toEqual([2, 1]);
  });
});
