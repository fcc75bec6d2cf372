import { readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';

/** How to reach an API server, and as whom. */
export interface Connection {
  readonly server: string;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly token?: string;
  readonly certificate?: string;
  readonly key?: string;
}

interface Cluster {
  server: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
}

interface User {
  token?: string;
  tokenFile?: string;
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
}

interface Kubeconfig {
  'current-context': string;
  contexts: { name: string; context: { cluster: string; user: string } }[];
  clusters: { name: string; cluster: Cluster }[];
  users: { name: string; user: User }[];
}

/** Writes a kubeconfig with one context, readable by its owner only. */
export async function writeKubeconfig(
  path: string,
  { server, ca, token }: { server: string; ca: string; token: string },
): Promise<string> {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    clusters: [
      {
        name: 'test',
        cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: 'test', user: { token } }],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

/** Reads the current context of a kubeconfig that names a token or a client certificate. */
export async function readKubeconfig(path: string): Promise<Connection> {
  const config = parse(await readFile(path, 'utf8')) as Kubeconfig;
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context?.user)?.user;
  if (!cluster || !user) throw new Error(`${path} has no current context with a cluster and a user`);
  const contents = async (data?: string, file?: string): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString();
    return file === undefined ? undefined : readFile(resolve(dirname(path), file), 'utf8');
  };
  const ca = await contents(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const token = user.token ?? (await contents(undefined, user.tokenFile))?.trim();
  const certificate = await contents(user['client-certificate-data'], user['client-certificate']);
  const key = await contents(user['client-key-data'], user['client-key']);
  return {
    server: cluster.server.replace(/\/$/, ''),
    ...(ca === undefined ? {} : { ca }),
    ...(token === undefined ? {} : { token }),
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(cluster['insecure-skip-tls-verify'] ? { insecure: true } : {}),
  };
}
