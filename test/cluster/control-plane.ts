import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Api } from './api.ts';
import { kubernetesBinaries } from './binaries.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import type { Processes } from './processes.ts';

export interface ControlPlaneOptions {
  readonly version: string;
  /** For the files: data, keys, kubeconfigs. */
  readonly directory: string;
  readonly processes: Processes;
  /** Where to listen. On loopback, the default, pods can't reach the API server. */
  readonly address?: string;
  readonly serviceSubnet?: string;
  /** Run the controllers and the scheduler too; without them only the API itself works. */
  readonly controllers?: boolean;
}

export interface ControlPlane {
  readonly version: string;
  readonly server: string;
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The file with one JSON object a line for every request (`auditEvents` reads it). */
  readonly auditLog: string;
  /** The kubeconfig of one of the components, with that component's own rights. */
  kubeconfigOf(component: Component): string;
}

/** Who connects, with the user and groups that RBAC's bootstrap roles and the Node authorizer expect. */
const identities = {
  admin: ['admin', 'system:masters'],
  'kube-controller-manager': ['system:kube-controller-manager', ''],
  'kube-scheduler': ['system:kube-scheduler', ''],
  'kube-proxy': ['system:kube-proxy', ''],
  kubelet: ['system:node:node', 'system:nodes'],
  // CoreDNS reads Services and EndpointSlices; on the host it has no ServiceAccount to do it with.
  coredns: ['coredns', 'system:masters'],
} as const;

export type Component = keyof typeof identities;

/** The name of the one node: the Node authorizer binds the kubelet's identity to it. */
export const nodeName = 'node';

/** Starts etcd and an API server with RBAC, Pod Security and all other default admission. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { version, directory, processes, controllers = false, address = '127.0.0.1' } = options;
  const binaries = await kubernetesBinaries(version, ['etcd', 'kube-apiserver']);
  const file = (name: string) => join(directory, name);
  await mkdir(file('certificates'), { recursive: true });

  const [etcdPort, peerPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
  const etcd = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  processes.start('etcd', binaries.etcd, [
    ...['--name=test', `--data-dir=${file('etcd')}`, '--unsafe-no-fsync', '--log-level=warn'],
    ...[`--listen-client-urls=${etcd}`, `--advertise-client-urls=${etcd}`],
    ...[
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=test=${peer}`,
    ],
  ]);

  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const tokens = Object.fromEntries(
    Object.keys(identities).map((component) => [component, randomBytes(16).toString('hex')]),
  ) as Record<Component, string>;
  await writeFile(file('service-account.key'), privateKey, { mode: 0o600 });
  await writeFile(file('service-account.pub'), publicKey);
  await writeFile(file('tokens.csv'), tokenFile(tokens), { mode: 0o600 });
  await writeFile(file('audit-policy.json'), JSON.stringify(auditPolicy));

  const port = await freePort(address);
  const server = `https://${address}:${port}`;
  processes.start('kube-apiserver', binaries['kube-apiserver'], [
    `--etcd-servers=${etcd}`,
    ...[`--bind-address=${address}`, `--secure-port=${port}`, `--advertise-address=${address}`],
    // A loopback address is not allowed as the endpoint of the `kubernetes` Service.
    ...(address.startsWith('127.') ? ['--endpoint-reconciler-type=none'] : []),
    `--service-cluster-ip-range=${options.serviceSubnet ?? '198.19.100.0/24'}`,
    `--cert-dir=${file('certificates')}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--token-auth-file=${file('tokens.csv')}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${file('service-account.pub')}`,
    `--service-account-signing-key-file=${file('service-account.key')}`,
    '--allow-privileged=true',
    // The node's name resolves nowhere: dial the kubelet at its address.
    '--kubelet-preferred-address-types=InternalIP',
    ...[`--audit-policy-file=${file('audit-policy.json')}`, `--audit-log-path=${file('audit.log')}`],
  ]);

  const certificate = file('certificates/apiserver.crt');
  const kubeconfigOf = (component: Component) => file(`${component}.kubeconfig`);
  await processes.until('certificate of the API server', async () => {
    const ca = await readFile(certificate, 'utf8');
    // The server writes the certificate and its authority to one file.
    if (!ca.trimEnd().endsWith('-----END CERTIFICATE-----')) return false;
    for (const [component, token] of Object.entries(tokens)) {
      await writeKubeconfig(kubeconfigOf(component as Component), { server, ca, token });
    }
    return true;
  });
  const api = await Api.connect(kubeconfigOf('admin'));
  await processes.until('API server', async () => (await api.request('GET', '/readyz')).status === 200);

  if (controllers) {
    const names = ['kube-controller-manager', 'kube-scheduler'] as const;
    const programs = await kubernetesBinaries(version, names);
    const common = async (component: Component) => [
      `--kubeconfig=${kubeconfigOf(component)}`,
      ...['--bind-address=127.0.0.1', `--secure-port=${await freePort('127.0.0.1')}`],
      ...[`--cert-dir=${file(component)}`, '--leader-elect=false'],
    ];
    processes.start('kube-controller-manager', programs['kube-controller-manager'], [
      ...(await common('kube-controller-manager')),
      '--use-service-account-credentials',
      `--service-account-private-key-file=${file('service-account.key')}`,
      // Without it there is no kube-root-ca.crt ConfigMap, and no pod gets a token volume.
      `--root-ca-file=${certificate}`,
    ]);
    processes.start('kube-scheduler', programs['kube-scheduler'], await common('kube-scheduler'));
  }
  return { version, server, kubeconfig: kubeconfigOf('admin'), auditLog: file('audit.log'), kubeconfigOf };
}

/** Who asked for what and what the answer was, without the contents. */
const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

function tokenFile(tokens: Readonly<Record<Component, string>>): string {
  const lines = Object.entries(identities).map(([component, [user, groups]]) =>
    [tokens[component as Component], user, component, JSON.stringify(groups)].join(','),
  );
  return `${lines.join('\n')}\n`;
}

/** A port that nothing listens on now. */
export async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, address, resolve);
  });
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (bound === null || typeof bound === 'string') throw new Error(`no port on ${address}`);
  return bound.port;
}
