// Values from External Secrets and Sealed Secrets, and what their users may ask of them.
import { generateKeyPairSync } from 'node:crypto';
import { ApiObject, App, Chart, Duration } from 'cdk8s';
import { type Construct, Construct as Scope } from 'constructs';
import {
  type ExternalSecretOptions,
  GeneratedSecret,
  type SealedSecretOptions,
  type SecretBindOptions,
  SecretSource,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { likeSealed, seal } from '../support/sealing.ts';

const chart = (): Chart => new Chart(new App(), 'chart', { namespace: 'ci' });
const objects = (scope: Construct): { kind: string; metadata: object; spec: object }[] =>
  scope.node
    .findAll()
    .filter(ApiObject.isApiObject)
    .map((object) => object.toJson());
const problems = (scope: Construct): string[] =>
  scope.node.findAll().flatMap((construct) => construct.node.validate());

const DOCKER = { type: 'kubernetes.io/dockerconfigjson', key: '.dockerconfigjson' };
const vault = (options: Partial<ExternalSecretOptions> = {}): SecretSource =>
  SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'ci/git', ...options });
const sealed = (options: Partial<SealedSecretOptions> = {}): SecretSource =>
  SecretSource.sealed({ name: 'account', encryptedValue: likeSealed(7), ...options });

/** What a source makes when it is bound in each of the given ways. */
function bound(...binds: readonly (readonly [SecretSource, SecretBindOptions?])[]): {
  scope: Chart;
  made: ReturnType<typeof objects>;
  problems: string[];
  references: unknown[];
} {
  const scope = chart();
  const references = binds.map(([source, options], index) =>
    source.bind(new Scope(scope, `user-${index}`), `secret-${index}`, 'env.TOKEN', options),
  );
  return { scope, made: objects(scope), problems: problems(scope), references };
}

describe('a secret in an external store', () => {
  test('is an ExternalSecret that makes a Secret of the same name', () => {
    const { made, problems, references } = bound([vault()]);
    expect(problems).toEqual([]);
    expect(references).toEqual([{ secretName: 'secret-0', key: 'value', optional: false }]);
    expect(made).toEqual([
      {
        apiVersion: 'external-secrets.io/v1',
        kind: 'ExternalSecret',
        metadata: { name: 'secret-0', namespace: 'ci' },
        spec: {
          secretStoreRef: { name: 'vault', kind: 'SecretStore' },
          refreshInterval: '1h0m0s',
          target: { name: 'secret-0', creationPolicy: 'Owner', deletionPolicy: 'Retain' },
          data: [
            {
              secretKey: 'value',
              remoteRef: {
                key: 'ci/git',
                conversionStrategy: 'Default',
                decodingStrategy: 'None',
                metadataPolicy: 'None',
              },
            },
          ],
        },
      },
    ]);
  });

  test('takes every option', () => {
    const { made, references } = bound([
      vault({
        store: { name: 'cloud', kind: 'ClusterSecretStore' },
        property: 'token',
        version: '3',
        decodingStrategy: 'Base64',
        refreshInterval: Duration.minutes(90),
        creationPolicy: 'Orphan',
        name: 'git',
        key: 'github_token',
      }),
      { namespace: 'elsewhere' },
    ]);
    expect(references).toEqual([{ secretName: 'git', key: 'github_token', optional: false }]);
    expect(made).toMatchObject([
      {
        metadata: { name: 'git', namespace: 'elsewhere' },
        spec: {
          secretStoreRef: { name: 'cloud', kind: 'ClusterSecretStore' },
          refreshInterval: '1h30m0s',
          target: { name: 'git', creationPolicy: 'Orphan' },
          data: [
            {
              secretKey: 'github_token',
              remoteRef: { key: 'ci/git', property: 'token', version: '3', decodingStrategy: 'Base64' },
            },
          ],
        },
      },
    ]);
  });

  test.each([
    [0, '0s'],
    [45, '45s'],
    [61, '1m1s'],
    [86_400, '24h0m0s'],
  ])('is looked up again after %i seconds, as Go writes it', (seconds, expected) => {
    const { made } = bound([vault({ refreshInterval: Duration.seconds(seconds) })]);
    expect(made).toMatchObject([{ spec: { refreshInterval: expected } }]);
  });

  test('has the type and the key that its user needs', () => {
    const { made, references, problems } = bound([vault(), DOCKER]);
    expect(problems).toEqual([]);
    expect(references).toMatchObject([{ key: '.dockerconfigjson' }]);
    expect(made).toMatchObject([
      {
        spec: {
          target: { template: { type: DOCKER.type, engineVersion: 'v2', mergePolicy: 'Replace' } },
          data: [{ secretKey: '.dockerconfigjson' }],
        },
      },
    ]);
  });

  test('shares the Secret with sources of the same name, each with its key', () => {
    const { made, problems, references } = bound(
      [vault({ name: 'git', key: 'user', property: 'user' })],
      [vault({ name: 'git', key: 'token', property: 'token' })],
      [vault({ name: 'git', key: 'token', property: 'token' })],
    );
    expect(problems).toEqual([]);
    expect(references).toMatchObject([{ key: 'user' }, { key: 'token' }, { key: 'token' }]);
    expect(made).toMatchObject([
      {
        spec: {
          data: [
            { secretKey: 'user', remoteRef: { property: 'user' } },
            { secretKey: 'token', remoteRef: { property: 'token' } },
          ],
        },
      },
    ]);
  });

  test('shares none across namespaces or charts, and none without a name', () => {
    expect(bound([vault({ name: 'a' })], [vault({ name: 'a' }), { namespace: 'two' }]).made).toHaveLength(2);
    expect(bound([vault()], [vault()]).made).toHaveLength(2);
    const app = new App();
    for (const id of ['one', 'two']) vault({ name: 'a' }).bind(new Chart(app, id), 'x', 'p');
    expect(objects(app)).toHaveLength(2);
  });

  test.each<[string, SecretSource, string]>([
    [
      'another value under one key',
      vault({ name: 'git', remoteKey: 'other' }),
      'env.TOKEN.key: is a key of the Secret git that another source makes',
    ],
    [
      'another store',
      vault({ name: 'git', key: 'b', store: { name: 'other' } }),
      'env.TOKEN.name: is the name of a source with another store',
    ],
    [
      'another interval',
      vault({ name: 'git', key: 'b', refreshInterval: Duration.hours(2) }),
      'env.TOKEN.name: is the name',
    ],
  ])('refuses %s in a shared Secret', (_name, source, problem) => {
    expect(bound([vault({ name: 'git' })], [source]).problems).toEqual([expect.stringContaining(problem)]);
  });
});

describe('a sealed secret', () => {
  test('is a SealedSecret with the encrypted value', () => {
    const { made, problems, references } = bound([sealed({ key: 'token' })]);
    expect(problems).toEqual([]);
    expect(references).toEqual([{ secretName: 'account', key: 'token', optional: false }]);
    expect(made).toEqual([
      {
        apiVersion: 'bitnami.com/v1alpha1',
        kind: 'SealedSecret',
        metadata: { name: 'account', namespace: 'ci' },
        spec: { encryptedData: { token: likeSealed(7) }, template: { type: 'Opaque' } },
      },
    ]);
  });

  test.each(['namespace-wide', 'cluster-wide'] as const)('says its scope where that is %s', (scope) => {
    const annotations = { [`sealedsecrets.bitnami.com/${scope}`]: 'true' };
    expect(bound([sealed({ scope })]).made).toMatchObject([
      { metadata: { annotations }, spec: { template: { metadata: { annotations } } } },
    ]);
  });

  test('has the type and the key that its user needs', () => {
    const { made, problems } = bound([sealed(), DOCKER]);
    expect(problems).toEqual([]);
    expect(made).toMatchObject([
      { spec: { encryptedData: { '.dockerconfigjson': likeSealed(7) }, template: { type: DOCKER.type } } },
    ]);
  });

  test('shares the Secret with sources of the same name', () => {
    const { made, problems } = bound(
      [sealed({ key: 'user' })],
      [sealed({ key: 'password', encryptedValue: likeSealed(8) })],
      [sealed({ key: 'user' })],
    );
    expect(problems).toEqual([]);
    expect(made).toMatchObject([
      { spec: { encryptedData: { user: likeSealed(7), password: likeSealed(8) } } },
    ]);
  });

  test.each<[string, SecretSource, string]>([
    [
      'another value under one key',
      sealed({ encryptedValue: likeSealed(8) }),
      'env.TOKEN.key: is a key of the Secret account',
    ],
    [
      'another scope',
      sealed({ key: 'b', scope: 'cluster-wide' }),
      'env.TOKEN.name: is the name of a source with another scope',
    ],
  ])('refuses %s in a shared Secret', (_name, source, problem) => {
    expect(bound([sealed()], [source]).problems).toEqual([expect.stringContaining(problem)]);
  });

  // 4096 is usual; such a key takes seconds to make, and test/cluster/secrets.test.ts has one.
  const modulus = [2048, 3072] as const;
  test.each(modulus)(
    'is recognized with a key of %i bits, whatever its value',
    { timeout: 60_000 },
    (modulusLength) => {
      const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
      for (const value of ['', 'x', 'a longer value\n'.repeat(100)]) {
        expect(bound([sealed({ encryptedValue: seal(value, publicKey, 'ci/account') })]).problems).toEqual(
          [],
        );
      }
    },
  );

  test.each([
    '',
    'CANARY',
    `${likeSealed(7)}\n`,
    likeSealed(7).slice(0, 600),
    Buffer.from('CANARY'.repeat(200)).toString('base64'),
    Buffer.from(`-----BEGIN PRIVATE KEY-----\n${'CANARY'.repeat(300)}`).toString('base64'),
    'A'.repeat(2000),
    undefined,
    7,
    null,
  ])('is not taken for one where it is %j', (encryptedValue) => {
    const { problems, made } = bound([sealed({ encryptedValue: encryptedValue as string })]);
    expect(made).toEqual([]);
    expect(problems).toEqual([
      'env.TOKEN.encryptedValue: is not a value that kubeseal has sealed, and might be readable by anybody (got a hidden value); give what `kubeseal --raw` prints',
    ]);
  });

  test('shows its value to nobody before it is checked', () => {
    expect(JSON.stringify(sealed({ encryptedValue: 'CANARY' }))).not.toContain('CANARY');
  });
});

describe('what a user asks of any source', () => {
  test('a literal has the type and key', () => {
    const { made } = bound([SecretSource.literal('{}', { allowPlaintext: 'for tests' }), DOCKER]);
    expect(made).toMatchObject([{ type: DOCKER.type, stringData: { '.dockerconfigjson': '{}' } }]);
  });

  test('an existing Secret is taken where its key is the one that is read', () => {
    expect(bound([SecretSource.existing('pull', '.dockerconfigjson'), DOCKER]).problems).toEqual([]);
  });

  test.each([
    ['an existing one', SecretSource.existing('pull', 'config.json')],
    ['an external one', vault({ key: 'config.json' })],
    ['a sealed one', sealed({ key: 'config.json' })],
  ])('%s with another key is refused', (_name, source) => {
    expect(bound([source, DOCKER]).problems).toEqual([
      'env.TOKEN: has another key than .dockerconfigjson, which is the one that is read (got a hidden value); put the value under the key .dockerconfigjson',
    ]);
  });

  test("a Docker configuration can't be made up", () => {
    expect(bound([SecretSource.generated(), DOCKER]).problems).toEqual([
      expect.stringMatching(/^env\.TOKEN: is a type of Secret that can't be made up/),
    ]);
    expect(bound([SecretSource.generated(), { key: 'token' }]).made).toMatchObject([
      { metadata: { annotations: { 'keelson.dev/generate': '{"token":{"password":{"length":32}}}' } } },
    ]);
  });
});

describe('a Secret of several generated keys', () => {
  const keys = {
    passphrase: { password: { length: 32 } },
    private: { privateKey: { type: 'rsa', bits: 4096, passphraseKey: 'passphrase' } },
    public: { publicKey: { of: 'private', format: 'pem' } },
  } as const;

  test('has the whole recipe', () => {
    const scope = chart();
    const secret = new GeneratedSecret(scope, 'keys', { keys });
    expect(problems(scope)).toEqual([]);
    expect(JSON.parse(secret.secret.toJson().metadata.annotations['keelson.dev/generate'])).toEqual(keys);
  });

  test.each<[string, object, string]>([
    [
      'a key of an unknown kind',
      { a: { privateKey: { type: 'dsa' } } },
      'keys.a.privateKey.type: is not a type of key (got "dsa"); …',
    ],
    [
      'a short RSA key',
      { a: { privateKey: { type: 'rsa', bits: 1024 } } },
      'keys.a.privateKey.bits: is not the length of an RSA key (got 1024); …',
    ],
    [
      'bits of ed25519',
      { a: { privateKey: { type: 'ed25519', bits: 256 } } },
      'keys.a.privateKey.bits: …leave it out…',
    ],
    [
      'a passphrase that is nowhere',
      { a: { privateKey: { type: 'rsa', passphraseKey: 'b' } } },
      'keys.a: is not a key of this Secret (got "b"); name one of a',
    ],
    [
      'a passphrase that is a key',
      { ...keys, private: { privateKey: { type: 'rsa', passphraseKey: 'public' } } },
      'keys.private: is not a password (got "public"); …',
    ],
    [
      'the public half of a password',
      { ...keys, public: { publicKey: { of: 'passphrase', format: 'pem' } } },
      'keys.public: is not a private key (got "passphrase"); …',
    ],
    [
      'the public half of nothing',
      { a: { publicKey: { format: 'pem' } } },
      'keys.a: is not a key of this Secret (got ""); …',
    ],
    [
      'a format of nobody',
      { ...keys, public: { publicKey: { of: 'private', format: 'der' } } },
      'keys.public.publicKey.format: is not a format (got "der"); …',
    ],
    ['a value', { a: 'CANARY' }, 'keys.a: is no way of making a value (got a hidden value); …'],
    ['nothing', { a: undefined }, 'keys.a: is no way of making a value…'],
    [
      'a password without a length',
      { a: { password: undefined } },
      'keys.a.password.length: is not the length of a password (got nothing); …',
    ],
  ])('refuses %s', (_name, given, problem) => {
    const scope = chart();
    new GeneratedSecret(scope, 'keys', { keys: given as never });
    const [start, ...rest] = problem.split('…');
    const found = problems(scope);
    expect(found).toEqual([expect.stringContaining(start ?? '')]);
    for (const part of rest) expect(found[0]).toContain(part);
    expect(found.join()).not.toContain('CANARY');
  });
});
