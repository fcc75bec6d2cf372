import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { temporaryDirectory } from '../archive/temporary.ts';
import { environmentOf, fetched, gitServer } from './fetched.ts';
import { ADDRESS, startSource } from './source-process.ts';

// Programs are started, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const CONTENT = 'a large file\n'.repeat(1000);
const OID = createHash('sha256').update(CONTENT).digest('hex');
const FILES = {
  '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
  // What the repository says of where its objects are is not believed.
  '.lfsconfig': '[lfs]\n\turl = http://127.0.0.2:9/nowhere\n',
  'large.bin': `version https://git-lfs.github.com/spec/v1\noid sha256:${OID}\nsize ${CONTENT.length}\n`,
};

const installed = (() => {
  try {
    return execFileSync('git', ['lfs', 'version'], { encoding: 'utf8', stdio: 'pipe' }).startsWith('git-lfs');
  } catch {
    return false;
  }
})();

/** Answers as https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md has it. */
function lfs(request: IncomingMessage, response: ServerResponse, seen: string[]): boolean {
  const { url = '', headers } = request;
  if (url.startsWith('/object/')) {
    response.end(CONTENT);
    return true;
  }
  if (!url.endsWith('/info/lfs/objects/batch')) return false;
  seen.push(String(headers.authorization));
  const href = `http://${headers.host}/object/${OID}`;
  void json(request).then(() => {
    const objects = [{ oid: OID, size: CONTENT.length, actions: { download: { href } } }];
    response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' });
    response.end(JSON.stringify({ transfer: 'basic', objects }));
  });
  return true;
}

describe(`objects of Git LFS${installed ? '' : ' (skipped: git-lfs is not installed)'}`, () => {
  test.skipIf(!installed)(
    'are fetched from the repository’s own server with its token, which stays nowhere',
    async () => {
      const token = 'ghp_canary0123456789';
      const basic = Buffer.from(`me:${token}`).toString('base64');
      const file = join(temporaryDirectory(), 'token');
      writeFileSync(file, token);
      const seen: string[] = [];
      const server = await gitServer({
        basicAuth: { username: 'me', password: token },
        intercept: (request, response) => lfs(request, response, seen),
      });
      const repository = await server.createRepository('project');
      const commit = await repository.commit('main', FILES);
      const environment = {
        KEELSON_GIT_LFS: 'true',
        KEELSON_GIT_USERNAME: 'me',
        KEELSON_GIT_TOKEN_FILE: file,
      };
      const { directory } = await fetched({ url: server.url('project'), commit, environment });
      expect(readFileSync(join(directory, 'large.bin'), 'utf8')).toBe(CONTENT);
      expect(seen).toEqual([`Basic ${basic}`]);
      const all = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) =>
        one.isFile(),
      );
      for (const entry of all) {
        const content = readFileSync(join(entry.parentPath, entry.name));
        expect(content.includes(token) || content.includes(basic), entry.name).toBe(false);
      }
    },
  );

  test.skipIf(ADDRESS === undefined)(
    'are an error where git-lfs is not installed (skipped where loopback is the only address)',
    async () => {
      const server = await gitServer({ host: ADDRESS ?? '' });
      const repository = await server.createRepository('project');
      const commit = await repository.commit('main', FILES);
      const PATH = temporaryDirectory();
      for (const program of ['git', 'sh']) {
        symlinkSync(execFileSync('which', [program], { encoding: 'utf8' }).trim(), join(PATH, program));
      }
      const wanted = { url: server.url('project'), commit, environment: { KEELSON_GIT_LFS: 'true', PATH } };
      const { code, messages } = await startSource(temporaryDirectory(), environmentOf(wanted)).ended;
      expect(code).toBe(1);
      expect(messages.at(-1)).toContain('git-lfs is not installed, and the source wants LFS objects');
    },
  );
});
