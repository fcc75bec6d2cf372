import { describe, expect, test } from 'vitest';
import { clientOf, fakeServer, serve } from './fake-registry.ts';

describe('tags', () => {
  test('come page by page', async () => {
    const all = Array.from({ length: 25 }, (_, number) => `tag-${number}`);
    const server = await fakeServer(({ path }, response) => {
      const start = Number(new URL(path, 'http://x').searchParams.get('last') ?? 0);
      const next =
        start + 10 < all.length ? { link: `</v2/a/tags/list?last=${start + 10}&n=10>; rel="next"` } : {};
      response.writeHead(200, next).end(JSON.stringify({ name: 'a', tags: all.slice(start, start + 10) }));
    });
    expect(await clientOf(server.host).tagsOf('a')).toEqual(all);
    expect(server.received).toHaveLength(3);
  });

  test.each([
    ['on another server', '<https://evil.example/v2/a/tags/list?last=1>; rel="next"'],
    ['on another path', '</v2/secret/tags/list?last=1>; rel="next"'],
    ['the same', '<?n=1000>; rel="next"'],
  ])('whose next page is %s are an error', async (name, link) => {
    const server = await fakeServer((_request, response) =>
      response.writeHead(200, { link }).end('{"tags":["a"]}'),
    );
    const asked = clientOf(server.host).tagsOf('a');
    // Of another server only the path and the query are used.
    if (name === 'on another server') await expect(asked).rejects.toThrow('no other page');
    else await expect(asked).rejects.toMatchObject({ kind: 'protocol' });
    expect(server.received.every(({ path }) => path.startsWith('/v2/a/tags/list'))).toBe(true);
  });

  test('that are no tags are left out, and null are none', async () => {
    const server = await fakeServer(
      serve({
        '/v2/a/tags/list?n=1000': '{"tags":["ok","../x","",1,null,"a b"]}',
        '/v2/b/tags/list?n=1000': '{"tags":null}',
      }),
    );
    expect(await clientOf(server.host).tagsOf('a')).toEqual(['ok']);
    expect(await clientOf(server.host).tagsOf('b')).toEqual([]);
    expect(await clientOf(server.host).tagsOf('not-there')).toEqual([]);
  });

  test('without end are an error, not a full memory', async () => {
    const tags = Array.from({ length: 10_000 }, (_, number) => `t${number}`);
    let page = 0;
    const server = await fakeServer((_request, response) => {
      page += 1;
      response.writeHead(200, { link: `<?last=${page}>; rel="next"` }).end(JSON.stringify({ tags }));
    });
    await expect(clientOf(server.host).tagsOf('a')).rejects.toMatchObject({ kind: 'too-large' });
    expect(page).toBe(10);
  });
});
