// What the controller makes and copies in the way of Secrets, at a real API server and with the rights that the library
// writes. The controller's code runs in this process, as its ServiceAccount.
import {
  BuildKitBuilder,
  BuildKitDaemon,
  GeneratedSecret,
  GitCredential,
  GitSource,
  HostedRegistry,
  KeelsonApp,
  MicroK8sRegistry,
  Pipeline,
  Platform,
  type SecretGenerator,
  SecretSource,
} from 'keelson';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeGeneratedSecrets } from '../../apps/agent/controller/generated-secrets/make-generated-secrets.ts';
import { readCommitSecrets } from '../../apps/agent/controller/registry-accounts.ts';
import { watch } from '../../apps/agent/kubernetes/watch.ts';
import type { PipelineConfiguration } from '../../lib/agent/configuration.ts';
import { agentClient, agentContext, type TestContext } from '../cluster/agent-context.ts';
import { Api, type KubernetesObject, serviceAccount, waitFor } from '../cluster/api.ts';
import { missing, testApi, withoutApi } from '../cluster/provided.ts';
import { inTemporaryDirectory, readOutput, type Synthesized } from '../support/synthesized.ts';

// An API server without controllers deletes no namespace, so that the next run has others.
const namespace = `secrets-made-${process.pid}`;
const commit = `${namespace}-commit`;
const SYSTEM = 'secrets-made-system';
const controller = serviceAccount(SYSTEM, 'keelson-controller');

const keys: Record<string, SecretGenerator> = {
  password: { password: { length: 32 } },
  passphrase: { password: { length: 32 } },
  private: { privateKey: { type: 'rsa', bits: 2048, passphraseKey: 'passphrase' } },
  public: { publicKey: { of: 'private', format: 'pem' } },
};
const RACED = ['raced-1', 'raced-2', 'raced-3', 'raced-4', 'raced-5'];
const NAMES = [...RACED, 'later', 'wrong', 'frozen', 'last'];
const DOCKER = '.dockerconfigjson';

interface Secret extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** A pipeline with generated Secrets, and an image that is built with accounts of two registries. */
function program(): Synthesized {
  return inTemporaryDirectory((outdir) => {
    const app = new KeelsonApp({ outdir });
    const registry = HostedRegistry.at('registry.example.com', {
      pushCredential: SecretSource.existing('push', DOCKER),
    });
    const pipeline = new Pipeline(app, 'pipeline', {
      namespace,
      platform: Platform.existing({
        name: 'secrets-made',
        namespace: SYSTEM,
        registry: MicroK8sRegistry.existing({ nodeAddress: '10.0.0.1' }),
        buildkit: BuildKitDaemon.existing({ namespace: 'buildkit' }),
        keel: false,
      }),
      source: GitSource.remote('https://git.example.com/team/project.git', {
        branch: 'main',
        credential: GitCredential.token(SecretSource.existing('git', 'token')),
      }),
    });
    new BuildKitBuilder(pipeline, 'image', {
      target: registry.image('team/build'),
      pullCredentials: [SecretSource.existing('pull', DOCKER)],
    });
    for (const name of NAMES) new GeneratedSecret(pipeline, name, { keys });
    return readOutput(app.synth());
  });
}

const plain = (data: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );
const docker = (auths: Record<string, string>): string =>
  JSON.stringify({
    auths: Object.fromEntries(
      Object.entries(auths).map(([host, pair]) => [host, { auth: Buffer.from(pair).toString('base64') }]),
    ),
  });

describe.skipIf(withoutApi)(
  `Secrets of a pipeline, at a real API server with the library's rights${missing}`,
  () => {
    let api: Api;
    let context: TestContext;
    let configuration: PipelineConfiguration;

    const secret = (name: string): Promise<Secret> =>
      api.get<Secret>(`/api/v1/namespaces/${namespace}/secrets/${name}`);
    const merge = async (name: string, patch: object): Promise<number> =>
      (
        await api.request('PATCH', `/api/v1/namespaces/${namespace}/secrets/${name}`, patch, {
          contentType: 'application/merge-patch+json',
        })
      ).status;
    const events = async (name: string): Promise<{ reason: string; message: string }[]> =>
      (
        await api.get<{ items: { reason: string; message: string; involvedObject: { name: string } }[] }>(
          `/api/v1/namespaces/${namespace}/events`,
        )
      ).items.filter(({ involvedObject }) => involvedObject.name === name);
    const put = (name: string, type: string, values: Record<string, string>): Promise<unknown> =>
      api.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        type,
        stringData: values,
      });

    beforeAll(async () => {
      api = await Api.connect(testApi().kubeconfig);
      for (const name of [namespace, commit]) {
        await api.delete(`/api/v1/namespaces/${name}`);
        await waitFor(async () => (await api.request('GET', `/api/v1/namespaces/${name}`)).status === 404);
      }
      const output = program();
      for (const kind of ['Namespace', 'Role', 'RoleBinding', 'ConfigMap', 'Secret']) {
        for (const object of output.objects.filter((candidate) => candidate.kind === kind)) {
          if (object.metadata.name !== 'later') await api.apply(object);
        }
      }
      await api.createNamespace(commit, 'restricted');
      const { data } = output.find<{ data: Record<string, string> }>('ConfigMap', 'keelson-pipeline');
      configuration = JSON.parse(data['pipeline.json'] ?? '');
    }, 120_000);
    afterAll(async () => {
      for (const name of [namespace, commit]) await api.delete(`/api/v1/namespaces/${name}`);
    });
    beforeEach(() => {
      context = agentContext(testApi().kubeconfig, controller);
    });

    test('get their values once, whichever of eight controllers is first and whoever else changes them', async () => {
      const seen = new Map<string, Record<string, string>[]>();
      const ended = new AbortController();
      const watching = (async () => {
        const client = agentClient(testApi().kubeconfig);
        const watched = { apiVersion: 'v1', kind: 'Secret', namespace };
        for await (const event of watch<Secret>(client, watched, ended.signal)) {
          const objects = event.type === 'listed' ? event.objects : [event.object];
          for (const { metadata, data } of objects) {
            seen.set(metadata.name, [...(seen.get(metadata.name) ?? []), plain(data)]);
          }
        }
      })();
      const makers = Array.from({ length: 8 }, (_, index) => {
        const names = index % 2 === 0 ? RACED : RACED.toReversed();
        return makeGeneratedSecrets(agentContext(testApi().kubeconfig, controller), namespace, names);
      });
      const others = RACED.map(async (name) => {
        for (let i = 0; i < 3; i++) await merge(name, { metadata: { annotations: { other: String(i) } } });
      });
      expect(await Promise.all(makers)).toEqual(makers.map(() => []));
      await Promise.all(others);
      const first = await Promise.all(RACED.map(secret));
      expect(await makeGeneratedSecrets(context, namespace, RACED)).toEqual([]);
      for (const [index, name] of RACED.entries()) {
        const now = await secret(name);
        expect(Object.keys(now.data ?? {}).sort()).toEqual(Object.keys(keys).sort());
        expect(now.data).toEqual(first[index]?.data);
        await waitFor(async () => 'public' in (seen.get(name)?.at(-1) ?? {}));
        // Every state that the Secret ever had is without values, or has those of now.
        const states = new Set(seen.get(name)?.map((state) => JSON.stringify(state)));
        states.delete('{}');
        expect([...states].map((state) => JSON.parse(state))).toEqual([plain(now.data)]);
      }
      ended.abort();
      await watching;
      // Each was made by one of them.
      for (const name of RACED) {
        expect((await events(name)).map(({ reason }) => reason)).toEqual(['ValuesMade']);
      }
    });

    test('that are not there yet are left out quietly, and made when they come', async () => {
      expect(await makeGeneratedSecrets(context, namespace, ['later', 'last'])).toEqual(['later']);
      expect(await events('later')).toEqual([]);
      expect(Object.keys((await secret('last')).data ?? {})).toHaveLength(4);
      const recipe = (await secret('last')).metadata['annotations'];
      await api.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'later', namespace, annotations: recipe },
        type: 'Opaque',
      });
      expect(await makeGeneratedSecrets(context, namespace, ['later', 'last'])).toEqual([]);
      expect(Object.keys((await secret('later')).data ?? {})).toHaveLength(4);
    });

    test('keep what a person has put there', async () => {
      await merge('last', { data: { password: Buffer.from('mine').toString('base64'), passphrase: null } });
      // The private key that is there would not fit a new passphrase.
      expect(await makeGeneratedSecrets(context, namespace, ['last'])).toEqual(['last']);
      await merge('last', { data: { private: null, public: null } });
      expect(await makeGeneratedSecrets(context, namespace, ['last'])).toEqual([]);
      const { data } = await secret('last');
      expect(plain(data)['password']).toBe('mine');
      expect(Object.keys(data ?? {})).toHaveLength(4);
    });

    test('with a recipe that is none get one Event however often they are looked at, and no value', async () => {
      const annotations = { 'keelson.dev/generate': '{"a":{"password":{"length":8,"value":"CANARY"}}}' };
      await merge('wrong', { metadata: { annotations } });
      for (let i = 0; i < 3; i++) {
        expect(await makeGeneratedSecrets(context, namespace, ['wrong'])).toEqual(['wrong']);
      }
      const [event, ...more] = await events('wrong');
      expect(event).toMatchObject({
        reason: 'BadRecipe',
        message: expect.stringContaining('a is made in no way'),
      });
      expect(event?.message).not.toContain('CANARY');
      expect(more).toEqual([]);
      expect((await secret('wrong')).data).toBeUndefined();
    });

    test('that can’t be written, or that no right is for, keep nobody from the others', async () => {
      await merge('frozen', { immutable: true, data: { password: 'Zm9v' } });
      await merge('later', { data: null });
      const names = ['frozen', 'not-ours', 'later'];
      expect(await makeGeneratedSecrets(context, namespace, names)).toEqual(['frozen', 'not-ours']);
      expect(await events('frozen')).toMatchObject([
        { message: expect.stringContaining('the API server answers 422, Invalid') },
      ]);
      expect(await events('not-ours')).toMatchObject([
        { message: expect.stringContaining('the API server answers 403, Forbidden') },
      ]);
      expect(Object.keys((await secret('later')).data ?? {})).toHaveLength(4);
    });

    test('have values that stand in no line of the log and in no Event', async () => {
      await merge('last', { data: null });
      expect(await makeGeneratedSecrets(context, namespace, ['last'])).toEqual([]);
      const said = `${context.logged.join('\n')}${JSON.stringify(await api.get(`/api/v1/namespaces/${namespace}/events`))}`;
      expect(said).toContain('values of a Secret were made');
      for (const name of ['last', ...RACED]) {
        const { data = {} } = await secret(name);
        for (const [key, value] of Object.entries(plain(data))) {
          expect(said).not.toContain(data[key]);
          for (const line of value.split('\n').filter((text) => text !== '' && !text.startsWith('-----')))
            expect(said).not.toContain(line);
        }
      }
    });

    test('that an image build needs are read with those rights, and accepted in the commit’s namespace', async () => {
      const image = configuration.images[0];
      if (image === undefined) throw new Error('no image');
      const wanted = () => readCommitSecrets(context, namespace, image);
      await expect(wanted()).rejects.toMatchObject({
        name: 'MissingSecretError',
        secretName: 'git',
        namespace,
      });
      await put('git', 'Opaque', { token: 'T', other: 'not copied' });
      await expect(wanted()).rejects.toMatchObject({ name: 'MissingSecretError', key: DOCKER, namespace });
      const type = 'kubernetes.io/dockerconfigjson';
      await put('push', type, { [DOCKER]: docker({ 'registry.example.com': 'pusher:secret' }) });
      await put('pull', type, {
        [DOCKER]: docker({ 'registry.example.com': 'puller:secret', 'quay.io': 'q:secret' }),
      });
      const secrets = await wanted();
      for (const object of secrets) {
        expect(object.metadata).not.toHaveProperty('namespace');
        await api.apply({ ...object, metadata: { ...object.metadata, namespace: commit } });
      }
      const [accounts] = image.registryAccounts ?? [];
      const { data } = await api.get<Secret>(
        `/api/v1/namespaces/${commit}/secrets/${accounts?.secretName ?? ''}`,
      );
      expect(JSON.parse(plain(data)[accounts?.key ?? ''] ?? '')).toEqual(
        JSON.parse(docker({ 'registry.example.com': 'pusher:secret', 'quay.io': 'q:secret' })),
      );
      expect(plain((await api.get<Secret>(`/api/v1/namespaces/${commit}/secrets/git`)).data)).toEqual({
        token: 'T',
      });
      expect(await events('keelson-pipeline')).toMatchObject([
        { reason: 'RepeatedAccounts', message: expect.stringContaining('registry.example.com') },
      ]);
    });
  },
);
