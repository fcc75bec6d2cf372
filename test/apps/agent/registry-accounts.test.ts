import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { ControllerContext } from '../../../apps/agent/controller/context.ts';
import { readCommitSecrets } from '../../../apps/agent/controller/registry-accounts.ts';
import type { EventText } from '../../../apps/agent/kubernetes/events.ts';
import type { Reference } from '../../../apps/agent/kubernetes/resources.ts';
import type { ImageConfiguration } from '../../../lib/agent/configuration.ts';

type Image = Pick<ImageConfiguration, 'name' | 'copySecrets' | 'registryAccounts'>;
type Values = Readonly<Record<string, string>>;

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const DOCKER = '.dockerconfigjson';
const account = (...hosts: string[]): string =>
  JSON.stringify({ auths: Object.fromEntries(hosts.map((host) => [host, { auth: base64('user:CANARY') }])) });

/** A namespace's Secrets, by `namespace/name`: their type and values. */
function contextWith(secrets: Readonly<Record<string, readonly [type: string, values: Values]>>): {
  context: ControllerContext;
  read: string[];
  said: EventText[];
} {
  const read: string[] = [];
  const said: EventText[] = [];
  const get = async ({ namespace, name }: Reference): Promise<object | undefined> => {
    read.push(`${namespace}/${name}`);
    const [type, values] = secrets[`${namespace}/${name}`] ?? [];
    if (values === undefined) return undefined;
    const data = Object.fromEntries(Object.entries(values).map(([key, value]) => [key, base64(value)]));
    return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace, uid: 'u' }, type, data };
  };
  const say = async (_about: unknown, text: EventText): Promise<void> => void said.push(text);
  // The namespace of a release of the pipeline in `ci`.
  const labels = { 'keelson.dev/home': 'ci' };
  const getMetadata = async ({ name }: Reference): Promise<object> => ({
    metadata: { name, ...(name === 'release' && { labels }) },
  });
  const context = { client: { get, getMetadata }, events: { say }, metrics: new Registry() };
  return { context: context as unknown as ControllerContext, read, said };
}

const image = (copySecrets: Image['copySecrets'], registryAccounts?: Image['registryAccounts']): Image => ({
  name: 'image',
  copySecrets,
  ...(registryAccounts && { registryAccounts }),
});
const accounts = (...from: Image['copySecrets']): NonNullable<Image['registryAccounts']> => [
  { secretName: 'accounts', key: 'config.json', form: 'docker-config', from },
];

describe('Secrets for the namespace of a commit', () => {
  test('are copies with the listed keys alone, one for each name', async () => {
    const { context, read } = contextWith({
      'ci/a': ['Opaque', { one: '1', two: '2', three: '3' }],
      'ci/b': ['example.com/own', { value: 'b' }],
      'release/c': ['Opaque', { value: 'c' }],
    });
    const wanted = [
      { secretName: 'a', key: 'one' },
      { secretName: 'b', key: 'value' },
      { secretName: 'a', key: 'three' },
      { secretName: 'c', key: 'value', namespace: 'release' },
    ];
    expect(await readCommitSecrets(context, 'ci', image(wanted))).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'a' },
        type: 'Opaque',
        data: { one: base64('1'), three: base64('3') },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'b' },
        type: 'example.com/own',
        data: { value: base64('b') },
      },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'c' },
        type: 'Opaque',
        data: { value: base64('c') },
      },
    ]);
    expect(read).toEqual(['ci/a', 'ci/b', 'release/c']);
  });

  test.each<[type: string, values: Values, keys: string[], expected: string]>([
    [
      'kubernetes.io/dockerconfigjson',
      { [DOCKER]: account('quay.io'), more: 'x' },
      [DOCKER],
      'kubernetes.io/dockerconfigjson',
    ],
    ['kubernetes.io/dockerconfigjson', { [DOCKER]: account('quay.io'), more: 'x' }, ['more'], 'Opaque'],
    [
      'kubernetes.io/ssh-auth',
      { 'ssh-privatekey': 'k', config: 'c' },
      ['ssh-privatekey'],
      'kubernetes.io/ssh-auth',
    ],
    ['kubernetes.io/ssh-auth', { 'ssh-privatekey': 'k', config: 'c' }, ['config'], 'Opaque'],
    ['kubernetes.io/tls', { 'tls.crt': 'c', 'tls.key': 'k' }, ['tls.crt'], 'Opaque'],
    ['kubernetes.io/tls', { 'tls.crt': 'c', 'tls.key': 'k' }, ['tls.crt', 'tls.key'], 'kubernetes.io/tls'],
    ['kubernetes.io/basic-auth', { username: 'u', password: 'p' }, ['password'], 'kubernetes.io/basic-auth'],
    ['kubernetes.io/basic-auth', { username: 'u', more: 'p' }, ['more'], 'Opaque'],
    // Kubernetes would fill it with a token of the namespace, or delete it.
    ['kubernetes.io/service-account-token', { token: 't' }, ['token'], 'Opaque'],
  ])(
    'of the type %s and with the keys %j, copied as %j, have a type that Kubernetes takes',
    async (type, values, keys, expected) => {
      const { context } = contextWith({ 'ci/s': [type, values] });
      const [copy] = await readCommitSecrets(
        context,
        'ci',
        image(keys.map((key) => ({ secretName: 's', key }))),
      );
      expect(copy?.type).toBe(expected);
    },
  );

  test.each<[string, Values | undefined, string]>([
    ['no Secret', undefined, 'key'],
    ['no such key', { other: 'x' }, 'key'],
    ['an empty key', { key: '' }, 'key'],
    ['only what every object has', { other: 'x' }, 'constructor'],
  ])('are missing where there is %s', async (_what, values, key) => {
    const { context } = contextWith(values === undefined ? {} : { 'release/s': ['Opaque', values] });
    const wanted = [{ secretName: 's', key, namespace: 'release' }];
    const expected = { name: 'MissingSecretError', secretName: 's', key, namespace: 'release' };
    await expect(readCommitSecrets(context, 'ci', image(wanted))).rejects.toMatchObject(expected);
    await expect(readCommitSecrets(context, 'ci', image([], accounts(...wanted)))).rejects.toMatchObject(
      expected,
    );
  });

  test.each(['release-of-another', 'kube-system'])(
    'are not read from %s, which is not of the pipeline',
    async (namespace) => {
      const { context, read } = contextWith({ [`${namespace}/s`]: ['Opaque', { key: 'CANARY' }] });
      const wanted = [{ secretName: 's', key: 'key', namespace }];
      const refused = `the namespace ${namespace} is not one of the pipeline in ci: it has no label keelson.dev/home=ci`;
      await expect(readCommitSecrets(context, 'ci', image(wanted))).rejects.toThrow(refused);
      await expect(readCommitSecrets(context, 'ci', image([], accounts(...wanted)))).rejects.toThrow(refused);
      expect(read).toEqual([]);
    },
  );

  test('that would need two values in one place are refused', async () => {
    const same = [
      { secretName: 's', key: 'k' },
      { secretName: 's', key: 'k', namespace: 'release' },
    ];
    const with2 = (value: string) =>
      contextWith({ 'ci/s': ['Opaque', { k: 'CANARY' }], 'release/s': ['Opaque', { k: value }] }).context;
    const failure = await readCommitSecrets(with2('other'), 'ci', image(same)).catch(String);
    expect(failure).toMatch(
      /^UnusableSecretError: the image image needs two values of the key k of the Secret s/,
    );
    expect(failure).not.toContain('CANARY');
    expect(await readCommitSecrets(with2('CANARY'), 'ci', image(same))).toHaveLength(1);
  });

  test('have accounts of registries, in the order in which they count', async () => {
    const { context, said } = contextWith({
      'ci/pull': ['kubernetes.io/dockerconfigjson', { [DOCKER]: account('quay.io', 'ghcr.io') }],
      'release/push': ['kubernetes.io/dockerconfigjson', { [DOCKER]: account('quay.io') }],
    });
    const pull = { secretName: 'pull', key: DOCKER };
    const push = { secretName: 'push', key: DOCKER, namespace: 'release' };
    const [secret] = await readCommitSecrets(context, 'ci', image([], accounts(pull, push)));
    expect(secret).toMatchObject({ metadata: { name: 'accounts' }, type: 'Opaque' });
    const text = Buffer.from(secret?.data['config.json'] ?? '', 'base64').toString();
    expect(Object.keys(JSON.parse(text).auths)).toEqual(['quay.io', 'ghcr.io']);
    expect(said).toEqual([
      {
        type: 'Warning',
        reason: 'RepeatedAccounts',
        message: 'more than one of the Secrets pull, push has an account for quay.io: the last one counts',
      },
    ]);
    said.length = 0;
    await readCommitSecrets(context, 'ci', image([], accounts(pull)));
    expect(said).toEqual([]);
  });

  test('with accounts that can’t be read are refused, and the account is not shown', async () => {
    const { context } = contextWith({ 'ci/pull': ['Opaque', { [DOCKER]: '{"auths":"CANARY"}' }] });
    const failure = await readCommitSecrets(
      context,
      'ci',
      image([], accounts({ secretName: 'pull', key: DOCKER })),
    ).catch(String);
    expect(failure).toBe('UnusableSecretError: of the Secrets pull: the Docker configuration has no "auths"');
  });
});
