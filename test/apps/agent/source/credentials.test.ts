import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { temporaryDirectory } from '../archive/temporary.ts';
import { type Fetched, fetched, gitServer } from './fetched.ts';
import { ADDRESS, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const TOKEN = 'ghp_canary0123456789abcdefghijklmnopqrst';
const BASIC = Buffer.from(`x-access-token:${TOKEN}`).toString('base64');
const basicAuth = { username: 'x-access-token', password: TOKEN };

/** The variables of a mounted token. */
function tokenFile(token: string = TOKEN): Record<string, string> {
  const file = join(temporaryDirectory(), 'token');
  writeFileSync(file, `${token}\n`, { mode: 0o444 });
  return { KEELSON_GIT_USERNAME: 'x-access-token', KEELSON_GIT_TOKEN_FILE: file };
}

/** The files of a directory in which one of the texts stands. */
function filesWith(directory: string, ...texts: readonly string[]): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => {
    const file = join(directory, path);
    return statSync(file).isFile() && texts.some((text) => readFileSync(file).includes(text));
  });
}

function expectNoToken({ directory, printed }: Fetched): void {
  expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toMatch(/^[0-9a-f]{40}\n$/);
  expect(filesWith(directory, TOKEN, BASIC)).toEqual([]);
  expect(printed).not.toContain(TOKEN);
  expect(printed).not.toContain(BASIC);
}

describe('a private repository', () => {
  test('is read with the token, which is nowhere in the directory or the log afterwards', async () => {
    const server = await gitServer({ basicAuth });
    const repository = await server.createRepository('private');
    const commit = await repository.commit('main', { file: 'x' });
    const directory = temporaryDirectory();
    const environment = tokenFile();
    const temporary = temporaryDirectory();
    vi.stubEnv('TMPDIR', temporary);
    expectNoToken(await fetched({ url: server.url('private'), commit, environment, directory }));
    vi.unstubAllEnvs();
    expect(readdirSync(temporary)).toEqual([]);
  });

  test('is not read with a wrong token, or none, which is tried once and said without it', async () => {
    const server = await gitServer({ basicAuth });
    const repository = await server.createRepository('private');
    const commit = await repository.commit('main', { file: 'x' });
    const started = Date.now();
    const wrong = await fetched({
      url: server.url('private'),
      commit,
      environment: tokenFile('wrong-canary'),
    }).catch((error: unknown) => error);
    expect(wrong).toMatchObject({ kind: 'unauthorized' });
    expect(String(wrong)).not.toContain('wrong-canary');
    await expect(fetched({ url: server.url('private'), commit })).rejects.toMatchObject({
      kind: 'unauthorized',
    });
    expect(Date.now() - started).toBeLessThan(4000);
  });

  test('follows a redirect on its own server, and takes the token to no other', async () => {
    const asked: (string | undefined)[] = [];
    const thief = await gitServer({
      intercept: ({ headers }) => {
        asked.push(headers.authorization);
        return false;
      },
    });
    await thief.createRepository('moved');
    const server = await gitServer({
      basicAuth,
      intercept: (request, response) => {
        const to = /^\/old\.git/.test(request.url ?? '') ? '' : `http://127.0.0.1:${thief.port}`;
        if (to === '' || /^\/away\.git/.test(request.url ?? '')) {
          const location = `${to}${request.url?.replace(/^\/\w+\.git/, '/moved.git')}`;
          response.writeHead(301, { location }).end();
          return true;
        }
        return false;
      },
    });
    const repository = await server.createRepository('moved');
    const commit = await repository.commit('main', { file: 'x' });
    expectNoToken(await fetched({ url: server.url('old'), commit, environment: tokenFile() }));
    await expect(
      fetched({ url: server.url('away'), commit, environment: tokenFile() }),
    ).rejects.toMatchObject({
      kind: 'refused',
    });
    expect(asked).toEqual([]);
  });
});

test.skipIf(ADDRESS === undefined)(
  'a process that fails prints no token (skipped where loopback is the only address)',
  async () => {
    const server = await gitServer({ host: ADDRESS ?? '', basicAuth: { ...basicAuth, password: 'another' } });
    await server.createRepository('private');
    const environment = {
      KEELSON_GIT_URL: server.url('private'),
      KEELSON_GIT_BRANCH: 'main',
      KEELSON_GIT_COMMIT: 'a'.repeat(40),
      ...tokenFile(),
    };
    const { code, printed } = await startSource(temporaryDirectory(), environment).ended;
    expect(code).toBe(1);
    expect(printed).toContain('401');
    expect(printed).not.toContain(TOKEN);
    expect(printed).not.toContain(BASIC);
  },
);
