import { afterEach, describe, expect, test } from 'vitest';
import { configMap, json, type LocalServer, MAP, serve } from './local-server.ts';

let local: LocalServer | undefined;

afterEach(() => local?.close());

const CONFLICT = { kind: 'Status', reason: 'Conflict', message: 'the object has been modified' };

describe('what is sent again to a server on this machine', () => {
  test.each([429, 500, 503])('a request answered with %i', async (status) => {
    local = await serve((_, response, before) =>
      json(response, before < 3 ? status : 200, configMap('map', '1')),
    );
    expect((await local.client().get(MAP))?.metadata.name).toBe('map');
    expect(local.requests).toHaveLength(4);
  });

  test.each([400, 403, 404, 410, 422])('not one answered with %i', async (status) => {
    local = await serve((_, response) => json(response, status, { message: 'no' }));
    await local
      .client()
      .patch(MAP, {})
      .catch((error: unknown) => expect(error).toMatchObject({ status }));
    expect(local.requests).toHaveLength(1);
  });

  test('no request for ever', async () => {
    local = await serve((_, response) => json(response, 500, { message: 'etcd has no leader' }));
    await expect(local.client().get(MAP)).rejects.toThrow('500 etcd has no leader');
    expect(local.requests).toHaveLength(6);
  });

  test('not sooner than the API server asks for', async () => {
    local = await serve((_, response, before) => {
      if (before === 0) json(response, 429, { message: 'slow down' }, { 'retry-after': '1' });
      else json(response, 200, configMap('map', '1'));
    });
    const startedAt = performance.now();
    await local.client().get(MAP);
    expect(performance.now() - startedAt).toBeGreaterThan(950);
  });

  test('nothing once the signal is aborted, and the pause ends then', async () => {
    local = await serve((_, response) => json(response, 503, {}, { 'retry-after': '20' }));
    const client = local.client().until(AbortSignal.timeout(100));
    const startedAt = performance.now();
    await expect(client.get(MAP)).rejects.toMatchObject({ status: 503 });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe('a conflict', () => {
  const conflictAtFirst = async (): Promise<LocalServer> => {
    local = await serve((_, response, before) =>
      before < 2 ? json(response, 409, CONFLICT) : json(response, 200, configMap('map', '1')),
    );
    return local;
  };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'map', namespace: 'ns' } };

  test('is no obstacle to what says nothing of a version', async () => {
    const client = (await conflictAtFirst()).client();
    await client.patch(MAP, { data: {} });
    await client.apply(object, { fieldManager: 'test' });
    await client.create(object);
    await client.delete(MAP);
  });

  test('is an error of what names the version that it changes, and of what takes over no fields', async () => {
    const client = (await conflictAtFirst()).client();
    const metadata = { resourceVersion: '1' };
    await expect(client.patch(MAP, { metadata })).rejects.toMatchObject({ status: 409 });
    const versioned = { ...object, metadata: { ...object.metadata, ...metadata } };
    await expect(client.apply(versioned, { fieldManager: 'test' })).rejects.toMatchObject({ status: 409 });
    const unforced = client.apply(object, { fieldManager: 'test', force: false });
    await expect(unforced).rejects.toMatchObject({ status: 409 });
    expect(local?.requests).toHaveLength(3);
  });

  test('ends a deletion where the object has another UID than the one that is meant', async () => {
    const other = { ...configMap('map', '1'), metadata: { name: 'map', uid: 'b' } };
    local = await serve(({ method }, response) =>
      method === 'DELETE' ? json(response, 409, CONFLICT) : json(response, 200, other),
    );
    await local.client().delete(MAP, 'a');
    expect(local.requests).toHaveLength(2);
  });
});
