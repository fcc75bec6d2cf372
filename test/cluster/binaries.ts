import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cached, cachePath, exists } from './cache.ts';
import { command } from './command.ts';

/** The versions that the cluster tests run; the only place where they are pinned. */
export const pinned = {
  /** The newest minor whose kubelet still runs pods on cgroup v1 by default. */
  kubernetes: '1.34.4',
  etcd: 'v3.6.7',
  coredns: 'v1.15.0',
  /** The module has no release tags, only pseudo-versions. */
  minio: 'v0.0.0-20260212201848-7aac2a2c5b7c',
  buildkit: 'v0.34.2',
  rootlesskit: 'v2.3.6',
  /** The last of the archived project: the fork that the library names is not on the module proxy. */
  kaniko: 'v1.24.0',
} as const;

const kubernetesNames = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubelet',
  'kube-proxy',
  'kubectl',
] as const;

export type KubernetesBinary = (typeof kubernetesNames)[number];
export type BuilderBinary = 'buildkitd' | 'buildctl' | 'rootlesskit' | 'kaniko';
export type BinaryName = KubernetesBinary | 'etcd' | 'coredns' | 'minio' | BuilderBinary;

interface GoBinary {
  readonly module: string;
  readonly version: string;
  readonly package: string;
  /** The binary's cache path, keyed by version. */
  readonly path: string;
  readonly ldflags: readonly string[];
  /** Modules that have to be taken in another version than the binary's own module asks for. */
  readonly replacements?: readonly string[];
}

/** What BuildKit requires and a module proxy may refuse, as commits without a release, in versions that it gives. */
const buildkitReplacements = [
  'github.com/tonistiigi/fsutil v0.0.0-20260819142231-83cac42c1c52',
  'github.com/moby/policy-helpers v0.0.0-20260901142052-72f704e6cdb6',
  'github.com/tonistiigi/go-actions-cache v0.0.0-20260120203934-54bc28c26fd2',
  'github.com/moby/profiles/seccomp v0.2.3',
];

function describe(name: BinaryName, kubernetes: string): GoBinary {
  switch (name) {
    case 'etcd':
      return released(name, 'go.etcd.io/etcd/server/v3', pinned.etcd);
    case 'coredns':
      return released(name, 'github.com/coredns/coredns', pinned.coredns);
    case 'minio':
      return released(name, 'github.com/minio/minio', pinned.minio);
    case 'buildkitd':
    case 'buildctl':
      return {
        ...released(name, 'github.com/moby/buildkit', pinned.buildkit, `cmd/${name}`),
        replacements: buildkitReplacements,
      };
    case 'rootlesskit':
      return released(
        name,
        'github.com/rootless-containers/rootlesskit/v2',
        pinned.rootlesskit,
        'cmd/rootlesskit',
      );
    case 'kaniko':
      return released(name, 'github.com/GoogleContainerTools/kaniko', pinned.kaniko, 'cmd/executor');
    default: {
      const [major, minor] = kubernetes.split('.');
      const version = 'k8s.io/component-base/version';
      return {
        module: 'k8s.io/kubernetes',
        version: `v${kubernetes}`,
        package: `k8s.io/kubernetes/cmd/${name}`,
        path: cachePath('kubernetes', kubernetes, name),
        // Without these the binaries call themselves v0.0.0, and version-gated clients believe it.
        ldflags: [
          `-X ${version}.gitVersion=v${kubernetes}`,
          `-X ${version}.gitMajor=${major}`,
          `-X ${version}.gitMinor=${minor}`,
          `-X k8s.io/client-go/pkg/version.gitVersion=v${kubernetes}`,
        ],
      };
    }
  }
}

function released(name: BinaryName, module: string, version: string, folder = ''): GoBinary {
  const path = cachePath(name, version, name);
  return { module, version, package: join(module, folder), path, ldflags: [] };
}

/**
 * The paths of the given binaries: those in KUBEBUILDER_ASSETS where that is set, else built from their Go
 * modules on first use (minutes from an empty Go build cache, seconds from a warm one).
 */
export async function kubernetesBinaries<Name extends BinaryName>(
  version: string,
  names: readonly Name[],
): Promise<Record<Name, string>> {
  const paths: [Name, string][] = [];
  // One after the other: they share most packages, and each build uses every core.
  for (const name of names) paths.push([name, (await provided(name)) ?? (await built(name, version))]);
  return Object.fromEntries(paths) as Record<Name, string>;
}

/** The Kubernetes version to run: that of KUBEBUILDER_ASSETS where that is set, so that the rest fits it. */
export async function kubernetesVersion(): Promise<string> {
  const apiServer = await provided('kube-apiserver');
  if (apiServer === undefined) return pinned.kubernetes;
  return (await command(apiServer, ['--version'])).trim().replace('Kubernetes v', '');
}

async function provided(name: BinaryName): Promise<string | undefined> {
  const folder = process.env['KUBEBUILDER_ASSETS'];
  if (!folder) return undefined;
  const path = join(folder, name);
  return (await exists(path)) ? path : undefined;
}

async function built(name: BinaryName, kubernetes: string): Promise<string> {
  const binary = describe(name, kubernetes);
  return cached(binary.path, async (unfinished) => {
    const workspace = `${unfinished}.module`;
    await mkdir(workspace, { recursive: true });
    try {
      await writeFile(join(workspace, 'go.mod'), await goMod(binary));
      console.error(`building ${name} ${binary.version} from its Go module`);
      const ldflags = ['-s', '-w', ...binary.ldflags].join(' ');
      // -mod=mod fills in the requirements of the one package: a tidy would fetch those of all tests too.
      await go(
        ['build', '-mod=mod', '-trimpath', '-ldflags', ldflags, '-o', unfinished, binary.package],
        workspace,
      );
    } finally {
      await rm(workspace, { recursive: true, force: true });
    }
  });
}

/**
 * A module of our own that requires the binary's. Kubernetes replaces its staging modules by folders, which
 * counts only in its own tree: here they are replaced by the modules published from those folders.
 */
async function goMod({ module, version, replacements: others = [] }: GoBinary): Promise<string> {
  const download = await go(['mod', 'download', '-json', `${module}@${version}`], dirname(cachePath()));
  const { GoMod } = JSON.parse(download) as { GoMod: string };
  const original = await readFile(GoMod, 'utf8');
  const language = original.match(/^go .+$/m)?.[0] ?? 'go 1.24.0';
  const staging = [...original.matchAll(/(k8s\.io\/[a-z0-9-]+) => \.\/staging/g)].map(([, name]) => name);
  const stagingVersion = version.replace(/^v1\./, 'v0.');
  const replaced = [...[...new Set(staging)].map((name) => `${name} ${stagingVersion}`), ...others];
  const replacements = replaced.map((other) => `replace ${other.split(' ')[0]} => ${other}`);
  return ['module tools', language, `require ${module} ${version}`, ...replacements, ''].join('\n');
}

function go(args: readonly string[], cwd: string): Promise<string> {
  return command('go', args, {
    cwd,
    // The installed toolchain, or an error that names the one needed; never a silent download.
    env: { CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
    howToGet: 'install Go 1.24 or newer (https://go.dev/dl), or set KUBEBUILDER_ASSETS',
  });
}

/** A folder that holds all the given binaries, in the layout that KUBEBUILDER_ASSETS has. */
async function binariesFolder(version: string, names: readonly BinaryName[]): Promise<string> {
  const folder = cachePath('kubernetes', version);
  for (const [name, path] of Object.entries(await kubernetesBinaries(version, names))) {
    const link = join(folder, name);
    if (!(await exists(link))) await symlink(path, link);
  }
  return folder;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [version = await kubernetesVersion(), ...names] = process.argv.slice(2);
  const all: readonly BinaryName[] = [...kubernetesNames, 'etcd', 'coredns', 'minio'];
  const unknown = names.filter((name) => !(all as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`unknown binaries ${unknown.join(', ')}; known: ${all.join(', ')}`);
  console.log(await binariesFolder(version, names.length > 0 ? (names as BinaryName[]) : all));
}
