import fc from 'fast-check';
import { GeneratedSecret, Grant, IsolatedNamespace, PodField, PodSecurity, SecretSource } from 'keelson';
import { call, fields, one, only, plain, Value, type Values } from '../value.ts';
import {
  as,
  dnsLabel,
  existingSecret,
  type Factories,
  freshName,
  labels,
  quota,
  type Recipes,
  secret,
} from './recipe.ts';

/** As long as what is sealed for a key of 4096 bits, with a value of 20 bytes. */
const SEALED = Buffer.concat([Buffer.from([2, 0]), Buffer.alloc(512 + 36, 7)]).toString('base64');
const reason = one('it runs as root', '名前', ' x\n');

export const factories: Factories = {
  'PodSecurity.restricted': only('PodSecurity.restricted()', () => PodSecurity.restricted()),
  'PodSecurity.baseline': call('PodSecurity.baseline', (text: string) => PodSecurity.baseline(text), reason),
  'PodSecurity.privileged': call(
    'PodSecurity.privileged',
    (text: string) => PodSecurity.privileged(text),
    reason,
  ),
  'PodSecurity.covering': call(
    'PodSecurity.covering',
    (text: string) => PodSecurity.covering([PodSecurity.restricted(), PodSecurity.baseline(text)]),
    reason,
  ),
  'SecretSource.existing': existingSecret,
  'SecretSource.generated': only('SecretSource.generated()', () => SecretSource.generated()),
  'SecretSource.literal': secret,
  'SecretSource.externalSecret': only('SecretSource.externalSecret', () =>
    SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'ci/git', property: 'token' }),
  ),
  'SecretSource.sealed': only('SecretSource.sealed', (world) =>
    SecretSource.sealed({ name: world.next('sealed'), key: 'token', encryptedValue: SEALED }),
  ),
  'GeneratedSecret.of': only('GeneratedSecret.of', (world) =>
    GeneratedSecret.of(world.chart)[0]?.source('a'),
  ),
};

export const podSecurity: Values = fc.oneof(
  factories['PodSecurity.restricted'] as Values,
  factories['PodSecurity.baseline'] as Values,
);

/** A value of an environment variable. */
export const environmentValue: Values = fc.oneof(
  one('', '1', '$(HOME)', '$$(HOME)', '名前\n', '((keelson.branch))'),
  secret,
  one(PodField.NAME, PodField.NAMESPACE, PodField.UID, PodField.NODE_NAME),
);

/** Functions that are asked for a value at synthesis. */
function asked(values: Values): Values {
  return values.map(({ label, make }) => new Value(`() => ${label}`, (world) => () => make(world)));
}

export const recipes: Recipes = {
  GeneratedSecret: {
    props: {
      name: freshName,
      namespace: plain(dnsLabel),
      keys: one<unknown>(
        {},
        { a: { password: { length: 8 } } },
        {
          passphrase: { password: { length: 32 } },
          private: { privateKey: { type: 'rsa', bits: 4096, passphraseKey: 'passphrase' } },
          public: { publicKey: { of: 'private', format: 'pem' } },
        },
        { key: { privateKey: { type: 'ed25519' } } },
      ),
    },
    required: ['keys'],
    make: (world, id, props) => new GeneratedSecret(world.chart, id, as(props)),
  },
  IsolatedNamespace: {
    props: {
      name: freshName,
      labels,
      podSecurity: asked(podSecurity),
      quota: asked(quota),
    },
    required: ['name', 'podSecurity', 'quota'],
    make: (world, id, props) => new IsolatedNamespace(world.chart, id, as(props)),
  },
  Grant: {
    props: {
      name: freshName,
      namespace: plain(dnsLabel),
      to: fields({ namespace: plain(dnsLabel), serviceAccountName: plain(dnsLabel) }, [
        'namespace',
        'serviceAccountName',
      ]),
      rules: one<unknown>(
        () => [],
        () => [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
      ),
    },
    required: ['name', 'namespace', 'to', 'rules'],
    make: (world, id, props) => new Grant(world.chart, id, as(props)),
  },
};
