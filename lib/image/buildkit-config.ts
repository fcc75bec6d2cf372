import type { Size } from 'cdk8s';
import { json } from '../kubernetes/json.ts';
import { parseQuantity, quantity } from '../kubernetes/resources.ts';
import type { Registry } from '../registry/registry.ts';
import type { BuildKitDaemonProps } from './buildkit-daemon-props.ts';

/** Where the daemon finds its configuration, and the certificates that it names. */
export const CONFIG_MOUNT = '/keelson/buildkit';
const CONFIG_FILE = 'buildkitd.toml';
/** Where the daemon finds its own certificate. */
export const SERVER_TLS_MOUNT = '/keelson/tls';
/** The socket by which the probes reach the daemon without a certificate. */
export const SOCKET = 'unix:///run/user/1000/buildkit/buildkitd.sock';
export const PORT = 1234;

/** How the daemon speaks to one registry. */
interface Host {
  readonly http?: boolean;
  readonly ca?: string;
  readonly mirrors?: readonly string[];
}

type Settings = Pick<
  BuildKitDaemonProps,
  'registries' | 'mirrors' | 'plainHttp' | 'maxParallelism' | 'tls'
> & { readonly cacheLimit: Size };

/**
 * The daemon's files: its configuration and the certificate authorities of its registries.
 *
 * @see https://github.com/moby/buildkit/blob/master/docs/buildkitd.toml.md
 */
export function configFiles(settings: Settings): Record<string, string> {
  const authorities = (settings.registries ?? []).flatMap(({ certificateAuthority }) =>
    certificateAuthority === undefined ? [] : [certificateAuthority],
  );
  const files = [...new Set(authorities)].map((pem, index): [string, string] => [`ca-${index}.crt`, pem]);
  const fileOf = new Map(files.map(([name, pem]) => [pem, `${CONFIG_MOUNT}/${name}`]));
  const hosts = hostsOf(settings, (pem) => fileOf.get(pem) ?? '');
  return { [CONFIG_FILE]: toml(settings, hosts), ...Object.fromEntries(files) };
}

/** The arguments of buildkitd that no configuration is needed for. */
export const DAEMON_ARGUMENTS: readonly string[] = [
  `--config=${CONFIG_MOUNT}/${CONFIG_FILE}`,
  // A process namespace of its own, with a /proc to mount, is more than a pod may make.
  '--oci-worker-no-process-sandbox',
];

function hostsOf(settings: Settings, file: (pem: string) => string): Map<string, Host> {
  const hosts = new Map<string, Host>();
  const add = (name: string, host: Host): void => {
    hosts.set(name, { ...hosts.get(name), ...host });
  };
  for (const registry of settings.registries ?? []) {
    for (const name of namesOf(registry)) {
      if (registry.insecure) add(name, { http: true });
      if (registry.certificateAuthority !== undefined) add(name, { ca: file(registry.certificateAuthority) });
    }
  }
  for (const name of settings.plainHttp ?? []) add(name, { http: true });
  for (const [name, mirrors] of Object.entries(settings.mirrors ?? {})) add(name, { mirrors });
  return hosts;
}

function namesOf({ pushHost, imageHost, aliases }: Registry): Set<string> {
  return new Set([pushHost, imageHost, ...aliases]);
}

function toml(settings: Settings, hosts: ReadonlyMap<string, Host>): string {
  const { tls, cacheLimit, maxParallelism } = settings;
  const lines = [
    '[grpc]',
    `address = ${list([SOCKET, `tcp://0.0.0.0:${PORT}`])}`,
    ...(tls === undefined
      ? []
      : [
          '[grpc.tls]',
          `cert = ${text(`${SERVER_TLS_MOUNT}/tls.crt`)}`,
          `key = ${text(`${SERVER_TLS_MOUNT}/tls.key`)}`,
          `ca = ${text(`${SERVER_TLS_MOUNT}/ca.crt`)}`,
        ]),
    '[worker.containerd]',
    'enabled = false',
    '[worker.oci]',
    'gc = true',
    // In bytes: a share of the disk would be one of the node's.
    `maxUsedSpace = ${Math.floor(parseQuantity(quantity(cacheLimit)) ?? 0)}`,
    ...(maxParallelism === undefined ? [] : [`max-parallelism = ${maxParallelism}`]),
  ];
  for (const [name, { http, ca, mirrors }] of hosts) {
    lines.push(`[registry.${text(name)}]`);
    if (http === true) lines.push('http = true');
    if (ca !== undefined) lines.push(`ca = ${list([ca])}`);
    if (mirrors !== undefined) lines.push(`mirrors = ${list(mirrors)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** A basic string: TOML's escapes are those of JSON. */
function text(value: string): string {
  return json(String(value));
}

function list(values: readonly string[]): string {
  return `[${values.map(text).join(', ')}]`;
}
