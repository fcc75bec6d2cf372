import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assetName, uniqueNames } from '../../../../apps/agent/release/asset-name.ts';
import { digestOfAsset, findAssets, readAsset } from '../../../../apps/agent/release/assets.ts';
import { codeSpan } from '../../../../apps/agent/release/markdown.ts';
import { uploadUrl } from '../../../../apps/agent/release/upload-url.ts';
import { FakeGitHub } from './fake-github.ts';
import { Outputs, published, run } from './release-run.ts';

const BRANCHES = [
  '$(touch$IFS/tmp/x)',
  '`id`',
  '``a`` @team `b`',
  '```\n# heading',
  '@octocat',
  '<img/src=x/onerror=alert(1)>',
  '<!--',
  '-->',
  '[a](https://evil.example)',
  '![a](https://evil.example/x.png)',
  'https://evil.example',
  '#1',
  'a/b@{1}',
  '\u202Egnp.exe',
  '\u0000\u0007',
  'a\r\n\r\n<script>',
  '\\`',
  '`',
  '',
  ' ',
  '名前',
  'x'.repeat(4096),
  '&#96;',
];

interface Token {
  readonly type: string;
  readonly content: string;
  readonly children: readonly Token[] | null;
}

const MarkdownIt: new (options: object) => { parse(text: string, environment: object): Token[] } =
  createRequire(import.meta.url)('markdown-it');

const renderer = new MarkdownIt({ html: true, linkify: true, typographer: true });

/** The kinds of what a text is made of, as a real renderer sees it. */
function kinds(text: string): string[] {
  return renderer
    .parse(text, {})
    .flatMap((token) => [token.type, ...(token.children ?? []).map(({ type }) => type)]);
}

describe('a hostile branch is text of the release, as a real Markdown renderer sees it', () => {
  const plain = ['paragraph_open', 'inline', 'text', 'code_inline', 'text', 'paragraph_close'];

  test.each(BRANCHES)('%j', (branch) => {
    expect(kinds(`before ${codeSpan(branch)} after`)).toEqual(plain);
  });

  test('and so is any other', () => {
    const isPlain = (text: string): boolean =>
      kinds(`before ${codeSpan(text)} after`).join() === plain.join();
    fc.assert(fc.property(fc.string({ unit: 'binary' }), isPlain), { numRuns: 500 });
    const marks = fc.constantFrom('`', ' ', '\\', '@', '<', '\n', 'a');
    fc.assert(fc.property(fc.string({ unit: marks }), isPlain), { numRuns: 1000 });
  }, 30_000);

  test.each(BRANCHES)('%j is released', async (branch) => {
    const github = await FakeGitHub.start();
    expect((await run(github, new Outputs(), { environment: { KEELSON_GIT_BRANCH: branch } })).code).toBe(0);
    const [release] = github.releases.releases;
    const shown = branch === '' ? ['text', 'code_inline'] : ['text', 'code_inline', 'text', 'code_inline'];
    expect(kinds(release?.body.split('\n')[0] ?? '')).toEqual([
      'paragraph_open',
      'inline',
      ...shown,
      'text',
      'code_inline',
      'text',
      'paragraph_close',
    ]);
    expect(release?.body.length).toBeLessThan(1000);
  });
});

describe('of hostile outputs is published', () => {
  test('nothing but regular files with names on one line', async () => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs({
      good: 'good',
      'a\nb': 'newline',
      'a\u007fb': 'control',
      'dir\u2028/file': 'line separator',
      empty: '',
    });
    const token = join(outputs.directory, 'token');
    symlinkSync(token, join(outputs.assets, 'link'));
    symlinkSync(outputs.directory, join(outputs.assets, 'linked-directory'));
    symlinkSync('../../token', join(outputs.assets, 'relative'));
    symlinkSync('/proc/self/environ', join(outputs.assets, 'environ'));
    symlinkSync('loop', join(outputs.assets, 'loop'));
    execFileSync('mkfifo', [join(outputs.assets, 'fifo')]);
    writeFileSync(Buffer.concat([Buffer.from(`${outputs.assets}/`), Buffer.from([0xff, 0xfe])]), 'no text');
    const { code, log } = await run(github, outputs);
    expect(code).toBe(0);
    expect(published(github)).toEqual({ 'build.log': 'the log\n', good: 'good' });
    expect(log.match(/"message":"left out"/g)).toHaveLength(11);
  });

  test('a device least of all', async () => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs({ good: 'good' });
    try {
      execFileSync('mknod', [join(outputs.assets, 'zero'), 'c', '1', '5'], { stdio: 'ignore' });
    } catch {
      // Where nobody may make one, nobody can have left one.
    }
    expect((await run(github, outputs)).code).toBe(0);
    expect(published(github)).toEqual({ 'build.log': 'the log\n', good: 'good' });
  });

  test('no log that is a link to the token, and no directory that is one', async () => {
    const github = await FakeGitHub.start();
    const outputs = new Outputs({ good: 'good' });
    const link = join(outputs.directory, 'link.log');
    symlinkSync(join(outputs.directory, 'token'), link);
    expect((await run(github, outputs, { configuration: { logFile: link } })).code).toBe(0);
    expect(published(github)).toEqual({ good: 'good' });
    const directory = join(outputs.directory, 'linked');
    symlinkSync(outputs.assets, directory);
    const other = await FakeGitHub.start();
    const { error } = await run(other, outputs, { configuration: { assetsDirectory: directory } });
    expect(error).toContain('is no directory: the outputs were not fetched');
    expect(other.seen).toEqual([]);
  });

  test('no file that has become a link, or another, since it was found', async () => {
    const outputs = new Outputs({ good: 'good', other: 'good' });
    const { assets } = await findAssets({ assetsDirectory: outputs.assets });
    const [good, other] = assets;
    if (good === undefined || other === undefined) throw new Error('none found');
    expect(await digestOfAsset(good)).toBe(`sha256:${createHash('sha256').update('good').digest('hex')}`);
    rmSync(good.path);
    symlinkSync(other.path, good.path);
    await expect(readAsset(good)).rejects.toThrow('ELOOP');
    writeFileSync(other.path, 'longer');
    await expect(readAsset(other)).rejects.toThrow('has changed meanwhile');
  });

  test.each<[string, (outputs: Outputs) => void, string]>([
    [
      'a sparse file of 3 GiB',
      (outputs) => {
        outputs.write('sparse', '');
        truncateSync(join(outputs.assets, 'sparse'), 3 * 1024 ** 3);
      },
      'has 3221225472 bytes, and GitHub takes files of less than 2147483648: split or compress it',
    ],
    [
      '1,001 files',
      (outputs) => {
        for (let file = 0; file < 1001; file += 1) outputs.write(`file-${file}`, 'x');
      },
      'a release holds 1000: put them into archives',
    ],
    [
      'directories without end',
      (outputs) =>
        mkdirSync(join(outputs.assets, ...Array.from({ length: 60 }, () => 'd')), { recursive: true }),
      '32 levels: put them into archives',
    ],
    [
      '20,001 empty files',
      (outputs) => {
        outputs.write('0', '');
        for (let file = 1; file <= 20_000; file += 1)
          linkSync(join(outputs.assets, '0'), join(outputs.assets, `${file}`));
      },
      '20000 entries',
    ],
  ])(
    'nothing at all where there is %s',
    async (_name, spoil, message) => {
      const github = await FakeGitHub.start();
      const outputs = new Outputs({ good: 'good' });
      spoil(outputs);
      const { error, terminationMessage } = await run(github, outputs);
      expect(error).toContain(message);
      expect(terminationMessage).toContain(message);
      expect(github.seen).toEqual([]);
    },
    30_000,
  );

  test('each file once, under a name of its own, where several have the same', async () => {
    const github = await FakeGitHub.start();
    const files = {
      'a/runner': '1',
      'b/runner': '2',
      'c/Runner': '3',
      'a/x.tar.gz': '4',
      'b/x.tar.gz': '5',
      'a b': '6',
      'a?b': '7',
      '.hidden': '8',
      'build.log': '9',
      ünï: '10',
      名前: '11',
      '...': '12',
      '@x+y': '13',
      [`${'l'.repeat(240)}.gz`]: '14',
      '-rf': '15',
      '%2e%2e': '16',
    };
    expect((await run(github, new Outputs(files))).code).toBe(0);
    const assets = published(github);
    expect(Object.values(assets).sort()).toEqual(['the log\n', ...Object.values(files)].sort());
    expect(assets).toMatchObject({
      'build.log': 'the log\n',
      'build-2.log': '9',
      'x.tar.gz': '4',
      'x-2.tar.gz': '5',
      'default.hidden': '8',
    });
  });
});

describe('the name of an asset', () => {
  const kept = /^(?!.*\.\.)[A-Za-z0-9_+@-](?:[A-Za-z0-9._+@-]*[A-Za-z0-9_+@-])?$/;

  test('is one that GitHub keeps, whatever the file is called', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (name) => kept.test(assetName(name)) && assetName(name).length <= 200,
      ),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('.', 'a', 'é', ' ', '/'), maxLength: 300 }), (name) =>
        kept.test(assetName(name)),
      ),
      {
        numRuns: 5000,
      },
    );
  });

  test('is unique, whatever the others are, and is kept too', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'A', 'a-2', 'a.b', 'a-2.b', 'a-3'), { maxLength: 20 }),
        (names) => {
          const unique = uniqueNames(names);
          return (
            new Set(unique.map((name) => name.toLowerCase())).size === names.length &&
            unique.every((name) => kept.test(name))
          );
        },
      ),
    );
  });
});

describe('where assets are sent', () => {
  test.each([
    [
      'https://api.github.com',
      'https://uploads.github.com/repos/a/b/releases/1/assets{?name,label}',
      'https://uploads.github.com/repos/a/b/releases/1/assets?name=a%2Bb',
    ],
    [
      'https://ghe.example/api/v3',
      'https://ghe.example/api/uploads/repos/a/b/releases/1/assets{?name,label}',
      'https://ghe.example/api/uploads/repos/a/b/releases/1/assets?name=a%2Bb',
    ],
    [
      'https://api.team.ghe.com',
      'https://uploads.team.ghe.com/x',
      'https://uploads.team.ghe.com/x?name=a%2Bb',
    ],
  ])('%s: %s', (api, template, url) => {
    expect(uploadUrl(template, api, 'a+b')).toBe(url);
  });

  test.each([
    ['https://api.github.com', 'https://evil.example/{?name}'],
    ['https://api.github.com', 'https://uploads.github.com.evil.example/'],
    ['https://api.github.com', 'http://uploads.github.com/'],
    ['https://api.github.com', 'https://user@uploads.github.com/'],
    ['https://api.github.com', 'https://uploads.github.com:8443/'],
    ['https://ghe.example/api/v3', 'https://uploads.github.com/'],
    ['https://ghe.example/api/v3', 'https://uploads.ghe.example/'],
    ['https://ghe.example/api/v3', '//evil.example/'],
    ['https://ghe.example/api/v3', ''],
  ])('%s: %s is refused', (api, template) => {
    expect(() => uploadUrl(template, api, 'a')).toThrow('where the token is not sent');
  });
});
