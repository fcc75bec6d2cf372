import { describe, expect, test } from 'vitest';
import { gitUrlProblems } from '../../lib/source/git-url.ts';

const refused = (url: string, allowHttp = false): boolean => gitUrlProblems('url', url, allowHttp).length > 0;

describe('a URL of a git server is accepted', () => {
  test.each([
    'https://github.com/leaf-ai/studio-go-runner.git',
    'https://git.example.com:8443/a/b',
    'ssh://git@github.com/a/b.git',
    'ssh://git@github.com:2222/~user/b',
    'https://xn--80ak6aa92e.com/a',
    'https://10.1.2.3/a',
    'https://gitea.git.svc.cluster.local/a/b',
    'https://kubernetes.io/a',
    'https://localhost.example.com/a',
  ])('%s', (url) => expect(refused(url)).toBe(false));

  test('with plain http only where that is allowed', () => {
    expect(refused('http://gitea.git/a')).toBe(true);
    expect(refused('http://gitea.git/a', true)).toBe(false);
    expect(refused('http://169.254.169.254/a', true)).toBe(true);
  });
});

describe('what would run a command or read the disk is refused', () => {
  test.each([
    'ext::sh -c "touch /tmp/x"',
    'ext::sh',
    'EXT::sh',
    'fd::17',
    'file:///etc/passwd',
    'FILE:///x',
    '/etc/passwd',
    '../repository',
    '.',
    '',
    '-u',
    '--upload-pack=touch /tmp/x',
    '--upload-pack=x',
    '-oProxyCommand=x',
    'ssh://-oProxyCommand=x/y',
    'ssh://git@-oProxyCommand=x/y',
    'ssh://-x@host/y',
    'git://host/x',
    'ftp://host/x',
    'javascript:alert(1)',
    'data:text/plain,x',
  ])('%s', (url) => expect(refused(url, true)).toBe(true));
});

describe('a URL that leads elsewhere than to a git server is refused', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/x',
    'https://[::ffff:169.254.169.254]/x',
    'https://[fe80::1]/x',
    'https://localhost/x',
    'https://LOCALHOST/x',
    'https://localhost./x',
    'https://127.0.0.1/x',
    'https://127.1/x',
    'https://2130706433/x',
    'https://0x7f.1/x',
    'https://[::1]/x',
    'https://[::]/x',
    'https://[::ffff:127.0.0.1]/x',
    'https://0.0.0.0/x',
    'ssh://git@2130706433/x',
    'http://kubernetes.default.svc/x',
    'https://kubernetes/x',
    'https://kubernetes.default./x',
    'https://kubernetes.default.svc.cluster.local:443/x',
    'https://metadata.google.internal/x',
    'https://metadata.google.internal./x',
    'ssh://git@169.254.169.254/x',
  ])('%s', (url) => expect(refused(url, true)).toBe(true));
});

describe('a URL with a credential is refused, and not shown', () => {
  test.each([
    'https://user:CANARY@host/x',
    'https://CANARY@host/x',
    'https://:CANARY@host/x',
    'ssh://git:CANARY@host/x',
    'http://user:CANARY@host/x',
  ])('%s', (url) => {
    const problems = gitUrlProblems('url', url, true);
    expect(problems).toMatchObject([
      { message: 'carries a credential', remedy: expect.stringContaining('credential') },
    ]);
    expect(String(problems[0]?.value)).not.toContain('CANARY');
  });
});

test.each([
  'https://host/a\r\nHost: b',
  'https://host/a b',
  'https://host/\t',
  'https://host/\u0000',
  ' https://host/a',
])('%j is refused for its blanks and control characters', (url) =>
  expect(gitUrlProblems('url', url, true)).toMatchObject([{ message: 'holds a space or control character' }]),
);

test.each(['https://host', 'https://host/', 'ssh://git@host', 'ssh://git@host/'])(
  '%s is refused for the lack of a repository',
  (url) => {
    expect(gitUrlProblems('url', url, false)).toMatchObject([{ message: 'names no repository' }]);
  },
);
