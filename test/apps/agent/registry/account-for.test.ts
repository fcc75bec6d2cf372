import { describe, expect, test } from 'vitest';
import { accountFor } from '../../../../apps/agent/registry/account-for.ts';
import { dockerAccounts } from '../../../../lib/agent/registry-accounts.ts';

const auth = (user: string) => ({ auth: Buffer.from(`${user}:password`).toString('base64') });
const accounts = dockerAccounts(
  JSON.stringify({
    auths: {
      'quay.io': auth('quay'),
      'quay.io/team': auth('team'),
      'quay.io/team/project': auth('project'),
      'https://index.docker.io/v1/': auth('hub'),
      '*.azurecr.io': auth('any-azure'),
      'one.azurecr.io': auth('one-azure'),
      '10.0.0.1:5000': auth('port'),
    },
  }),
);

describe('the account of the longest place', () => {
  test.each([
    ['quay.io', 'other/project', 'quay'],
    ['QUAY.io', 'other/project', 'quay'],
    ['quay.io', 'team/other', 'team'],
    ['quay.io', 'team', 'team'],
    ['quay.io', 'teams/project', 'quay'],
    ['quay.io', 'team/project', 'project'],
    ['quay.io', 'team/project/part', 'project'],
    ['quay.io', 'team/projects', 'team'],
    ['docker.io', 'library/redis', 'hub'],
    ['two.azurecr.io', 'a', 'any-azure'],
    ['one.azurecr.io', 'a', 'one-azure'],
    ['10.0.0.1:5000', 'a', 'port'],
  ])('%s/%s: %s', (host, repository, username) => {
    expect(accountFor(accounts, host, repository)?.username).toBe(username);
  });
});

test.each([
  ['quay.io:5000', 'a'],
  ['10.0.0.1', 'a'],
  ['azurecr.io', 'a'],
  ['a.b.azurecr.io', 'a'],
  ['evil.example', 'quay.io/team'],
  ['quay.io.evil.example', 'team'],
])('%s/%s has none', (host, repository) => {
  expect(accountFor(accounts, host, repository)).toBeUndefined();
});

test('a pattern with many stars takes no time', () => {
  const many = new Map([[`${'*a'.repeat(200)}b`, {}]]);
  const started = performance.now();
  expect(accountFor(many, 'a'.repeat(250), 'x')).toBeUndefined();
  expect(performance.now() - started).toBeLessThan(500);
});
