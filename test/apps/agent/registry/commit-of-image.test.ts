import { describe, expect, test } from 'vitest';
import { commitOfImage } from '../../../../apps/agent/registry/commit-of-image.ts';
import { clientOf, type FakeServer, fakeServer, image, type Received } from './fake-registry.ts';

const A = 'a'.repeat(40);
const B = 'b'.repeat(40);
const LONG = 'c'.repeat(64);
const REVISION = 'org.opencontainers.image.revision';
const LIST = '/v2/r/tags/list?n=1000';

/** A registry with one image, tags of it and of others, and answers in place of some. */
async function registry(
  labels: Readonly<Record<string, string>>,
  ours: readonly string[],
  others: readonly string[] = [],
  status: (request: Received) => number | undefined = () => undefined,
): Promise<{ readonly server: FakeServer; readonly digest: string }> {
  const { digest, contents } = image('r', labels);
  const server = await fakeServer((request, response) => {
    const { path } = request;
    const tag = path.replace('/v2/r/manifests/', '');
    const failed = status(request);
    if (failed !== undefined) response.writeHead(failed).end();
    else if (path === LIST) response.end(JSON.stringify({ tags: [...others, ...ours] }));
    else if (ours.includes(tag)) response.writeHead(200, { 'docker-content-digest': digest }).end();
    else if (others.includes(tag))
      response.writeHead(200, { 'docker-content-digest': image('r', {}).digest }).end();
    else response.writeHead(contents[path] === undefined ? 404 : 200).end(contents[path]);
  });
  return { server, digest };
}

describe('the commit of an image in a fake registry', () => {
  test('is its label, confirmed by one tag, without a list of tags', async () => {
    const { server, digest } = await registry({ [REVISION]: A }, ['main', `main-${A}`]);
    expect(await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest })).toEqual({
      commit: A,
    });
    expect(server.received.map(({ path }) => path).slice(2)).toEqual([`/v2/r/manifests/main-${A}`]);
  });

  test('is one that is likely, without a list of tags', async () => {
    const { server, digest } = await registry({ x: 'y' }, ['main', `main-${B}`], [`main-${A}`]);
    const found = await commitOfImage(clientOf(server.host), {
      repository: 'r',
      tag: 'main',
      digest,
      likely: [A, B, 'x y'],
    });
    expect(found).toEqual({ commit: B });
    expect(server.received.map(({ path }) => path)).not.toContain(LIST);
  });

  test('of 64 digits is known by a tag with the first 63 of them where it is likely', async () => {
    const { server, digest } = await registry({ x: 'y' }, [`main-${LONG.slice(0, 63)}`]);
    const asked = clientOf(server.host);
    expect(await commitOfImage(asked, { repository: 'r', tag: 'main', digest, likely: [LONG] })).toEqual({
      commit: LONG,
    });
    expect(await commitOfImage(asked, { repository: 'r', tag: 'main', digest })).toBeUndefined();
  });

  test('is that of a tag rather than that of the label, which the image below may have', async () => {
    const { server, digest } = await registry(
      { [REVISION]: A },
      ['main', `main-${B}`],
      [`main-${A}`, 'main-x', `main-${A}-${B}`, `other-${A}`],
    );
    expect(await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest })).toEqual({
      commit: B,
    });
    const asked = server.received.map(({ path }) => path);
    for (const tag of ['main-x', `main-${A}-${B}`, `other-${A}`])
      expect(asked).not.toContain(`/v2/r/manifests/${tag}`);
  });

  test.each(['main', 'v1.0', A.toUpperCase(), `${A} `, 'a'.repeat(41), `${A}\n`])(
    'is not the label %j',
    async (label) => {
      const { server, digest } = await registry({ [REVISION]: label }, ['main']);
      expect(
        await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest }),
      ).toBeUndefined();
    },
  );

  test.each([401, 403, 400])('is the label where tags are not listed: %i', async (status) => {
    const { server, digest } = await registry({ [REVISION]: A }, [], [], ({ path }) =>
      path === LIST ? status : undefined,
    );
    expect(await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest })).toEqual({
      commit: A,
    });
  });

  test.each([LIST, `/v2/r/manifests/main-${A}`])(
    'is no guess while %s fails: asking later may tell',
    async (failing) => {
      const { server, digest } = await registry({ [REVISION]: A }, [], [], ({ path }) =>
        path === failing ? 500 : undefined,
      );
      await expect(
        commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest }),
      ).rejects.toMatchObject({
        kind: 'unreachable',
      });
    },
  );

  test('is told by a tag where the configuration of the image can’t be read', async () => {
    const { server, digest } = await registry({ [REVISION]: A }, [`main-${B}`], [], ({ path }) =>
      path.includes('/blobs/') ? 404 : undefined,
    );
    expect(await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest })).toEqual({
      commit: B,
    });
  });

  test('is looked for in 500 tags at most', async () => {
    const others = Array.from({ length: 2000 }, (_, number) => `main-${String(number).padStart(40, '0')}`);
    const { server, digest } = await registry({ x: 'y' }, ['main'], others);
    expect(
      await commitOfImage(clientOf(server.host), { repository: 'r', tag: 'main', digest }),
    ).toBeUndefined();
    expect(server.received.filter(({ method }) => method === 'HEAD')).toHaveLength(500);
  });
});
