// Secrets that are kept elsewhere, with the definitions of External Secrets and Sealed Secrets at a real API server, and
// with the code by which the controller of Sealed Secrets unseals. Neither controller runs.
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chart, Duration } from 'cdk8s';
import { KeelsonApp, type SealedSecretScope, SecretSource } from 'keelson';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal } from '../support/sealing.ts';
import { variants } from '../support/variants.ts';
import { Api, type KubernetesObject } from './api.ts';
import { findCrds, installCrds } from './crds.ts';
import { missing, testApi, withoutApi } from './provided.ts';
import { find, readKustomization } from './reference.ts';
import { findUnsealer, unseal } from './unseal.ts';

const namespace = 'secrets-test';
const crds = await findCrds('external-secrets', 'sealed-secrets');
const unsealer = await findUnsealer();
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 4096 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const DOCKER = { type: 'kubernetes.io/dockerconfigjson', key: '.dockerconfigjson' };
const CONFIG = '{"auths":{"registry.example.com":{"auth":"bWU6c2VjcmV0"}}}';

/** Every option of both kinds. */
async function synthesized(): Promise<KubernetesObject[]> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-secrets-'));
  try {
    const app = new KeelsonApp({ outdir: join(folder, 'manifests') });
    const chart = new Chart(app, 'secrets', { namespace });
    const store = { name: 'vault' };
    const external = (id: string, options: object, bind = {}): void => {
      SecretSource.externalSecret({ store, remoteKey: 'ci/all', ...options }).bind(chart, id, 'test', bind);
    };
    external('plain', {});
    external('once', { refreshInterval: Duration.seconds(0), creationPolicy: 'Orphan', version: '1' });
    external('cloud', {
      store: { name: 'cloud', kind: 'ClusterSecretStore' },
      refreshInterval: Duration.minutes(90),
      decodingStrategy: 'Base64',
      property: 'token',
    });
    external('a', { name: 'shared', key: 'a', property: 'a' });
    external('b', { name: 'shared', key: 'b', property: 'b' });
    external('pull', { property: 'docker' }, DOCKER);
    let uses = 0;
    const sealed = (name: string, label: string, value: string, options = {}, bind = {}): void => {
      const encryptedValue = seal(value, publicKey, label);
      SecretSource.sealed({ name, encryptedValue, ...options }).bind(chart, `use-${uses++}`, 'test', bind);
    };
    sealed('strict', `${namespace}/strict`, 'one', { key: 'a' });
    sealed('strict', `${namespace}/strict`, 'two', { key: 'b' });
    sealed('namespace-wide', namespace, 'three', { scope: 'namespace-wide' });
    sealed('cluster-wide', '', 'four', { scope: 'cluster-wide' });
    sealed('docker', `${namespace}/docker`, CONFIG, {}, DOCKER);
    sealed('elsewhere', 'another/elsewhere', 'five');
    app.synth();
    return await readKustomization(join(folder, 'manifests'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(withoutApi || crds.missing !== '')(
  `secrets kept elsewhere, at a real API server${missing}${crds.missing}`,
  () => {
    let api: Api;
    let objects: KubernetesObject[];

    beforeAll(async () => {
      api = await Api.connect(testApi().kubeconfig);
      await installCrds(api, crds);
      await api.createNamespace(namespace, 'restricted');
      objects = await synthesized();
    }, 120_000);
    afterAll(async () => {
      await api.delete(`/api/v1/namespaces/${namespace}`);
    });

    test('are accepted with strict field validation, and stored as they are', async () => {
      expect(objects.map(({ kind }) => kind).sort()).toEqual([
        ...new Array(5).fill('ExternalSecret'),
        ...new Array(5).fill('SealedSecret'),
      ]);
      for (const object of objects) {
        const { status, body } = await api.apply(object, { fieldManager: 'keelson' });
        expect([200, 201]).toContain(status);
        // What the definitions add by default would be drift to tools that compare.
        expect(body['spec'], object.metadata.name).toEqual(object['spec']);
      }
    });

    test('change nothing when they are applied again', async () => {
      const versions = async (): Promise<unknown[]> =>
        Promise.all(
          objects.map(
            async (object) =>
              (await api.get<KubernetesObject>(await api.pathOf(object))).metadata['resourceVersion'],
          ),
        );
      const before = await versions();
      await new Promise((resolve) => setTimeout(resolve, 1100));
      for (const object of objects) await api.apply(object, { fieldManager: 'keelson' });
      expect(await versions()).toEqual(before);
    });

    test('of a whole program are accepted too', async () => {
      const variant = variants.get('every kind of secret, without internet')?.();
      const all = (variant?.objects ?? []).filter(({ kind }) => /^(External|Sealed)Secret$/.test(kind));
      expect(all.length).toBeGreaterThanOrEqual(6);
      for (const { metadata, ...object } of all) {
        // Some have the names of those above, which are another manager's.
        const trial = { ...object, metadata: { ...metadata, namespace } };
        const { status } = await api.apply(trial, { dryRun: true, force: true });
        expect([200, 201]).toContain(status);
      }
    });

    test.each([
      ['ExternalSecret', 'plain', { refreshIntervall: '1h' }],
      ['ExternalSecret', 'plain', { target: { creationPolicy: 'Own' } }],
      ['SealedSecret', 'strict', { encryptedDatas: {} }],
    ])('are refused where a field of an %s is wrong', async (kind, name, wrong) => {
      const object = find(objects, kind, name);
      const spec = { ...(object['spec'] as object), ...wrong };
      await expect(api.apply({ ...object, spec }, { dryRun: true, force: true })).rejects.toThrow(
        /field not declared|Unsupported value|unknown field/,
      );
    });
  },
);

describe.skipIf(unsealer.missing !== '')(
  `sealed values, with the code of Sealed Secrets itself${unsealer.missing}`,
  () => {
    const made = async (name: string): Promise<KubernetesObject> =>
      unseal(unsealer, pem, find(await synthesized(), 'SealedSecret', name));
    const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();
    const values = ({ data }: KubernetesObject): Record<string, string> =>
      Object.fromEntries(
        Object.entries(data as Record<string, string>).map(([key, value]) => [key, text(value)]),
      );

    test('are unsealed into a Secret of their name and namespace', async () => {
      const secret = await made('strict');
      expect(secret.metadata).toMatchObject({ name: 'strict', namespace });
      expect(secret['type']).toBe('Opaque');
      expect(values(secret)).toEqual({ a: 'one', b: 'two' });
    });

    test.each<[SealedSecretScope, string]>([
      ['namespace-wide', 'three'],
      ['cluster-wide', 'four'],
    ])('are unsealed in the scope %s', async (scope, value) => {
      expect(values(await made(scope))).toEqual({ value });
    });

    test('make a Docker configuration of the type and key that kubelets read', async () => {
      const secret = await made('docker');
      expect(secret['type']).toBe(DOCKER.type);
      expect(values(secret)).toEqual({ [DOCKER.key]: CONFIG });
    });

    test('are not unsealed in a namespace that they were not sealed for', async () => {
      await expect(made('elsewhere')).rejects.toThrow(/no key could decrypt secret/);
    });
  },
);
