import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { lookUpHeads } from '../../../../apps/agent/git/heads.ts';
import { GitHttp } from '../../../../apps/agent/git/refs-http.ts';
import type { RepositoryCredential } from '../../../../apps/agent/git/repository.ts';
import type { TestRepository } from '../../../support/git-repository.ts';
import { type GitServer, type GitServerOptions, startGitServer } from '../../../support/git-server.ts';

const addresses = new AddressPolicy({ allow: ['127.0.0.1'] });

/** A server and a client of its own. */
async function started(
  options?: GitServerOptions,
): Promise<{ server: GitServer; http: GitHttp; close(): Promise<void> }> {
  const server = await startGitServer(options);
  const http = new GitHttp({ addresses, timeoutMs: 10_000 });
  const close = async (): Promise<void> => {
    http.close();
    await server.close();
  };
  return { server, http, close };
}

describe("with git's own http-backend", () => {
  let server: GitServer;
  let http: GitHttp;
  let close: () => Promise<void>;
  let repository: TestRepository;
  const heads = async (name: string, ...branches: string[]): Promise<Record<string, string>> =>
    Object.fromEntries(await lookUpHeads({ url: server.url(name) }, branches, { http }));

  beforeAll(async () => {
    ({ server, http, close } = await started());
    repository = await server.createRepository('project');
  });
  afterAll(() => close());

  test('heads are those of the branches that are asked for, and of no longer name', async () => {
    const main = await repository.commit('main', { a: '1' });
    const longer = await repository.commit('main-2', { a: '2' });
    const feature = await repository.commit('feature/x', { a: '3' });
    await repository.setRef('refs/tags/main', longer);
    expect(await heads('project', 'main')).toEqual({ main });
    expect(await heads('project', 'feature/x', 'main', 'absent', 'feature')).toEqual({
      'feature/x': feature,
      main,
    });
    expect(await heads('project')).toEqual({});
  });

  test('new commits, forced ones and removed branches are seen at the next look', async () => {
    const first = await repository.commit('moving', { a: '1' });
    const second = await repository.commit('moving', { a: '2' });
    expect(await heads('project', 'moving')).toEqual({ moving: second });
    await repository.setRef('refs/heads/moving', first);
    expect(await heads('project', 'moving')).toEqual({ moving: first });
    await repository.deleteBranch('moving');
    expect(await heads('project', 'moving')).toEqual({});
  });

  test('a look is one request of less than 1 kB both ways, on a connection that stays', async () => {
    const branches = ['main', 'main-2', 'feature/x', 'absent'];
    await heads('project', ...branches);
    server.reset();
    for (let looks = 0; looks < 10; looks++) await heads('project', ...branches);
    expect(server.counters.requests).toBe(10);
    expect(server.counters.connections).toBe(0);
    expect((server.counters.received + server.counters.sent) / 10).toBeLessThan(1024);
    expect(server.log).toEqual(Array(10).fill('POST /project.git/git-upload-pack'));
  });

  test('5,000 refs beside the branch cost nothing', async () => {
    const large = await server.createRepository('large');
    const main = await large.commit('main', { a: '1' });
    large.setRefs(
      Array.from({ length: 5000 }, (_, index) => `refs/heads/other-${index}`),
      main,
    );
    server.reset();
    expect(await heads('large', 'main')).toEqual({ main });
    expect(server.counters.received + server.counters.sent).toBeLessThan(300);
    const all = Array.from({ length: 200 }, (_, index) => `other-${index}`);
    expect(Object.keys(await heads('large', ...all))).toHaveLength(200);
  });

  test('an empty repository has no heads', async () => {
    await server.createRepository('empty');
    expect(await heads('empty', 'main')).toEqual({});
  });

  test('a repository with SHA-256 is asked in its own way, once that is known', async () => {
    const modern = await server.createRepository('modern', { objectFormat: 'sha256' });
    const main = await modern.commit('main', { a: '1' });
    expect(main).toHaveLength(64);
    expect(await heads('modern', 'main')).toEqual({ main });
    server.reset();
    expect(await heads('modern', 'main')).toEqual({ main });
    expect(server.log).toEqual(['POST /modern.git/git-upload-pack']);
  });

  test('a repository that is not there is an error of its own kind', async () => {
    await expect(heads('none', 'main')).rejects.toMatchObject({ kind: 'not-found' });
  });

  test('a slash at the end of the URL is no matter', async () => {
    const [main] = Object.values(await heads('project', 'main'));
    const found = await lookUpHeads({ url: `${server.url('project')}/` }, ['main'], { http });
    expect(found.get('main')).toBe(main);
  });

  test('a branch that git would not have is refused before anything is sent', async () => {
    server.reset();
    for (const name of ['', '-x', 'a\nb', 'a b', '../x', 'refs/heads/main', 'x.lock', 'a*']) {
      await expect(heads('project', name)).rejects.toMatchObject({ kind: 'refused' });
    }
    expect(server.counters.requests).toBe(0);
  });

  test('the program stops a look', async () => {
    const options = { http, signal: AbortSignal.abort() };
    await expect(lookUpHeads({ url: server.url('project') }, ['main'], options)).rejects.toThrow('stopping');
  });
});

describe('with a server that does not know version 2', () => {
  test('heads are found all the same, and from the second look on by one request', async () => {
    const { server, http, close } = await started({ version2: false });
    try {
      const repository = await server.createRepository('old');
      await server.createRepository('empty');
      const main = await repository.commit('main', { a: '1' });
      await repository.tag('v1', main, { annotated: true });
      const look = async (name: string): Promise<ReadonlyMap<string, string>> =>
        await lookUpHeads({ url: server.url(name) }, ['main', 'absent'], { http });
      expect(await look('old')).toEqual(new Map([['main', main]]));
      expect(await look('empty')).toEqual(new Map());
      server.reset();
      expect(await look('old')).toEqual(new Map([['main', main]]));
      expect(server.log).toEqual(['GET /old.git/info/refs?service=git-upload-pack']);
    } finally {
      await close();
    }
  });
});

describe('with a server that asks for an account', () => {
  const account = { username: 'x-access-token', password: 'tök:en' };
  const credential: RepositoryCredential = {
    kind: 'token',
    username: account.username,
    token: `${account.password}\n`,
  };

  test('a token is sent, and its absence or a wrong one is told without it', async () => {
    const { server, http, close } = await started({ basicAuth: account });
    try {
      const repository = await server.createRepository('private');
      const main = await repository.commit('main', { a: '1' });
      const url = server.url('private');
      expect(await lookUpHeads({ url, credential }, ['main'], { http })).toEqual(new Map([['main', main]]));
      await expect(lookUpHeads({ url }, ['main'], { http })).rejects.toMatchObject({ kind: 'unauthorized' });
      const wrong = { ...credential, token: 's3cret' };
      const error: unknown = await lookUpHeads({ url, credential: wrong }, ['main'], { http }).catch(
        (e) => e,
      );
      expect(error).toMatchObject({ kind: 'unauthorized' });
      expect(String(error)).not.toMatch(/s3cret|x-access/);
    } finally {
      await close();
    }
  });

  test('it is not sent to another origin, nor to one that was found without it', async () => {
    const seen: (string | undefined)[] = [];
    const thief = await started({
      intercept: (request) => {
        seen.push(request.headers.authorization);
        return false;
      },
    });
    const repository = await thief.server.createRepository('private');
    const main = await repository.commit('main', { a: '1' });
    const { server, http, close } = await started({
      intercept: (request, response) => {
        response.writeHead(301, { location: `http://127.0.0.1:${thief.server.port}${request.url}` }).end();
        return true;
      },
    });
    try {
      const url = server.url('private');
      expect(await lookUpHeads({ url }, ['main'], { http })).toEqual(new Map([['main', main]]));
      await expect(lookUpHeads({ url, credential }, ['main'], { http })).rejects.toMatchObject({
        kind: 'refused',
      });
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.every((header) => header === undefined)).toBe(true);
    } finally {
      await close();
      await thief.close();
    }
  });
});

describe('with a server that redirects', () => {
  test('the repository is found where it has moved to, and asked there from then on', async () => {
    const { server, http, close } = await started({
      intercept: (request, response) => {
        const { pathname = '', search = '' } = new URL(request.url ?? '', 'http://x');
        if (!pathname.startsWith('/old.git/')) return false;
        response.writeHead(302, { location: `${pathname.replace('/old', '/new')}${search}` }).end();
        return true;
      },
    });
    try {
      const repository = await server.createRepository('new');
      const main = await repository.commit('main', { a: '1' });
      expect(await lookUpHeads({ url: server.url('old') }, ['main'], { http })).toEqual(
        new Map([['main', main]]),
      );
      expect((await http.locate({ url: server.url('old') })).url.href).toBe(server.url('new'));
      server.reset();
      expect(await lookUpHeads({ url: server.url('old') }, ['main'], { http })).toEqual(
        new Map([['main', main]]),
      );
      expect(server.log).toEqual(['POST /new.git/git-upload-pack']);
    } finally {
      await close();
    }
  });
});

const openssl = existsSync('/usr/bin/openssl');
describe.skipIf(!openssl)(
  `with a server that speaks https${openssl ? '' : ' (skipped: openssl is not installed)'}`,
  () => {
    let tls: { key: string; cert: string };
    beforeAll(() => {
      const directory = mkdtempSync(join(tmpdir(), 'refs-https-'));
      const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
      const subject = ['-subj', '/CN=git', '-addext', 'subjectAltName=IP:127.0.0.1'];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', cert], {
        stdio: 'ignore',
      });
      tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
      rmSync(directory, { recursive: true });
    });

    test('it is asked where its certificate is trusted, and not otherwise', async () => {
      const { server, http, close } = await started({ tls });
      const trusting = new GitHttp({ addresses, certificateAuthority: tls.cert });
      try {
        const repository = await server.createRepository('project');
        const main = await repository.commit('main', { a: '1' });
        const url = server.url('project');
        for (let looks = 0; looks < 3; looks++) {
          expect(await lookUpHeads({ url }, ['main'], { http: trusting })).toEqual(new Map([['main', main]]));
        }
        expect(server.counters.connections).toBe(1);
        await expect(lookUpHeads({ url }, ['main'], { http })).rejects.toMatchObject({ kind: 'refused' });
        expect(server.counters.requests).toBe(3);
      } finally {
        trusting.close();
        await close();
      }
    });

    test('a redirect to http is refused, also to the same host', async () => {
      const plain = await started();
      const repository = await plain.server.createRepository('project');
      await repository.commit('main', { a: '1' });
      const { server, close } = await started({
        tls,
        intercept: ({ url }, response) => {
          response.writeHead(302, { location: `http://127.0.0.1:${plain.server.port}${url}` }).end();
          return true;
        },
      });
      const http = new GitHttp({ addresses, certificateAuthority: tls.cert });
      try {
        await expect(lookUpHeads({ url: server.url('project') }, ['main'], { http })).rejects.toMatchObject({
          kind: 'refused',
          message: expect.stringContaining('from https to http'),
        });
        expect(plain.server.counters.requests).toBe(0);
      } finally {
        http.close();
        await close();
        await plain.close();
      }
    });
  },
);

test('a server that closes its idle connections is asked over a new one', async () => {
  const { server, http, close } = await started();
  try {
    const repository = await server.createRepository('project');
    const main = await repository.commit('main', { a: '1' });
    for (let looks = 0; looks < 3; looks++) {
      expect(await lookUpHeads({ url: server.url('project') }, ['main'], { http })).toEqual(
        new Map([['main', main]]),
      );
      server.closeConnections();
    }
    expect(server.counters.connections).toBe(3);
  } finally {
    await close();
  }
});

test('a server that is not there is unreachable', async () => {
  const { server, http, close } = await started();
  await close();
  await expect(lookUpHeads({ url: server.url('project') }, ['main'], { http })).rejects.toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});
