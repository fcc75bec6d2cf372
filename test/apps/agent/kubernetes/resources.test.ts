import { afterEach, describe, expect, test } from 'vitest';
import { json, type LocalServer, MAP, serve } from './local-server.ts';

let local: LocalServer | undefined;

afterEach(() => local?.close());

describe('the path of an object', () => {
  test.each(['', '.', '..', '../../secrets', 'a/b', 'a%2fb'])('is none for the name %j', async (name) => {
    local = await serve((_, response) => json(response, 200, {}));
    const client = local.client();
    for (const reference of [
      { ...MAP, name },
      { ...MAP, namespace: name },
    ]) {
      await expect(client.get(reference)).rejects.toThrow('no name of a Kubernetes object');
      await expect(client.delete(reference)).rejects.toThrow('no name of a Kubernetes object');
    }
    expect(local.requests).toEqual([]);
  });

  test('holds names that a URL has other meanings for', async () => {
    local = await serve((_, response) => json(response, 200, {}));
    await local.client().get({ apiVersion: 'v1', kind: 'Namespace', name: 'a?b#c d:ü' });
    expect(local.requests).toEqual(['GET /api/v1/namespaces/a%3Fb%23c%20d%3A%C3%BC']);
  });

  test('needs a namespace where the kind has one', async () => {
    local = await serve((_, response) => json(response, 200, {}));
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'map' };
    await expect(local.client().get(reference)).rejects.toThrow('needs a namespace');
  });

  test('is asked for again where a kind was not known', async () => {
    local = await serve((_, response, before) => {
      const resources = before === 0 ? [] : [{ name: 'things', kind: 'Thing', namespaced: false }];
      json(response, 200, { resources });
    });
    const client = local.client();
    const thing = { apiVersion: 'example.com/v1', kind: 'Thing', name: 'a' };
    await expect(client.get(thing)).rejects.toThrow('the API server knows no Thing in example.com/v1');
    await client.get(thing);
    expect(local.requests.at(-1)).toBe('GET /apis/example.com/v1/things/a');
  });
});
