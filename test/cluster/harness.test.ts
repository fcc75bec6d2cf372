import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, ApiError, auditEvents, type KubernetesObject, serviceAccount, waitFor } from './api.ts';
import { kubernetesVersion } from './binaries.ts';
import { ensureImages, type RecipeName } from './images.ts';
import { kubectl } from './kubectl.ts';
import { missing, testApi, testNode, withoutApi, withoutNode } from './provided.ts';

describe.skipIf(withoutApi)(`a real API server${missing}`, () => {
  const namespace = 'harness-api';
  let api: Api;

  beforeAll(async () => {
    api = await Api.connect(testApi().kubeconfig);
    await api.createNamespace(namespace, 'restricted');
  });
  afterAll(() => api?.delete(`/api/v1/namespaces/${namespace}`));

  const configMap = (data: Record<string, string>): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings', namespace },
    data,
  });

  test('answers with the pinned version', async () => {
    expect((await api.get<{ gitVersion: string }>('/version')).gitVersion).toBe(testApi().version);
    if (!process.env['KEELSON_TEST_KUBECONFIG'] && !process.env['KUBECONFIG']) {
      expect(testApi().version).toBe(`v${await kubernetesVersion()}`);
    }
  });

  test('owns applied fields by manager, and refuses another manager without force', async () => {
    await api.apply(configMap({ color: 'red' }), { fieldManager: 'one' });
    const conflict = api.apply(configMap({ color: 'blue' }), { fieldManager: 'two' });
    await expect(conflict).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
    const forced = await api.apply(configMap({ color: 'blue' }), { fieldManager: 'two', force: true });
    expect(forced.body['data']).toEqual({ color: 'blue' });
  });

  test('refuses a field that the schema does not have, and stores nothing on a dry run', async () => {
    const misspelt = { ...configMap({}), dada: {} };
    await expect(api.apply(misspelt)).rejects.toThrow(/unknown field|field not declared in schema/);
    const object = { ...configMap({}), metadata: { name: 'dry', namespace } };
    expect((await api.apply(object, { dryRun: true })).status).toBe(201);
    await expect(api.get(await api.pathOf(object))).rejects.toBeInstanceOf(ApiError);
  });

  test('refuses under RBAC what an impersonated ServiceAccount may not do', async () => {
    const path = `/api/v1/namespaces/${namespace}/secrets`;
    const refused = await api.request('GET', path, undefined, { as: serviceAccount(namespace, 'nobody') });
    expect(refused.status).toBe(403);
  });

  test('refuses a privileged pod in a restricted namespace', async () => {
    const container = { name: 'main', image: 'any', securityContext: { privileged: true } };
    const metadata = { name: 'privileged', namespace };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [container] } };
    await expect(api.apply(pod, { dryRun: true })).rejects.toThrow(/violates PodSecurity "restricted/);
  });

  test.skipIf(withoutApi || !testApi().auditLog)('logs who asked for what', async () => {
    const events = await waitFor(async () => {
      const all = await auditEvents(testApi().auditLog ?? '');
      return all.filter(
        ({ objectRef }) => objectRef?.namespace === namespace && objectRef.name === 'settings',
      );
    });
    expect(events[0]).toMatchObject({ verb: 'patch', user: { username: 'admin' } });
  });
});

/** A container's part of a test pod: everything else follows from Pod Security's `restricted`. */
interface Service {
  readonly recipe: RecipeName;
  readonly port: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders that the service writes to; its root file system is read-only. */
  readonly writable: readonly string[];
  readonly probe: object;
}

const services: Readonly<Record<string, Service>> = {
  redis: {
    recipe: 'redis',
    port: 6379,
    args: ['--save', ''],
    writable: ['/data'],
    probe: { exec: { command: ['redis-cli', 'ping'] } },
  },
  registry: {
    recipe: 'registry',
    port: 5000,
    writable: ['/var/lib/registry'],
    probe: { httpGet: { path: '/v2/', port: 5000 } },
  },
  minio: {
    recipe: 'minio',
    port: 9000,
    args: ['server', '/data'],
    env: { HOME: '/tmp', MINIO_ROOT_USER: 'tester', MINIO_ROOT_PASSWORD: 'testing-only' },
    writable: ['/data', '/tmp'],
    probe: { httpGet: { path: '/minio/health/cluster', port: 9000 } },
  },
  rabbitmq: {
    recipe: 'rabbitmq',
    port: 5672,
    env: { RABBITMQ_DEFAULT_USER: 'tester', RABBITMQ_DEFAULT_PASS: 'testing-only' },
    writable: ['/var/lib/rabbitmq', '/var/log/rabbitmq'],
    probe: { tcpSocket: { port: 5672 } },
  },
};

const restricted = {
  runAsNonRoot: true,
  runAsUser: 10001,
  runAsGroup: 10001,
  fsGroup: 10001,
  seccompProfile: { type: 'RuntimeDefault' },
};
const locked = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

describe.skipIf(withoutNode)(`a real node${missing}`, () => {
  const namespace = 'harness-node';
  const kubeconfig = () => testApi().kubeconfig;
  let api: Api;

  beforeAll(async () => {
    const { registry } = testNode();
    const wanted = Object.values(services).map(({ recipe }) => ({ reference: `${recipe}:harness`, recipe }));
    await ensureImages(registry, wanted);
    api = await Api.connect(kubeconfig());
    await api.createNamespace(namespace, 'restricted');
    for (const [name, service] of Object.entries(services)) {
      await api.apply(servicePod(name, service));
      await api.apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, namespace },
        spec: { selector: { app: name }, ports: [{ port: service.port }] },
      });
    }
    await api.apply(client);
  });
  afterAll(() => api?.delete(`/api/v1/namespaces/${namespace}`));

  const servicePod = (name: string, { recipe, args, env, writable, probe }: Service): KubernetesObject => {
    const volumes = writable.map((mountPath, index) => ({ name: `volume-${index}`, mountPath }));
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels: { app: name } },
      spec: {
        securityContext: restricted,
        containers: [
          {
            name: 'main',
            image: `docker.io/library/${recipe}:harness`,
            args,
            env: Object.entries(env ?? {}).map(([key, value]) => ({ name: key, value })),
            securityContext: locked,
            volumeMounts: volumes,
            readinessProbe: { ...probe, periodSeconds: 1, timeoutSeconds: 5 },
          },
        ],
        volumes: volumes.map((volume) => ({ name: volume.name, emptyDir: {} })),
      },
    };
  };

  const client: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'client', namespace },
    spec: {
      securityContext: restricted,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: 'main',
          image: 'debian:bookworm',
          command: ['sh', '-c', 'echo started as $(id -u); exec sleep 3600'],
          securityContext: locked,
        },
      ],
    },
  };

  const ready = (name: string) =>
    waitFor(
      async () => {
        const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
        const { status } = await api.get<{ status: { conditions?: { type: string; status: string }[] } }>(
          path,
        );
        return status.conditions?.some(
          (condition) => condition.type === 'Ready' && condition.status === 'True',
        );
      },
      {
        timeout: 90_000,
        describe: async () => {
          const about = await kubectl(kubeconfig(), '--namespace', namespace, 'describe', 'pod', name);
          const log = await kubectl(kubeconfig(), '--namespace', namespace, 'logs', name).catch(String);
          return `${about}\n${log}`;
        },
      },
    );

  const inClient = (...command: readonly string[]) =>
    kubectl(kubeconfig(), '--namespace', namespace, 'exec', 'client', '--', ...command);

  test.each(Object.keys(services))(
    'runs %s as an arbitrary user on a read-only root without capabilities until it is ready',
    async (name) => {
      await ready(name);
    },
  );

  test('lets one pod reach the others by their Service names', async () => {
    await ready('client');
    const address = `minio.${namespace}.svc.cluster.local`;
    await inClient(
      'curl',
      '--fail',
      '--silent',
      '--max-time',
      '10',
      `http://${address}:9000/minio/health/cluster`,
    );
    expect(
      await inClient('curl', '--silent', '--max-time', '10', 'http://registry:5000/v2/_catalog'),
    ).toContain('"repositories":[]');
    expect(await inClient('redis-cli', '-h', 'redis', 'set', 'key', 'value')).toBe('OK\n');
  });

  test('lets the test reach pods through their Service addresses', async () => {
    const path = `/api/v1/namespaces/${namespace}/services/registry`;
    const { spec } = await api.get<{ spec: { clusterIP: string } }>(path);
    expect((await fetch(`http://${spec.clusterIP}:5000/v2/`)).status).toBe(200);
  });

  test('gives pods a token for the API server', async () => {
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const call = `curl --silent --cacert ${folder}/ca.crt -H "authorization: Bearer $(cat ${folder}/token)"`;
    const path = `https://kubernetes.default/api/v1/namespaces/${namespace}/secrets`;
    const answer = await inClient('sh', '-c', `${call} ${path}`);
    expect(answer).toContain(`User \\"system:serviceaccount:${namespace}:default\\" cannot list resource`);
  });

  test('shows what a container wrote and runs a command in it', async () => {
    expect(await kubectl(kubeconfig(), '--namespace', namespace, 'logs', 'client')).toBe(
      'started as 10001\n',
    );
    expect(await inClient('cat', '/etc/debian_version')).toMatch(/^12\./);
  });
});
