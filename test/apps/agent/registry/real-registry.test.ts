import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitOfImage } from '../../../../apps/agent/registry/commit-of-image.ts';
import { RegistryClient } from '../../../../apps/agent/registry/registry-client.ts';
import { dockerAccounts } from '../../../../lib/agent/registry-accounts.ts';
import { ACCOUNT, missingPrograms, type RunningRegistry, Workplace } from './real-registry.ts';

const missing = missingPrograms();
const REVISION = 'org.opencontainers.image.revision';
const OLD = 'a'.repeat(40);
const NEW = 'b'.repeat(40);

describe.skipIf(missing.length > 0)(
  `a real docker-registry with TLS of a private authority and accounts${missing.length > 0 ? ` (missing: ${missing.join(', ')})` : ''}`,
  () => {
    let workplace: Workplace;
    let registry: RunningRegistry;
    const clients: RegistryClient[] = [];

    const client = (
      account: { username: string; password: string } | undefined,
      trusted = true,
    ): RegistryClient => {
      const auth = Buffer.from(`${account?.username}:${account?.password}`).toString('base64');
      const made = new RegistryClient({
        host: registry.host,
        insecure: false,
        accounts: account
          ? dockerAccounts(JSON.stringify({ auths: { [registry.host]: { auth } } }))
          : new Map(),
        ...(trusted && { certificateAuthority: workplace.certificateAuthority }),
      });
      clients.push(made);
      return made;
    };
    const push = (layout: string, tag: string): Promise<void> =>
      workplace.push(layout, `${registry.host}/team/build:${tag}`, true);

    beforeAll(async () => {
      workplace = new Workplace();
      registry = await workplace.start(true);
      const labelled = workplace.layout('labelled', { [REVISION]: NEW, team: 'a' }, true);
      await push(labelled, 'main');
      await push(labelled, `main-${NEW}`);
      const plain = workplace.layout('plain', {});
      await push(plain, 'plain');
      await push(plain, `plain-${OLD}`);
      await push(workplace.layout('other', { other: 'yes' }), `plain-${NEW}`);
      // Built FROM an image with the label, by a program that sets none.
      const inherited = workplace.layout('inherited', { [REVISION]: OLD, 'of.base': 'yes' });
      await push(inherited, 'inherited');
      await push(inherited, `inherited-${NEW}`);
      await push(workplace.layout('label-alone', { [REVISION]: NEW, alone: 'yes' }), 'alone');
      await push(workplace.layout('unknown', { [REVISION]: 'v1.0' }), 'unknown');
    }, 60_000);
    afterAll(async () => {
      for (const made of clients) made.close();
      await registry?.stop();
      workplace?.remove();
    });

    test('gives the digest that skopeo sees, and none for a tag or a repository that is not there', async () => {
      const asked = client(ACCOUNT);
      const digest = await asked.digestOf('team/build', 'main');
      expect(digest).toBe(await workplace.inspected(`${registry.host}/team/build:main`));
      expect(await asked.digestOf('team/build', digest ?? '')).toBe(digest);
      expect(await asked.digestOf('team/build', 'other')).toBeUndefined();
      expect(await asked.digestOf('team/other', 'main')).toBeUndefined();
    });

    test('gives the labels of an image, and those of the image in an index with an attestation', async () => {
      const asked = client(ACCOUNT);
      const labels = async (tag: string): Promise<unknown> =>
        asked.labelsOf('team/build', (await asked.digestOf('team/build', tag)) ?? '');
      expect(await labels('main')).toEqual({ [REVISION]: NEW, team: 'a' });
      expect(await labels('unknown')).toEqual({ [REVISION]: 'v1.0' });
      expect(await labels('plain')).toEqual({});
    });

    test('gives all tags', async () => {
      expect([...(await client(ACCOUNT).tagsOf('team/build'))].sort()).toEqual(
        [
          'main',
          `main-${NEW}`,
          'plain',
          `plain-${OLD}`,
          `plain-${NEW}`,
          'inherited',
          `inherited-${NEW}`,
          'alone',
          'unknown',
        ].sort(),
      );
      expect(await client(ACCOUNT).tagsOf('team/other')).toEqual([]);
    });

    test.each([
      ['main', NEW],
      ['plain', OLD],
      ['inherited', NEW],
      ['alone', NEW],
      ['unknown', undefined],
    ])('tells the commit of %s', async (tag, commit) => {
      const asked = client(ACCOUNT);
      const digest = (await asked.digestOf('team/build', tag)) ?? '';
      const found = await commitOfImage(asked, { repository: 'team/build', tag, digest });
      expect(found).toEqual(commit === undefined ? undefined : { commit });
    });

    test.each([
      ['none', undefined],
      ['a wrong password', { username: ACCOUNT.username, password: 'canary-wrong' }],
    ])('refuses an account: %s', async (_name, account) => {
      const error = await client(account)
        .digestOf('team/build', 'main')
        .catch((e) => e);
      expect(error).toMatchObject({ name: 'RegistryError', kind: 'unauthorized' });
      expect(error.message).toContain(`registry ${registry.host}, repository team/build: it answered 401: `);
      expect(JSON.stringify([error.message, String(error.cause), error])).not.toContain('canary');
    });

    test('is not spoken to without the certificates of its authority, nor by plain http', async () => {
      await expect(client(ACCOUNT, false).digestOf('team/build', 'main')).rejects.toThrow(
        /can't be reached: give the certificates of its authority as certificateAuthority/,
      );
      const plain = new RegistryClient({ host: registry.host, insecure: true, accounts: new Map() });
      clients.push(plain);
      await expect(plain.digestOf('team/build', 'main')).rejects.toMatchObject({ name: 'RegistryError' });
    });

    test('is asked again by the same client after it was killed and came back', async () => {
      const asked = client(ACCOUNT);
      const before = await asked.digestOf('team/build', 'main');
      const { port } = registry;
      await registry.stop();
      await expect(asked.digestOf('team/build', 'main')).rejects.toMatchObject({ kind: 'unreachable' });
      registry = await workplace.start(true, port);
      expect(await asked.digestOf('team/build', 'main')).toBe(before);
    });

    test('in plain http is asked where it is said to be so', async () => {
      const insecure = await workplace.start(false);
      try {
        await workplace.push(workplace.layout('http', { http: 'yes' }), `${insecure.host}/a:main`, false);
        const asked = new RegistryClient({ host: insecure.host, insecure: true, accounts: new Map() });
        clients.push(asked);
        const digest = await asked.digestOf('a', 'main');
        expect(await asked.labelsOf('a', digest ?? '')).toEqual({ http: 'yes' });
        const secure = new RegistryClient({ host: insecure.host, insecure: false, accounts: new Map() });
        clients.push(secure);
        await expect(secure.digestOf('a', 'main')).rejects.toMatchObject({ kind: 'unreachable' });
      } finally {
        await insecure.stop();
      }
    });
  },
);
