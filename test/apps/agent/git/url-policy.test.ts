import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressPolicy } from '../../../../apps/agent/git/address-policy.ts';
import { GitError } from '../../../../apps/agent/git/git-error.ts';
import { followRedirect, parseGitUrl } from '../../../../apps/agent/git/url-policy.ts';
import { hostileUrls } from './hostile.ts';

const addresses = new AddressPolicy();

describe('the URL of a pipeline', () => {
  test.each([
    'https://github.com/leaf-ai/studio-go-runner.git',
    'https://git.example.com:8443/a/b/c.git',
    'ssh://git@github.com/leaf-ai/studio-go-runner.git',
    'ssh://git@git.example.com:2222/~me/x.git',
    'http://gitea.git.svc.cluster.local:3000/team/project.git',
    'http://gitea.git.svc:3000/team/project.git',
    'http://10.152.183.20/team/project.git',
    'https://[2001:db8::1]/x.git',
    'https://xn--bcher-kva.example/x.git',
  ])('%s is admitted', (url) => {
    expect(parseGitUrl(url, addresses).href).toBe(url);
  });

  test.each(hostileUrls)('%j is refused, without a credential in the message', (url) => {
    const error = caught(() => parseGitUrl(url, addresses));
    expect(error).toMatchObject({ kind: 'refused' });
    expect(error.message).not.toMatch(/s3cret|[\u0000-\u001f]/);
    expect(error.message.length).toBeLessThan(500);
  });

  test('an exception of the policy is for that address, and for nothing else of a URL', () => {
    const policy = new AddressPolicy({ allow: ['127.0.0.1', '::1'] });
    expect(parseGitUrl('http://127.0.0.1:3000/x.git', policy).host).toBe('127.0.0.1:3000');
    expect(parseGitUrl('ssh://git@127.0.0.1:22/x.git', policy).host).toBe('127.0.0.1:22');
    expect(parseGitUrl('http://[::1]:3000/x.git', policy).host).toBe('[::1]:3000');
    for (const url of [
      'http://127.0.0.2/x.git',
      'http://localhost/x.git',
      'file://127.0.0.1/x.git',
      'http://me:s3cret@127.0.0.1/x.git',
      'http://127.0.0.1/x.git?s3cret',
      'http://127.0.0.1/\nx.git',
    ]) {
      expect(caught(() => parseGitUrl(url, policy))).toMatchObject({ kind: 'refused' });
    }
  });

  test('an arbitrary text is refused, or is a URL of an admitted scheme without a credential', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'https://',
        'ssh://',
        'ext::',
        'file://',
        '-',
        '@',
        ':',
        '/',
        '\\',
        '%2d',
        '%0a',
        '\n',
        '..',
        '#',
      ),
      fc.constantFrom(
        '127.0.0.1',
        '[::1]',
        'localhost',
        'example.com',
        'git',
        '~',
        '?',
        ' ',
        '0x7f000001',
        '٣',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    const texts = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(texts, (text) => {
        let url: URL;
        try {
          url = parseGitUrl(text, addresses);
        } catch (error) {
          return error instanceof GitError && error.kind === 'refused';
        }
        const { protocol, username, password, hostname, search, hash } = url;
        return (
          ['https:', 'http:', 'ssh:'].includes(protocol) &&
          !username.startsWith('-') &&
          !hostname.startsWith('-') &&
          [password, search, hash].join('') === '' &&
          !/[\u0000-\u0020]/.test(url.href)
        );
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a redirect', () => {
  const follow = (from: string, location: string, credential = false): ReturnType<typeof followRedirect> =>
    followRedirect(location, { configured: new URL(from), from: new URL(from), credential, addresses });

  test.each([
    ['https://github.com/a/b/info/refs', 'https://github.com/a/b.git/info/refs', 'configured'],
    ['https://github.com/a/b/info/refs', '/a/c.git/info/refs', 'configured'],
    ['https://old.example.com/a', 'https://new.example.com/a', 'redirect'],
    ['http://git.example.com/a', 'https://git.example.com/a', 'configured'],
    ['http://gitea.git.svc:3000/a', 'http://gitea.git.svc:3000/b', 'configured'],
    ['http://10.0.0.1/a', 'http://10.0.0.1:8080/b', 'configured'],
    ['https://git.example.com/a', 'https://140.82.112.3/a', 'redirect'],
  ])('from %s to %s is followed', (from, to, reach) => {
    expect(follow(from, to)).toMatchObject({ reach, url: new URL(to, from) });
  });

  test.each([
    ['https://git.example.com/a', 'http://git.example.com/a'],
    ['https://git.example.com/a', 'http://169.254.169.254/latest/meta-data/'],
    ['http://git.example.com/a', 'http://169.254.169.254/latest/meta-data/'],
    ['http://git.example.com/a', 'http://[fe80::1]/'],
    ['http://git.example.com/a', 'http://127.0.0.1:10250/'],
    ['http://git.example.com/a', 'http://2130706433/'],
    ['http://git.example.com/a', 'http://0x7f.1/'],
    ['http://git.example.com/a', 'http://[::ffff:127.0.0.1]/'],
    ['http://git.example.com/a', 'http://10.96.0.1/'],
    ['https://git.example.com/a', 'https://kubernetes.default.svc/'],
    ['https://git.example.com/a', 'https://kubernetes.default/'],
    ['https://git.example.com/a', 'https://kubernetes/'],
    ['https://git.example.com/a', 'https://minio.ci.svc.cluster.local./'],
    ['https://git.example.com/a', 'https://minio.ci.svc.my.domain/'],
    ['https://git.example.com/a', 'https://localhost/'],
    ['https://git.example.com/a', 'https://metadata.google.internal/'],
    ['https://git.example.com/a', 'https://me:s3cret@git.example.com/a'],
    ['https://git.example.com/a', 'file:///etc/passwd'],
    ['https://git.example.com/a', 'ext::sh -c id'],
    ['https://git.example.com/a', 'ssh://git@git.example.com/a'],
    ['https://git.example.com/a', 'https://'],
    ['http://10.0.0.1/a', 'http://10.0.0.2/a'],
  ])('from %s to %s is refused', (from, to) => {
    const error = caught(() => follow(from, to));
    expect(error).toMatchObject({ kind: 'refused' });
    expect(error.message).not.toContain('s3cret');
  });

  test.each(['https://other.example.com/a', 'https://git.example.com:8443/a'])(
    'with a credential is not followed to %s, another origin',
    (to) => {
      expect(caught(() => follow('https://git.example.com/a', to, true))).toMatchObject({ kind: 'refused' });
      expect(follow('https://git.example.com/a', to).url.href).toBe(to);
    },
  );

  test('with a credential is followed within the origin', () => {
    expect(follow('https://git.example.com/a', '/b', true).url.href).toBe('https://git.example.com/b');
  });
});

function caught(call: () => unknown): GitError {
  try {
    call();
  } catch (error) {
    if (error instanceof GitError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
