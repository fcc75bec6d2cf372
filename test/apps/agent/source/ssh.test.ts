import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { TestRepository } from '../../../support/git-repository.ts';
import { contentOf, temporaryDirectory } from '../archive/temporary.ts';
import { missingForSshd, type Sshd, startSshd } from '../git/sshd.ts';
import { fetched, type Wanted } from './fetched.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

/** A commit in a repository behind a real sshd, and what the program is told of it. */
async function overSsh(
  keys: (server: Sshd) => { key: string; knownHosts: string },
): Promise<Wanted & { readonly key: string }> {
  const directory = temporaryDirectory();
  const server = await startSshd(directory);
  onTestFinished(() => server.close());
  const repository = new TestRepository(directory, 'private');
  const commit = await repository.commit('main', { file: 'by ssh' });
  await repository.close();
  const { key, knownHosts } = keys(server);
  const file = join(temporaryDirectory(), 'ssh');
  // As a Secret is mounted: ssh itself would refuse such a file.
  writeFileSync(file, key.trimEnd(), { mode: 0o444 });
  return {
    key,
    url: `ssh://${server.user}@127.0.0.1:${server.port}${repository.directory}`,
    commit,
    environment: { KEELSON_GIT_SSH_KEY_FILE: file, KEELSON_GIT_KNOWN_HOSTS: knownHosts },
  };
}

const right = (server: Sshd): { key: string; knownHosts: string } => ({
  key: server.privateKey,
  knownHosts: server.knownHosts,
});

describe.skipIf(missingForSshd !== '')(`a repository behind a real sshd${missingForSshd}`, () => {
  test('is fetched with the key, which is nowhere afterwards', async () => {
    const wanted = await overSsh(right);
    const directory = temporaryDirectory();
    const temporary = temporaryDirectory();
    vi.stubEnv('TMPDIR', temporary);
    const { printed } = await fetched({ ...wanted, directory });
    vi.unstubAllEnvs();
    expect(readdirSync(temporary)).toEqual([]);
    expect(contentOf(directory)).toMatchObject({ file: 'by ssh', '.git/HEAD': `${wanted.commit}\n` });
    const secret = wanted.key.split('\n')[2] ?? 'no key';
    for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      expect(readFileSync(join(entry.parentPath, entry.name)).includes(secret), entry.name).toBe(false);
    }
    expect(printed).not.toContain(secret);
  });

  test('is not fetched with a key that the server does not know, nor from a server that is not known', async () => {
    const other = await overSsh((server) => ({ ...right(server), key: server.otherKey }));
    await expect(fetched(other)).rejects.toMatchObject({ kind: 'unauthorized' });
    const wrong = await overSsh((server) => ({ ...right(server), knownHosts: server.wrongKnownHosts }));
    await expect(fetched(wrong)).rejects.toMatchObject({ kind: 'refused' });
  });
});
