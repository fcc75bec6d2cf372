import { join } from 'node:path';
import { kubernetesBinaries, pinned } from './binaries.ts';
import { command } from './command.ts';
import { debianLayer, filesLayer, type Layer, type LayerFiles } from './layers.ts';
import { unpacked } from './packages.ts';
import { type ImageConfig, push } from './registry.ts';

/** How to make an image here, where none can be pulled. */
export interface Recipe {
  readonly layers: () => Promise<readonly Layer[]>;
  readonly config: ImageConfig;
}

/** The same for an image that another program makes and pushes; returns its digest. */
export interface PushedRecipe {
  readonly push: (registry: string, reference: string) => Promise<string>;
}

export type RecipeName =
  | 'pause'
  | 'busybox'
  | 'debian'
  | 'redis'
  | 'registry'
  | 'minio'
  | 'rabbitmq'
  | 'buildkit'
  | 'buildah'
  | 'kaniko';

const script = (...lines: readonly string[]) => ({ text: `#!/bin/sh\n${lines.join('\n')}\n`, mode: 0o755 });
const volume = { directory: { mode: 0o1777 } };

/** The packages of the one Debian root that all but the static images share. */
const debian = () =>
  debianLayer([
    'busybox-static',
    'ca-certificates',
    'curl',
    'docker-registry',
    'rabbitmq-server',
    'redis-server',
  ]);

/** The packages of the root that image builders and skopeo share. */
const builders = () => debianLayer(['buildah', 'ca-certificates', 'runc', 'skopeo', 'uidmap']);

/** A recipe with busybox and the given files on top. */
export function onBusybox(files: LayerFiles, config: ImageConfig): Recipe {
  return { layers: async () => [await filesLayer(await busyboxFiles()), await filesLayer(files)], config };
}

/** A recipe with the Debian root and the given files on top. */
export function onDebian(files: LayerFiles, config: ImageConfig): Recipe {
  return { layers: async () => [await debian(), await filesLayer(files)], config };
}

async function busyboxFiles(): Promise<LayerFiles> {
  const busybox = join(await unpacked(['busybox-static']), 'bin/busybox');
  const applets = (await command(busybox, ['--list'])).trim().split('\n');
  const links = applets
    .filter((name) => name !== 'busybox')
    .map((name) => [`bin/${name}`, { link: 'busybox' }]);
  return { 'bin/busybox': { copy: busybox, mode: 0o755 }, tmp: volume, ...Object.fromEntries(links) };
}

/**
 * Images that stand in for the official ones: the same entrypoint conventions, environment, ports and
 * volumes, and like those without a user of their own, so that a pod under `restricted` must name one.
 */
export const recipes: Readonly<Record<RecipeName, Recipe>> = {
  /** Holds a pod's namespaces. */
  pause: {
    layers: async () => [await filesLayer(await busyboxFiles())],
    config: { Entrypoint: ['/bin/sleep', '2147483647'] },
  },
  /** /bin/sh and the other small programs, statically linked. */
  busybox: {
    layers: async () => [await filesLayer(await busyboxFiles())],
    config: { Cmd: ['sh'] },
  },
  /** Debian with curl, and the services' clients (redis-cli). */
  debian: { layers: async () => [await debian()], config: { Cmd: ['sh'] } },
  /** Writes to /data, its working directory. */
  redis: onDebian(
    {
      'usr/local/bin/docker-entrypoint.sh': script(
        'set -e',
        'case "$1" in -* | *.conf | "") set -- redis-server "$@" ;; esac',
        'exec "$@"',
      ),
      // The official image's server is built with protected mode off; Debian's is not.
      'usr/local/bin/redis-server': script(
        'case "$1" in',
        '  - | -h | -v | --help | --version) exec /usr/bin/redis-server "$@" ;;',
        '  --* | "") exec /usr/bin/redis-server --protected-mode no "$@" ;;',
        'esac',
        'if grep -q "^protected-mode" "$1"; then exec /usr/bin/redis-server "$@"; fi',
        'file=$1',
        'shift',
        'exec /usr/bin/redis-server "$file" --protected-mode no "$@"',
      ),
      data: volume,
    },
    {
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['redis-server'],
      Env: [path('/usr/local/sbin:/usr/local/bin')],
      WorkingDir: '/data',
      Volumes: { '/data': {} },
      ExposedPorts: { '6379/tcp': {} },
    },
  ),
  /** Writes to /var/lib/registry. */
  registry: onDebian(
    {
      'entrypoint.sh': script(
        'set -e',
        'case "$1" in',
        '  *.yaml | *.yml) set -- registry serve "$@" ;;',
        '  serve | garbage-collect | help | -*) set -- registry "$@" ;;',
        'esac',
        'exec "$@"',
      ),
      // Not in bin: a folder of that name would replace the root's link from /bin to /usr/bin.
      'usr/bin/registry': { link: 'docker-registry' },
      'etc/docker/registry/config.yml': {
        text: `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
`,
      },
      'var/lib/registry': volume,
    },
    {
      Entrypoint: ['/entrypoint.sh'],
      Cmd: ['/etc/docker/registry/config.yml'],
      Env: [path()],
      Volumes: { '/var/lib/registry': {} },
      ExposedPorts: { '5000/tcp': {} },
    },
  ),
  /** Writes to the folder that it is told to serve. */
  minio: {
    layers: async () => {
      const { minio } = await kubernetesBinaries(pinned.kubernetes, ['minio']);
      const entrypoint = script('set -e', 'if [ "$1" != minio ]; then set -- minio "$@"; fi', 'exec "$@"');
      return [
        await debian(),
        await filesLayer({
          'usr/bin/docker-entrypoint.sh': entrypoint,
          'usr/bin/minio': { copy: minio, mode: 0o755 },
          data: volume,
        }),
      ];
    },
    config: {
      Entrypoint: ['/usr/bin/docker-entrypoint.sh'],
      Cmd: ['minio'],
      Env: [path()],
      Volumes: { '/data': {} },
      ExposedPorts: { '9000/tcp': {} },
    },
  },
  /** The rootless kind of BuildKit's image: daemon and client, as user 1000. */
  buildkit: {
    layers: async () => {
      const { buildkitd, buildctl, rootlesskit } = await kubernetesBinaries(pinned.kubernetes, [
        'buildkitd',
        'buildctl',
        'rootlesskit',
      ]);
      const range = { text: 'user:100000:65536\n' };
      const idMaps = join(await unpacked(['uidmap']), 'usr/bin');
      return [
        await builders(),
        await filesLayer({
          'usr/bin/buildkitd': { copy: buildkitd, mode: 0o755 },
          'usr/bin/buildctl': { copy: buildctl, mode: 0o755 },
          'usr/bin/rootlesskit': { copy: rootlesskit, mode: 0o755 },
          // Debian's are setuid, and as root could not open what belongs to the user.
          'usr/bin/newuidmap': {
            copy: join(idMaps, 'newuidmap'),
            mode: 0o755,
            capabilities: 'cap_setuid=ep',
          },
          'usr/bin/newgidmap': {
            copy: join(idMaps, 'newgidmap'),
            mode: 0o755,
            capabilities: 'cap_setgid=ep',
          },
          'etc/passwd': { text: 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n' },
          'etc/subuid': range,
          'etc/subgid': range,
          'home/user/.local/share/buildkit': volume,
          'run/user/1000': volume,
        }),
      ];
    },
    config: {
      Entrypoint: ['rootlesskit', 'buildkitd'],
      Env: [path(), 'HOME=/home/user', 'USER=user', 'XDG_RUNTIME_DIR=/run/user/1000'],
      User: '1000:1000',
      ExposedPorts: { '1234/tcp': {} },
    },
  },
  /** Buildah and skopeo, for both of their images. */
  buildah: { layers: async () => [await builders()], config: { Cmd: ['sh'], Env: [path()] } },
  /** Kaniko's executor, alone in its image as in the official one. */
  kaniko: {
    layers: async () => {
      const { kaniko } = await kubernetesBinaries(pinned.kubernetes, ['kaniko']);
      return [await filesLayer({ 'kaniko/executor': { copy: kaniko, mode: 0o755 }, workspace: volume })];
    },
    config: {
      Entrypoint: ['/kaniko/executor'],
      Env: [
        'HOME=/root',
        'USER=root',
        path('/usr/local/bin:/kaniko'),
        'DOCKER_CONFIG=/kaniko/.docker/',
        'SSL_CERT_DIR=/kaniko/ssl/certs',
      ],
      WorkingDir: '/workspace',
    },
  },
  /** Writes to /var/lib/rabbitmq, and beside the log on standard output to RABBITMQ_LOG_BASE. */
  rabbitmq: onDebian(
    {
      'usr/local/bin/docker-entrypoint.sh': script('set -e', 'exec "$@"'),
      // Debian's wrapper in /usr/sbin insists on root or its own user.
      'usr/local/bin/rabbitmq-server': script('exec /usr/lib/rabbitmq/bin/rabbitmq-server "$@"'),
      'etc/rabbitmq/conf.d/10-defaults.conf': { text: 'loopback_users.guest = false\nlog.console = true\n' },
      'var/lib/rabbitmq': volume,
      'var/log/rabbitmq': volume,
    },
    {
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['rabbitmq-server'],
      Env: [
        path('/usr/lib/rabbitmq/bin:/usr/local/sbin:/usr/local/bin'),
        ...['HOME=/var/lib/rabbitmq', 'RABBITMQ_DATA_DIR=/var/lib/rabbitmq', 'RABBITMQ_LOGS=-'],
      ],
      Volumes: { '/var/lib/rabbitmq': {} },
      ExposedPorts: { '5672/tcp': {} },
    },
  ),
};

/** An image to be there: a reference as manifests name it, and how to make what it stands for. */
export interface WantedImage {
  readonly reference: string;
  readonly recipe: RecipeName | Recipe | PushedRecipe;
}

/** Makes and pushes the images; layers come from the cache and are uploaded once. Returns their digests. */
export async function ensureImages(registry: string, wanted: readonly WantedImage[]): Promise<string[]> {
  const digests: string[] = [];
  for (const { reference, recipe: wish } of wanted) {
    const recipe = typeof wish === 'string' ? recipes[wish] : wish;
    digests.push(
      'push' in recipe
        ? await recipe.push(registry, reference)
        : await push(registry, reference, await recipe.layers(), recipe.config),
    );
  }
  return digests;
}

function path(first?: string): string {
  return ['PATH=', first && `${first}:`, '/usr/sbin:/usr/bin:/sbin:/bin'].filter(Boolean).join('');
}
