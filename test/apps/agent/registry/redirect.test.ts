import { describe, expect, test } from 'vitest';
import { clientOf, digestOf, fakeServer, image, serve } from './fake-registry.ts';

const DIGEST = digestOf('image');
const ACCOUNT = { username: 'robot', password: 'canary-password' };

describe('a redirect', () => {
  test('of a blob is followed to storage that is not told the account', async () => {
    const { digest, contents } = image('a', { here: 'yes' });
    const storage = await fakeServer(serve(contents));
    const server = await fakeServer(({ path, authorization }, response) => {
      if (authorization === undefined)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      else if (path.includes('/blobs/'))
        response.writeHead(307, { location: `http://${storage.host}${path}` }).end();
      else response.end(contents[path]);
    });
    const client = clientOf(server.host, { accounts: new Map([[server.host, ACCOUNT]]) });
    expect(await client.labelsOf('a', digest)).toEqual({ here: 'yes' });
    expect(storage.received.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('to storage that asks for an account is an error, and it is told none', async () => {
    const storage = await fakeServer((_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    });
    const server = await fakeServer((_request, response) => {
      response.writeHead(302, { location: `http://${storage.host}/` }).end();
    });
    const client = clientOf(server.host, { accounts: new Map([[server.host, ACCOUNT]]) });
    await expect(client.labelsOf('a', DIGEST)).rejects.toMatchObject({ kind: 'unauthorized' });
    expect(storage.received.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test.each([
    ['http://169.254.169.254/latest/meta-data/'],
    ['http://[fd00:ec2::254]/'],
    ['file:///etc/passwd'],
    ['gopher://x'],
    ['http://'],
  ])('to %s is not followed', async (location) => {
    const server = await fakeServer((_request, response) => response.writeHead(302, { location }).end());
    await expect(clientOf(server.host).digestOf('a', 'b')).rejects.toMatchObject({ kind: 'protocol' });
  });

  test('to itself ends', async () => {
    const server = await fakeServer(({ path }, response) =>
      response.writeHead(302, { location: path }).end(),
    );
    await expect(clientOf(server.host).digestOf('a', 'b')).rejects.toThrow('redirects more than 5 times');
    expect(server.received).toHaveLength(6);
  });
});
