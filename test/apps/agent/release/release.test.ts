import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FakeGitHub } from './fake-github.ts';
import { COMMIT, DIGEST, OTHER, Outputs, published, run } from './release-run.ts';

const MARKER = `<!-- keelson-release ${COMMIT} -->`;
const FILES = { 'bin/runner': 'binary', 'bin/tool.tar.gz': 'archive' };
const WHOLE = { 'build.log': 'the log\n', runner: 'binary', 'tool.tar.gz': 'archive' };

describe('a release against a server that speaks GitHub’s API', () => {
  test('is made as a draft, filled, and published', async () => {
    const github = await FakeGitHub.start();
    const { code, terminationMessage } = await run(github, new Outputs(FILES));
    expect(code).toBe(0);
    expect(published(github)).toEqual(WHOLE);
    expect(github.releases.releases[0]).toMatchObject({
      tag_name: 'v1.2.3',
      name: 'v1.2.3',
      target_commitish: COMMIT,
      prerelease: false,
      body: `Commit \` ${COMMIT} \` of branch \` main \`, tested as image \` ${DIGEST} \`.\n\n${MARKER}\n`,
    });
    expect(terminationMessage).toContain('released v1.2.3');
    const changes = github.seen.filter(({ method }) => method !== 'GET').map(({ method }) => method);
    expect(changes).toEqual(['POST', 'POST', 'POST', 'POST', 'PATCH']);
  });

  test('is not made twice', async () => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs(FILES);
    await run(github, outputs);
    const before = JSON.stringify(github.releases.releases);
    const requests = github.seen.length;
    expect((await run(github, outputs)).code).toBe(0);
    expect(JSON.stringify(github.releases.releases)).toBe(before);
    expect(github.seen.slice(requests).every(({ method }) => method === 'GET')).toBe(true);
  });

  test('without outputs is one without assets', async () => {
    const github = await FakeGitHub.start();
    const { code } = await run(github, new Outputs(), {
      configuration: { assetsDirectory: undefined, logFile: undefined } as never,
    });
    expect([code, published(github)]).toEqual([0, {}]);
  });

  test('on an Enterprise Server has its uploads there', async () => {
    const github = await FakeGitHub.start({ prefix: '/api/v3', repository: 'my-org/a.b_c' });
    github.releases.digests = false;
    expect((await run(github, new Outputs(FILES))).code).toBe(0);
    expect(published(github)).toEqual(WHOLE);
    expect(github.seen.some(({ path }) => path.startsWith('/api/uploads/'))).toBe(true);
  });

  test('stays a draft where that is wanted, and a second run finds it among 250 others', async () => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs(FILES);
    await run(github, outputs, { configuration: { draft: true, prerelease: true } });
    for (let number = 0; number < 250; number += 1)
      github.releases.add({ tag_name: `old-${number}`, draft: number % 2 === 0 });
    const { code, terminationMessage } = await run(github, outputs, {
      configuration: { draft: true, prerelease: true },
    });
    expect(code).toBe(0);
    expect(terminationMessage).toContain('a draft is v1.2.3');
    const ours = github.releases.releases.filter(({ tag_name }) => tag_name === 'v1.2.3');
    expect(ours).toMatchObject([{ draft: true, prerelease: true, target_commitish: COMMIT }]);
    expect(ours[0]?.assets).toHaveLength(3);
    expect(github.releases.tags.size).toBe(0);
  });

  test('has 250 assets, each once, after several pages of them', async () => {
    const github = await FakeGitHub.start();
    const files = Object.fromEntries(
      Array.from({ length: 249 }, (_, number) => [`file-${number}`, `content ${number}`]),
    );
    expect((await run(github, new Outputs(files))).code).toBe(0);
    expect(Object.keys(published(github))).toHaveLength(250);
  });
});

describe('a release that is there', () => {
  test.each(['commit', 'annotated tag', 'tag of a tag'])(
    'for the same commit, by a %s, is completed',
    async (kind) => {
      const github = await FakeGitHub.start();
      github.releases.tags.set(
        'v1.2.3',
        kind === 'commit' ? { type: 'commit', sha: COMMIT } : { type: 'tag', sha: 'tag-1' },
      );
      github.releases.tagObjects.set(
        'tag-1',
        kind === 'tag of a tag' ? { type: 'tag', sha: 'tag-2' } : { type: 'commit', sha: COMMIT },
      );
      github.releases.tagObjects.set('tag-2', { type: 'commit', sha: COMMIT });
      const release = github.releases.add({
        tag_name: 'v1.2.3',
        target_commitish: 'main',
        body: 'written by a person',
      });
      github.releases.attach(release, 'notes.pdf', Buffer.from('notes'));
      github.releases.attach(release, 'runner', Buffer.from('binary'));
      const broken = github.releases.attach(release, 'tool.tar.gz', Buffer.from('ARCHIVE'), 'starter');
      expect((await run(github, new Outputs(FILES))).code).toBe(0);
      expect(github.releases.releases).toHaveLength(1);
      expect(release).toMatchObject({ body: 'written by a person', target_commitish: 'main' });
      expect(
        release.assets.map(({ name, state, content }) => [name, state, content.toString()]).sort(),
      ).toEqual(
        [
          ['notes.pdf', 'uploaded', 'notes'],
          ...Object.entries(WHOLE).map(([name, content]) => [name, 'uploaded', content]),
        ].sort(),
      );
      expect(release.assets).not.toContain(broken);
    },
  );

  test.each([true, false])('keeps a file of the same name that is another, digests: %s', async (digests) => {
    const github = await FakeGitHub.start();
    github.releases.digests = digests;
    github.releases.tags.set('v1.2.3', { type: 'commit', sha: COMMIT });
    const release = github.releases.add({ tag_name: 'v1.2.3' });
    github.releases.attach(release, 'runner', Buffer.from(digests ? 'BINARY' : 'another binary'));
    const { code, log } = await run(github, new Outputs(FILES));
    expect(code).toBe(0);
    expect(
      release.assets
        .find(({ name }) => name === 'runner')
        ?.content.toString()
        .toLowerCase(),
    ).toContain('binary');
    expect(log.match(/which is left as it is/g)).toHaveLength(1);
  });

  test.each(['commit', 'annotated tag', 'draft of this program beside it'])(
    'for another commit, by a %s, is left alone',
    async (kind) => {
      const github = await FakeGitHub.start();
      github.releases.tags.set(
        'v1.2.3',
        kind === 'annotated tag' ? { type: 'tag', sha: 'tag-1' } : { type: 'commit', sha: OTHER },
      );
      github.releases.tagObjects.set('tag-1', { type: 'commit', sha: OTHER });
      const release = github.releases.add({ tag_name: 'v1.2.3', target_commitish: OTHER });
      const before = JSON.stringify(release);
      if (kind.startsWith('draft')) {
        github.releases.add({ tag_name: 'v1.2.3', draft: true, target_commitish: COMMIT, body: MARKER });
      }
      const { code, log, terminationMessage } = await run(github, new Outputs(FILES));
      expect(code).toBe(0);
      expect(log).toContain('left alone');
      expect(terminationMessage).toContain(`the tag v1.2.3 is for another commit, ${OTHER}`);
      expect(github.releases.releases.map((one) => JSON.stringify(one))).toEqual([before]);
    },
  );

  test('a tag of another commit without a release is left alone too', async () => {
    const github = await FakeGitHub.start();
    github.releases.tags.set('v1.2.3', { type: 'commit', sha: OTHER });
    expect((await run(github, new Outputs(FILES))).code).toBe(0);
    expect(github.releases.releases).toEqual([]);
  });

  test('a draft of a person, or for another commit, is left alone, and a release is made', async () => {
    const github = await FakeGitHub.start();
    const drafts = [
      github.releases.add({ tag_name: 'v1.2.3', draft: true, body: 'by a person' }),
      github.releases.add({ tag_name: 'v1.2.3', draft: true, target_commitish: COMMIT, body: 'by a person' }),
      github.releases.add({
        tag_name: 'v1.2.3',
        draft: true,
        target_commitish: 'main',
        body: `changed ${MARKER}`,
      }),
      github.releases.add({
        tag_name: 'v1.2.3',
        draft: true,
        target_commitish: OTHER,
        body: `<!-- keelson-release ${OTHER} -->`,
      }),
      github.releases.add({ tag_name: 'v1.2.4', draft: true, target_commitish: COMMIT, body: MARKER }),
    ];
    const before = JSON.stringify(drafts);
    expect((await run(github, new Outputs(FILES))).code).toBe(0);
    expect(JSON.stringify(drafts)).toBe(before);
    github.releases.releases.splice(0, 5);
    expect(published(github)).toEqual(WHOLE);
  });

  test('several drafts of this program become one release', async () => {
    const github = await FakeGitHub.start();
    const first = github.releases.add({
      tag_name: 'v1.2.3',
      draft: true,
      target_commitish: COMMIT,
      body: MARKER,
    });
    github.releases.attach(first, 'runner', Buffer.from('another'));
    const second = github.releases.add({
      tag_name: 'v1.2.3',
      draft: true,
      target_commitish: COMMIT,
      body: MARKER,
    });
    github.releases.attach(second, 'runner', Buffer.from('binary'));
    expect((await run(github, new Outputs(FILES))).code).toBe(0);
    expect(published(github)).toEqual(WHOLE);
  });
});

describe('a release is skipped', () => {
  test.each([
    ['missing', (file: string) => rmSync(file)],
    ['empty', (file: string) => writeFileSync(file, '')],
    ['blank', (file: string) => writeFileSync(file, ' \n')],
  ])('where the token is %s', async (_name, spoil) => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs(FILES);
    spoil(join(outputs.directory, 'token'));
    const { code, terminationMessage, log } = await run(github, outputs);
    expect(code).toBe(66);
    expect(terminationMessage).toContain(
      `there is no token in ${outputs.directory}/token: its Secret is not there, or lacks the key`,
    );
    expect(log).toContain('there is no token');
    expect(github.seen).toEqual([]);
  });
});

describe('a commit that no tag gives a version', () => {
  test('is not released', async () => {
    const github = await FakeGitHub.start();
    const environment = { KEELSON_VERSION: `0.0.0-g${COMMIT.slice(0, 12)}` };
    const { code, terminationMessage } = await run(github, new Outputs(FILES), { environment });
    expect(code).toBe(66);
    expect(terminationMessage).toBe('skipped: the commit has no tag that is a version');
    expect(github.seen).toEqual([]);
  });
});

describe('what is wrong is said, and nothing is asked', () => {
  test.each(['two\nlines canary-1', 'canary-ünicode', 'canary-\u0000', `canary-${'x'.repeat(5000)}`])(
    'a token %#',
    async (token) => {
      const github = await FakeGitHub.start();
      const outputs = new Outputs(FILES);
      writeFileSync(join(outputs.directory, 'token'), token);
      const { error } = await run(github, outputs);
      expect(error).toContain('UsageError');
      expect(error).toContain('put the token alone into the key');
      expect(github.seen).toEqual([]);
    },
  );

  test.each<[string, Record<string, string | undefined>]>([
    ['a version that is no tag', { KEELSON_VERSION: 'a b' }],
    ['a version that leaves the path', { KEELSON_VERSION: '/../../x' }],
    ['a version with a newline', { KEELSON_VERSION: '1\n2' }],
    ['a version that git refuses', { KEELSON_VERSION: '1.lock' }],
    ['no version', { KEELSON_VERSION: undefined }],
    ['a short commit', { KEELSON_GIT_COMMIT: 'c0ffee' }],
    ['a commit that is none', { KEELSON_GIT_COMMIT: `${COMMIT}\n` }],
    ['a digest that is none', { KEELSON_IMAGE_DIGEST: 'latest' }],
  ])('%s', async (_name, environment) => {
    const github = await FakeGitHub.start();
    const { error, terminationMessage } = await run(github, new Outputs(FILES), { environment });
    expect(error).toContain('UsageError');
    expect(terminationMessage).not.toBe('');
    expect(github.seen).toEqual([]);
  });

  test.each(['http://github.example', 'ftp://x', 'x', 'http://127.0.0.1.example'])(
    'the API’s URL %s',
    async (apiUrl) => {
      const { error } = await run(await FakeGitHub.start(), new Outputs(FILES), {
        configuration: { apiUrl },
      });
      expect(error).toContain("give the https URL of GitHub's API");
    },
  );
});

test('a termination log that can’t be written is no reason to fail', async () => {
  const github = await FakeGitHub.start();
  const outputs = new Outputs(FILES);
  chmodSync(outputs.terminationLog, 0o400);
  expect((await run(github, outputs)).code).toBe(0);
  expect((await run(github, outputs, { terminationLog: '/nowhere/at/all' })).code).toBe(0);
});
