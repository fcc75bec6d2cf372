import {
  dockerAccounts,
  dockerConfiguration,
  mergeAccounts,
  type RegistryAccountsConfiguration,
  registryAccountsValue,
} from 'keelson';
import { describe, expect, test } from 'vitest';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const config = (auths: Record<string, unknown>): string => JSON.stringify({ auths });
const account = (pair: string): { auth: string } => ({ auth: base64(pair) });

describe('a Docker configuration', () => {
  test.each([
    ['quay.io', 'quay.io'],
    ['https://quay.io', 'quay.io'],
    ['https://quay.io/', 'quay.io'],
    ['https://quay.io/v2/', 'quay.io'],
    ['http://10.0.0.5:5000', '10.0.0.5:5000'],
    ['[fd00::5]:5000', '[fd00::5]:5000'],
    ['Registry.Example.com', 'registry.example.com'],
    ['quay.io/team', 'quay.io/team'],
    ['https://index.docker.io/v1/', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
  ])('has under the key %s an account for %s', (key, place) => {
    expect([...dockerAccounts(config({ [key]: account('user:password') }))]).toEqual([
      [place, { username: 'user', password: 'password' }],
    ]);
  });

  test.each([
    ['a robot of quay.io', 'team+robot:X', { username: 'team+robot', password: 'X' }],
    ['a password with colons', 'u:a:b:c', { username: 'u', password: 'a:b:c' }],
    ['letters of all kinds', 'ü:пароль', { username: 'ü', password: 'пароль' }],
  ])('may have %s', (_what, pair, expected) => {
    expect(dockerAccounts(config({ 'quay.io': account(pair) })).get('quay.io')).toEqual(expected);
  });

  test('may have user name and password as they are, as kubectl writes them beside', () => {
    const entry = { username: 'u', password: 'p', email: 'u@example.com' };
    expect(dockerAccounts(config({ 'quay.io': entry })).get('quay.io')).toEqual({
      username: 'u',
      password: 'p',
    });
    expect(
      dockerAccounts(config({ 'quay.io': { ...entry, ...account('u:p') } })).get('quay.io')?.password,
    ).toBe('p');
  });

  test('may have a token in place of a password', () => {
    const entry = { auth: base64('00000000-0000-0000-0000-000000000000:'), identitytoken: 'T' };
    expect(dockerAccounts(config({ 'a.example.com': entry })).get('a.example.com')).toEqual({
      username: '00000000-0000-0000-0000-000000000000',
      identityToken: 'T',
    });
  });

  test.each([
    ['no JSON', 'CANARY', 'the Docker configuration is not JSON'],
    ['a list', '["CANARY"]', 'the Docker configuration has no "auths"'],
    ['the form before auths', '{"quay.io":{"auth":"CANARY"}}', 'the Docker configuration has no "auths"'],
    ['no account', '{"auths":{}}', 'the Docker configuration has no account'],
    [
      'an account that a credential helper keeps',
      '{"auths":{"quay.io":{}},"credsStore":"CANARY"}',
      'the Docker configuration has no account for quay.io: a docker that keeps accounts in a credential helper leaves them out',
    ],
    [
      'a password without a user',
      config({ 'quay.io': { password: 'CANARY' } }),
      'the Docker configuration has no account for quay.io: …',
    ],
    [
      'a user without a password',
      config({ 'quay.io': account('CANARY:') }),
      'the Docker configuration has no account for quay.io: …',
    ],
    [
      'something encoded that is no pair',
      config({ 'quay.io': account('CANARY') }),
      '"auth" for quay.io is not a user name, a colon and a password in base64',
    ],
    [
      'a line break that was encoded too',
      config({ 'quay.io': account('u:CANARY\n') }),
      'the password for quay.io ends with a line break',
    ],
    [
      'a user name with a colon',
      config({ 'quay.io': { username: 'CANARY:u', password: 'p' } }),
      'the user name for quay.io has a colon in it',
    ],
    [
      'a password where a host should be',
      config({ 'CANARY!': account('u:p') }),
      'the Docker configuration has an account for something that is no host',
    ],
  ])('with %s is refused, and nothing of it is shown', (_what, text, message) => {
    const read = (): unknown => dockerAccounts(text);
    expect(read).toThrow(message.replace('…', ''));
    try {
      read();
    } catch (error) {
      expect(String((error as Error).stack)).not.toContain('CANARY');
      expect((error as Error).cause).toBeUndefined();
    }
  });
});

describe('several configurations', () => {
  const one = dockerAccounts(config({ 'quay.io': account('a:1'), 'ghcr.io': account('b:2') }));
  const two = dockerAccounts(
    config({ 'https://quay.io/v2/': account('c:3'), 'index.docker.io': account('d:4') }),
  );

  test('become one, in which the last account for a registry wins and what was overridden is said', () => {
    const { accounts, repeated } = mergeAccounts([one, two]);
    expect(repeated).toEqual(['quay.io']);
    expect([...accounts].map(([place, { username }]) => [place, username])).toEqual([
      ['quay.io', 'c'],
      ['ghcr.io', 'b'],
      ['docker.io', 'd'],
    ]);
  });

  test("are written as docker reads them, Docker Hub under docker's own key", () => {
    expect(JSON.parse(dockerConfiguration(mergeAccounts([one, two]).accounts))).toEqual({
      auths: {
        'quay.io': account('c:3'),
        'ghcr.io': account('b:2'),
        'https://index.docker.io/v1/': account('d:4'),
      },
    });
  });

  test('are read again as they were written', () => {
    const { accounts } = mergeAccounts([one, two]);
    expect([...dockerAccounts(dockerConfiguration(accounts))]).toEqual([...accounts]);
  });
});

describe("Makisu's configuration", () => {
  const make = (
    auths: Record<string, unknown>,
    transports: RegistryAccountsConfiguration['transports'] = {},
  ): unknown => {
    const form = 'makisu-registry-config' as const;
    const asked = { secretName: 's', key: 'k', from: [], form, transports };
    return JSON.parse(registryAccountsValue(asked, [config(auths)]).value);
  };

  test('has each account under its host, Docker Hub under the name that Makisu knows', () => {
    expect(
      make({ 'quay.io': account('team+robot:p'), 'https://index.docker.io/v1/': account('u:q') }),
    ).toEqual({
      'quay.io': { '.*': { security: { basic: { username: 'team+robot', password: 'p' } } } },
      'index.docker.io': { '.*': { security: { basic: { username: 'u', password: 'q' } } } },
    });
  });

  test('says how a registry is spoken to, with an account and without', () => {
    const transports = {
      '10.0.0.5:5000': { certificateAuthority: '/registry-ca/ca.crt' },
      '10.0.0.6:5000': { insecure: true as const },
    };
    const ca = { ca: { cert: { path: '/registry-ca/ca.crt' } } };
    expect(make({ '10.0.0.5:5000': account('u:p') }, transports)).toEqual({
      '10.0.0.5:5000': { '.*': { security: { tls: ca, basic: { username: 'u', password: 'p' } } } },
      '10.0.0.6:5000': { '.*': { security: { tls: { client: { disabled: true } } } } },
    });
  });

  test('has an account for a part of a registry as a pattern that fits no other part', () => {
    const made = make(
      { 'quay.io/a.b': account('u:p'), 'quay.io/c': account('v:q') },
      { 'quay.io': { insecure: true } },
    ) as Record<string, Record<string, { security: { basic: { username: string }; tls: unknown } }>>;
    const patterns = Object.entries(made['quay.io'] ?? {});
    const usersFor = (repository: string): string[] =>
      patterns
        .filter(([pattern]) => new RegExp(pattern).test(repository))
        .map(([, { security }]) => security.basic.username);
    expect(usersFor('a.b/x')).toEqual(['u']);
    expect(usersFor('c')).toEqual(['v']);
    expect(usersFor('axb/x')).toEqual([]);
    expect(usersFor('cc/x')).toEqual([]);
    expect(patterns.every(([, { security }]) => security.tls !== undefined)).toBe(true);
  });

  test.each([
    ['quay.io', 'quay.io/team'],
    ['quay.io/team', 'quay.io/team/app'],
  ])('is refused with accounts for %s and for %s, which Makisu tries in no order', (wide, narrow) => {
    expect(() => make({ [narrow]: account('u:p'), [wide]: account('v:q') })).toThrow(
      `Makisu can't tell the account for ${narrow} from that for ${wide}`,
    );
  });

  test('is refused with a pattern of hosts, which only the kubelet knows', () => {
    expect(() => make({ '*.example.com': account('u:p') })).toThrow('Makisu knows no patterns of hosts');
  });
});

test('what is asked for is made in the form that was asked for', () => {
  const asked = { secretName: 's', key: 'k', from: [], form: 'docker-config' as const };
  const texts = [config({ 'quay.io': account('a:1') }), config({ 'quay.io': account('b:2') })];
  expect(registryAccountsValue(asked, texts)).toEqual({
    value: `${config({ 'quay.io': account('b:2') })}\n`,
    repeated: ['quay.io'],
  });
});
