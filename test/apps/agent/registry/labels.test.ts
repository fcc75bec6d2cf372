import { describe, expect, test } from 'vitest';
import { clientOf, digestOf, fakeServer, image, serve, text } from './fake-registry.ts';

const DIGEST = digestOf('image');

describe('labels', () => {
  test('of an index are those of its first image that is no attestation', async () => {
    const labelled = image('a', { here: 'yes' });
    const index = text({
      manifests: [
        { digest: DIGEST, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } },
        { digest: DIGEST, platform: { os: 'unknown', architecture: 'unknown' } },
        { digest: labelled.digest, platform: { os: 'linux', architecture: 'amd64' } },
      ],
    });
    const server = await fakeServer(
      serve({ ...labelled.contents, [`/v2/a/manifests/${digestOf(index)}`]: index }),
    );
    expect(await clientOf(server.host).labelsOf('a', digestOf(index))).toEqual({ here: 'yes' });
  });

  test.each<[string, unknown]>([
    ['no configuration', {}],
    ['null', { config: null }],
    ['labels that are null', { config: { Labels: null } }],
    ['labels that are no texts', { config: { Labels: { a: 1, b: { c: 2 } } } }],
  ])('are none where there is %s', async (_name, config) => {
    const manifest = text({ config: { digest: digestOf(config) } });
    const server = await fakeServer(
      serve({
        [`/v2/a/manifests/${digestOf(manifest)}`]: manifest,
        [`/v2/a/blobs/${digestOf(config)}`]: text(config),
      }),
    );
    expect(await clientOf(server.host).labelsOf('a', digestOf(manifest))).toEqual({});
  });

  test('called __proto__ change nothing else', async () => {
    const config = '{"config":{"Labels":{"__proto__":"x"}}}';
    const manifest = text({ config: { digest: digestOf(config) } });
    const server = await fakeServer(
      serve({
        [`/v2/a/manifests/${digestOf(manifest)}`]: manifest,
        [`/v2/a/blobs/${digestOf(config)}`]: config,
      }),
    );
    expect(Object.entries(await clientOf(server.host).labelsOf('a', digestOf(manifest)))).toEqual([
      ['__proto__', 'x'],
    ]);
  });

  test.each<[string, string, string]>([
    ['5 MB', 'a'.repeat(5e6), 'too-large'],
    ['no JSON', '{', 'protocol'],
    ['an old format', '{"schemaVersion":1,"history":[]}', 'protocol'],
    ['an empty index', '{"manifests":[]}', 'protocol'],
    ['an index of what is no digest', '{"manifests":[{"digest":"../../x"}]}', 'protocol'],
    ['null', 'null', 'protocol'],
  ])('of a manifest that is %s are an error', async (_name, manifest, kind) => {
    const digest = digestOf(manifest);
    const server = await fakeServer(serve({ [`/v2/a/manifests/${digest}`]: manifest }));
    await expect(clientOf(server.host).labelsOf('a', digest)).rejects.toMatchObject({
      name: 'RegistryError',
      kind,
    });
  });

  test.each(['manifests', 'blobs'])(
    'of an image whose %s have another digest than was asked for are an error',
    async (kind) => {
      const asked = image('a', { right: 'yes' });
      const given = image('a', { wrong: 'yes' });
      const contentOf = ({ contents }: typeof asked): string =>
        Object.entries(contents).find(([path]) => path.includes(kind))?.[1] ?? '';
      const replaced = Object.entries(asked.contents).map(([path, content]) => [
        path,
        path.includes(kind) ? contentOf(given) : content,
      ]);
      const server = await fakeServer(serve({ ...given.contents, ...Object.fromEntries(replaced) }));
      await expect(clientOf(server.host).labelsOf('a', asked.digest)).rejects.toThrow(
        /what it gives for sha256:.* has the digest/,
      );
    },
  );

  test('of an image that is gone are an error of their own', async () => {
    const server = await fakeServer(serve({}));
    await expect(clientOf(server.host).labelsOf('a', DIGEST)).rejects.toMatchObject({ kind: 'missing' });
  });

  test('of an index of indexes are not looked for without end', async () => {
    const contents: Record<string, string> = {};
    let digest = DIGEST;
    for (let depth = 0; depth < 10; depth += 1) {
      const index = text({ manifests: [{ digest }] });
      digest = digestOf(index);
      contents[`/v2/a/manifests/${digest}`] = index;
    }
    const server = await fakeServer(serve(contents));
    await expect(clientOf(server.host).labelsOf('a', digest)).rejects.toThrow('indexes of indexes');
    expect(server.received).toHaveLength(3);
  });
});
