// Secrets that a program or its environment holds are in nothing that is written or said.
import {
  expectedSecrets,
  GeneratedSecret,
  imagesOf,
  KeelWatchedBuild,
  MakisuBuilder,
  MinioService,
  SecretSource,
} from 'keelson';
import { describe, expect, test } from 'vitest';
import { aBuild, anImageBuild, repository } from './bad-input/row.ts';
import { build, image, pipeline } from './support/programs.ts';
import { runProgram } from './support/project.ts';
import { likeSealed } from './support/sealing.ts';
import {
  type Build,
  inTemporaryDirectory,
  problemsOf,
  readFiles,
  type Synthesized,
  synthesized,
} from './support/synthesized.ts';
import { LISTENER_LITERAL, variants } from './support/variants.ts';

const CANARY = 'Canary0f7b3e';

/** Variables that shells and CI systems keep secrets in. */
const SECRETS = [
  'Registry GITHUB_TOKEN GITLAB_TOKEN NPM_TOKEN AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AZURE_CLIENT_SECRET',
  'GOOGLE_APPLICATION_CREDENTIALS DOCKER_AUTH_CONFIG DOCKER_PASSWORD KUBECONFIG SSH_PRIVATE_KEY PASSWORD',
  'DATABASE_URL PULUMI_ACCESS_TOKEN MINIO_ROOT_PASSWORD RABBITMQ_DEFAULT_PASS PATH_SECRET KEELSON_TOKEN',
]
  .join(' ')
  .split(' ');

describe("the reference app's process", { timeout: 60_000 }, () => {
  const env = Object.fromEntries(SECRETS.map((name) => [name, `${CANARY}-${name}`]));

  test('writes and prints nothing of what its environment keeps secret', () => {
    inTemporaryDirectory((cwd) => {
      const { code, stdout, stderr } = runProgram('apps/studio-go-runner/synth.ts', { cwd, env });
      const files = readFiles(cwd);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('objects');
      expect(files.size).toBeGreaterThan(60);
      for (const [path, text] of [...files, ['stdout', stdout] as const])
        expect(text, path).not.toContain(CANARY);
    });
  });

  test.each(['secrets', 'images'])('prints nothing of it in its list of %s', (list) => {
    inTemporaryDirectory((cwd) => {
      const { code, stdout, stderr } = runProgram(`apps/studio-go-runner/${list}.ts`, { cwd, env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).not.toContain(CANARY);
      expect([...readFiles(cwd)]).toEqual([]);
    });
  });

  test('says nothing of it where it fails', () => {
    inTemporaryDirectory((cwd) => {
      const wrong = { ...env, RegistryPort: 'none', GIT_BRANCH: '-x', K8S_NAMESPACE: 'kube-system' };
      const { code, stdout, stderr } = runProgram('apps/studio-go-runner/synth.ts', { cwd, env: wrong });
      expect(code).toBe(1);
      expect(stderr).toContain('SynthesisError: synthesis found');
      expect(stdout + stderr).not.toContain(CANARY);
      expect([...readFiles(cwd)]).toEqual([]);
    });
  });
});

describe('what is refused is not shown', () => {
  test.each<[string, Build]>([
    ['a literal without a reason', aBuild({ env: { A: SecretSource.literal(CANARY, {} as never) } })],
    ['a variable named as a secret', aBuild({ env: { DB_PASSWORD: CANARY } })],
    ['a variable named as a secret that is no text', aBuild({ env: { DB_PASSWORD: { value: CANARY } } })],
    ['a variable named as a secret that is a list', aBuild({ env: { CREDENTIALS: [CANARY] } })],
    ['a token', aBuild({ env: { OTHER: `ghp_${CANARY}${'x'.repeat(30)}` } })],
    ['a private key', aBuild({ env: { PEM: `-----BEGIN PRIVATE KEY-----\n${CANARY}\n` } })],
    ['a URL with a password as a variable', aBuild({ env: { BROKER: `amqp://me:${CANARY}@host` } })],
    ['a URL with a password as an argument', aBuild({ command: ['x', `https://me:${CANARY}@host/`] })],
    ['a build argument', anImageBuild({ buildArgs: { NPM_TOKEN: CANARY } })],
    ['a build argument with an equals sign', anImageBuild({ buildArgs: { NPM_TOKEN: `${CANARY}==` } })],
    [
      'a build argument that is a URL with a password',
      anImageBuild({ buildArgs: { INDEX: `https://me:${CANARY}@host/` } }),
    ],
    ['a build argument that is no text', anImageBuild({ buildArgs: { NPM_TOKEN: { value: CANARY } } })],
    ['a repository with a password', repository(`https://me:${CANARY}@host/a`)],
    ['a repository with a token', repository(`https://${CANARY}@host/a`)],
    ['a repository with a password by http', repository(`http://me:${CANARY}@host/a`)],
    ['a repository with a password by ftp', repository(`ftp://me:${CANARY}@host/a`)],
    ['a repository with a password and a blank', repository(`https://me:pa ${CANARY}@host/a`)],
    ['a repository with a password and a slash', repository(`https://me:pa/${CANARY}@host/a`)],
    ['a repository with a password and a quote', repository(`https://me:pa"${CANARY}@host/ a`)],
    ['a repository with a password and no scheme', repository(`me:${CANARY}@host:a`)],
    ['a repository with a token in its query', repository(`https://host/a?access_token=${CANARY}`)],
    [
      'an image with a password',
      (app) => build(app, { image: image().withTag(`https://me:${CANARY}@host/a`) }),
    ],
    [
      'credentials of a service',
      (app) =>
        new MinioService(pipeline(app), 'minio', {
          credentials: {
            user: SecretSource.literal(CANARY, {} as never),
            password: SecretSource.literal(CANARY, {} as never),
          },
        }),
    ],
    [
      'a sealed secret that is not sealed',
      aBuild({ env: { A: SecretSource.sealed({ name: 'a', encryptedValue: CANARY }) } }),
    ],
    [
      'a sealed secret that is base64 of the secret',
      aBuild({
        env: { A: SecretSource.sealed({ name: 'a', encryptedValue: btoa(CANARY.repeat(60)) }) },
      }),
    ],
    [
      'an external secret whose name is the secret',
      aBuild({
        env: {
          A: SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'a', name: CANARY }),
        },
      }),
    ],
    [
      'an external secret whose key is the secret',
      aBuild({
        env: {
          A: SecretSource.externalSecret({ store: { name: 'vault' }, remoteKey: 'a', key: `${CANARY} ` }),
        },
      }),
    ],
    [
      'a generated secret that is the secret',
      (app) => new GeneratedSecret(pipeline(app), 'keys', { keys: { a: CANARY as never } }),
    ],
    [
      'a name of a Secret that is the secret',
      aBuild({ env: { A: SecretSource.existing('s', `ghp_${CANARY}${'x'.repeat(30)}/`) } }),
    ],
  ])('%s', (_name, program) => {
    const problems = problemsOf(program);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join('\n')).not.toContain(CANARY);
  });
});

test('a literal with a reason is in its Secret, and in nothing else', () => {
  const { files } = synthesized((app) => {
    const ci = pipeline(app);
    const env = { A: SecretSource.literal(CANARY, { allowPlaintext: 'for tests' }) };
    new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], env });
  });
  const holders = [...files].filter(([, text]) => text.includes(CANARY)).map(([path]) => path);
  expect(holders).toEqual([expect.stringMatching(/^ci\/40-secret-/)]);
});

test('the lists of Secrets and images have no value of any kind of secret', () => {
  const { result } = synthesized((app) => {
    const ci = pipeline(app);
    const env = {
      A: SecretSource.literal(CANARY, { allowPlaintext: 'for tests' }),
      B: SecretSource.sealed({ name: 'b', encryptedValue: likeSealed(7) }),
    };
    new KeelWatchedBuild(ci, 'build', { image: image(), command: ['x'], env });
    expect(JSON.stringify([expectedSecrets(app), imagesOf(app)])).not.toContain(CANARY);
  });
  expect(result.secrets.map(({ madeBy }) => madeBy)).toEqual(['sealed-secrets', 'manifest']);
});

test('a literal that a listener needs is in its Secret at home, and in no template', () => {
  const { files } = (variants.get('builds that hand over') as () => Synthesized)();
  const holders = [...files].filter(([, text]) => text.includes(LISTENER_LITERAL)).map(([path]) => path);
  expect(holders).toEqual([expect.stringMatching(/^one\/40-secret-build-env-plain/)]);
});

test('no manifest of a generated or existing secret has a value', () => {
  const { objects } = synthesized((app) => {
    const ci = pipeline(app);
    const secretFiles = {
      '/keys/a': SecretSource.generated({ privateKey: { type: 'ed25519' } }),
      '/keys/b': SecretSource.existing('s', 'k'),
    };
    new KeelWatchedBuild(ci, 'build', {
      image: image(),
      command: ['x'],
      secretFiles,
      services: [new MinioService(ci, 'minio')],
    });
  });
  const secrets = objects.filter(({ kind }) => kind === 'Secret');
  expect(secrets).toHaveLength(2);
  for (const secret of secrets)
    expect([secret['data'], secret['stringData']], secret.metadata.name).toEqual([undefined, undefined]);
});

test('an image build has no secret in its arguments or variables', () => {
  expect(MakisuBuilder.POD_SECURITY.level).toBe('baseline');
  const text = [
    ...synthesized(
      anImageBuild({ registryConfig: SecretSource.existing('account', 'registry.yaml') }),
    ).files.values(),
  ].join('');
  expect(text).not.toMatch(/password|basic/i);
});
