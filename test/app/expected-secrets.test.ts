import { ApiObject, Chart } from 'cdk8s';
import {
  createSecretCommand,
  type ExpectedSecret,
  expectedSecrets,
  GeneratedSecret,
  GitCredential,
  GitSource,
  KeelsonApp,
  KeelWatchedBuild,
  type PipelineConfiguration,
  SecretSource,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { foreignChart, image, pipeline, reference } from '../support/programs.ts';
import { likeSealed } from '../support/sealing.ts';
import { type Build, type Synthesized, synthesized } from '../support/synthesized.ts';
import { variants } from '../support/variants.ts';

const withEnv =
  (env: Record<string, SecretSource>): Build =>
  (app) =>
    new KeelWatchedBuild(pipeline(app), 'build', { image: image(), command: ['x'], env });
const secretsOf = (build: Build): readonly ExpectedSecret[] => synthesized(build).result.secrets;

describe('who makes a Secret', () => {
  const TOKEN = { type: 'Opaque', optional: false, namespace: 'ci' };
  const reader = (key: string): object => ({ path: 'ci/build', property: 'env.TOKEN', key, optional: false });

  test.each<[string, SecretSource, object]>([
    [
      'you',
      SecretSource.existing('git', 'token'),
      { name: 'git', keys: ['token'], madeBy: 'you', readers: [reader('token')] },
    ],
    [
      'the controller',
      SecretSource.generated(),
      { name: 'build-env-token', keys: ['value'], madeBy: 'controller', readers: [reader('value')] },
    ],
    [
      'the manifest',
      SecretSource.literal('a', { allowPlaintext: 'for tests' }),
      { name: 'build-env-token', keys: ['value'], madeBy: 'manifest', readers: [reader('value')] },
    ],
    [
      'External Secrets',
      SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'a', name: 'git' }),
      { name: 'git', keys: ['value'], madeBy: 'external-secrets', readers: [reader('value')] },
    ],
    [
      'Sealed Secrets',
      SecretSource.sealed({ name: 'git', key: 'token', encryptedValue: likeSealed(7) }),
      { name: 'git', keys: ['token'], madeBy: 'sealed-secrets', readers: [reader('token')] },
    ],
  ])('may be %s', (_name, source, expected) => {
    expect(secretsOf(withEnv({ TOKEN: source }))).toEqual([{ ...TOKEN, ...expected }]);
  });

  test('is known of a generated Secret by whichever way its keys are read', () => {
    const secrets = secretsOf((app) => {
      const ci = pipeline(app);
      const keys = new GeneratedSecret(ci, 'keys', {
        keys: { a: { password: { length: 8 } }, b: { password: { length: 8 } } },
      });
      new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], env: { A: keys.source('a') } });
    });
    expect(secrets).toMatchObject([
      { name: 'keys', keys: ['a', 'b'], madeBy: 'controller', readers: [{ key: 'a' }] },
    ]);
  });

  test('is the manifest for any Secret with values, whoever made it, and never says the value', () => {
    const secrets = secretsOf((app) => {
      new ApiObject(foreignChart(app, 'elsewhere'), 'x', {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'theirs' },
        type: 'kubernetes.io/basic-auth',
        stringData: { username: 'CANARY' },
        data: { password: 'Q0FOQVJZ' },
      });
    });
    expect(secrets).toEqual([
      {
        namespace: 'elsewhere',
        name: 'theirs',
        type: 'kubernetes.io/basic-auth',
        keys: ['password', 'username'],
        madeBy: 'manifest',
        optional: false,
        readers: [],
      },
    ]);
  });
});

describe('a Secret with several readers', () => {
  const secrets = secretsOf((app) => {
    const source = GitSource.remote('https://git.example.com/a/b.git', {
      branch: 'main',
      credential: GitCredential.token(SecretSource.existing('shared', 'token')),
    });
    const ci = pipeline(app, { source });
    new KeelWatchedBuild(ci, 'build', {
      image: image(),
      command: ['x'],
      env: {
        A: SecretSource.existing('shared', 'a', { optional: true }),
        Z: SecretSource.existing('alone', 'z', { optional: true }),
      },
      envFrom: [{ secret: 'all' }, { configMap: 'settings' }],
    });
  });

  test('is listed once, with what each of them reads, sorted by name', () => {
    expect(secrets.map(({ name, keys }) => [name, keys])).toEqual([
      ['all', []],
      ['alone', ['z']],
      ['shared', ['a', 'token']],
    ]);
    expect(secrets[2]?.readers).toEqual([
      { path: 'ci/record', property: 'source.credential', key: 'token', optional: false },
      { path: 'ci/build', property: 'env.A', key: 'a', optional: true },
    ]);
    expect(secrets[0]?.readers).toEqual([
      { path: 'ci/build', property: 'envFrom', key: undefined, optional: false },
    ]);
  });

  test('is optional where all of them can do without', () => {
    expect(secrets.map(({ optional }) => optional)).toEqual([false, true, false]);
  });
});

test('what a transform leaves out, nobody makes', () => {
  const { result } = synthesized(withEnv({ TOKEN: SecretSource.generated() }), {
    transform: (object) => (object.kind === 'Secret' ? undefined : object),
  });
  expect(result.secrets).toMatchObject([{ name: 'build-env-token', madeBy: 'you' }]);
});

test('the list of a part of a program is that of its charts', () => {
  const app = new KeelsonApp();
  const one = pipeline(app);
  new GeneratedSecret(one, 'a', { keys: { a: { password: { length: 8 } } } });
  new GeneratedSecret(new Chart(app, 'two', { namespace: 'two' }), 'b', { keys: {} });
  expect(expectedSecrets(one).map(({ name }) => name)).toEqual(['a']);
  expect(expectedSecrets(app).map(({ name }) => name)).toEqual(['a', 'b']);
});

describe('the command that makes a Secret', () => {
  const secret: ExpectedSecret = {
    namespace: 'ci',
    name: 'git',
    type: 'Opaque',
    keys: ['a', 'b.c'],
    madeBy: 'you',
    optional: false,
    readers: [],
  };

  test.each<[Partial<ExpectedSecret>, string]>([
    [{}, 'kubectl --namespace ci create secret generic git --from-file=a=FILE --from-file=b.c=FILE'],
    [{ namespace: undefined, keys: ['a'] }, 'kubectl create secret generic git --from-file=a=FILE'],
    [{ keys: [] }, 'kubectl --namespace ci create secret generic git --from-env-file=FILE'],
    [
      { type: 'kubernetes.io/tls', keys: ['tls.crt', 'tls.key'] },
      'kubectl --namespace ci create secret tls git --cert=FILE --key=FILE',
    ],
    [
      { type: 'kubernetes.io/dockerconfigjson', keys: ['.dockerconfigjson'] },
      'kubectl --namespace ci create secret generic git --type=kubernetes.io/dockerconfigjson --from-file=.dockerconfigjson=FILE',
    ],
    [
      { name: "a'; rm -rf /", keys: [] },
      "kubectl --namespace ci create secret generic 'a'\\''; rm -rf /' --from-env-file=FILE",
    ],
  ])('for %j', (given, command) => expect(createSecretCommand({ ...secret, ...given })).toBe(command));
});

/** `namespace/name` of every Secret that pods name, that job templates' pods copy, and that the controller is told of. */
function namedSecrets({ objects }: Synthesized): Set<string> {
  const named = new Set<string>();
  const visit = (value: unknown, namespace: string): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, below] of Object.entries(value)) {
      if (key === 'imagePullSecrets') for (const { name } of below) named.add(`${namespace}/${name}`);
      if (['secretKeyRef', 'secretRef', 'secret'].includes(key) && typeof below === 'object') {
        const { name, secretName } = below as { name?: string; secretName?: string };
        named.add(`${namespace}/${secretName ?? name}`);
      }
      visit(below, namespace);
    }
  };
  for (const { kind, metadata, ...rest } of objects) {
    if (kind === 'GitRepository') visit(rest, metadata.namespace ?? '');
    if (kind === 'Ingress') {
      const { tls } = rest['spec'] as { tls: { secretName?: string }[] };
      for (const { secretName } of tls)
        if (secretName !== undefined) named.add(`${metadata.namespace}/${secretName}`);
    }
    visit((rest as { spec?: { template?: unknown } }).spec?.template, metadata.namespace ?? '');
    const pipeline = (rest as { data?: Record<string, string> }).data?.['pipeline.json'];
    if (pipeline === undefined) continue;
    const { images, releases, source }: PipelineConfiguration = JSON.parse(pipeline);
    // The controller reads these by itself.
    for (const secret of [source?.webhook?.secret, source?.statuses?.token])
      if (secret !== undefined) named.add(`${metadata.namespace}/${secret.secretName}`);
    // A commit's namespace has copies.
    for (const image of [...images, ...releases.flatMap((release) => release.images)]) {
      const accounts = image.registryAccounts?.flatMap(({ from }) => from) ?? [];
      for (const { secretName, namespace } of [...image.copySecrets, ...accounts])
        named.add(`${namespace ?? metadata.namespace}/${secretName}`);
    }
    for (const { namespace, jobs } of releases) visit(jobs, namespace);
  }
  return named;
}

describe.each([...variants])('in %s', (_name, synthesize) => {
  const output = synthesize();
  const listed = output.result.secrets;

  test('every Secret that a pod, an image build or the controller reads is listed, and none twice', () => {
    const paths = listed.map(({ namespace, name }) => `${namespace}/${name}`);
    expect(paths).toEqual(expect.arrayContaining([...namedSecrets(output)]));
    expect(new Set(paths).size).toBe(paths.length);
    expect(
      listed
        .filter(({ readers }) => readers.length > 0)
        .map(({ namespace, name }) => `${namespace}/${name}`)
        .sort(),
    ).toEqual([...namedSecrets(output)].sort());
  });

  test('who makes each is what the manifests say', () => {
    const made = new Map(
      output.objects
        .filter(({ kind }) => /Secret$/.test(kind))
        .map(({ kind, metadata }) => [`${metadata.namespace}/${metadata.name}`, kind]),
    );
    for (const { namespace, name, madeBy } of listed) {
      const kind = {
        you: undefined,
        controller: 'Secret',
        manifest: 'Secret',
        'external-secrets': 'ExternalSecret',
        'sealed-secrets': 'SealedSecret',
      }[madeBy];
      expect(made.get(`${namespace}/${name}`), name).toBe(kind);
    }
  });

  test('the list is the same in every run', () => {
    expect(synthesize().result.secrets).toEqual(listed);
  });
});

test('the reference pipeline needs nothing of you but what is optional', () => {
  const { secrets } = reference().result;
  expect(secrets.filter(({ madeBy }) => madeBy === 'you')).toMatchObject([
    { name: 'studioml-runner-aws-sqs', keys: ['config', 'credentials'], optional: true },
    { name: 'release-github-token', namespace: 'ci-go-runner-release', optional: true },
    { name: 'release-quay-io', namespace: 'ci-go-runner-release', optional: true },
  ]);
  const withAccount = reference({ Registry: 'anything' }).result.secrets;
  expect(withAccount.filter(({ madeBy, optional }) => madeBy === 'you' && !optional)).toMatchObject([
    {
      namespace: 'ci-go-runner',
      name: 'docker-registry-config',
      keys: ['registry.yaml'],
      readers: [{ path: 'studio-go-runner/image', property: 'registryConfig' }],
    },
  ]);
});
