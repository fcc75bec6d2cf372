import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { kubernetesBinaries, kubernetesVersion } from './binaries.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { ensureImages, type WantedImage } from './images.ts';
import { startMachine } from './machine.ts';
import { pauseImage, registryFolder, startNode } from './node.ts';
import { Processes } from './processes.ts';
import { startRegistry } from './registry.ts';

/** What tests need to know of the node; all plain values. */
export interface ClusterNode {
  /** The registry that serves every image, as host and port: the same from tests, pods and the node. */
  readonly registry: string;
  /** The node's address: tests reach NodePorts there, and pods and Services at their own addresses. */
  readonly address: string;
  /** The address under which pods reach servers that a test starts. */
  readonly hostAddress: string;
  /** A folder for `local` volumes. */
  readonly volumes: string;
  /** The `certs.d` of the node's containerd, with a folder for each registry. */
  readonly certificates: string;
}

export interface Cluster {
  readonly controlPlane: ControlPlane;
  readonly node?: ClusterNode;
  logs(...names: readonly string[]): Promise<string>;
  /** Ends a process by a signal, and starts it again with the same data: `etcd` or `kube-apiserver`. */
  restart(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** Ends all processes and removes all files. */
  stop(): Promise<void>;
}

const prefix = 'keelson-cluster-';

/**
 * Starts a control plane alone: an API that stores and admits objects, with nothing that acts on them unless Kubernetes'
 * own controllers are asked for.
 */
export function startApi({ controllers = false }: { readonly controllers?: boolean } = {}): Promise<Cluster> {
  return launch(async (directory, processes) => {
    const version = await kubernetesVersion();
    return { controlPlane: await startControlPlane({ version, directory, processes, controllers }) };
  });
}

/** The images that every cluster has. */
export const standardImages: readonly WantedImage[] = [
  { reference: pauseImage, recipe: 'pause' },
  { reference: 'docker.io/library/busybox:1.35', recipe: 'busybox' },
  { reference: 'docker.io/library/debian:bookworm', recipe: 'debian' },
];

/** Starts a cluster with one real node, whose registry holds the standard images and the given ones. */
export function startCluster(images: readonly WantedImage[] = []): Promise<Cluster> {
  return launch(async (directory, processes, undo) => {
    const version = await kubernetesVersion();
    const machine = await startMachine(processes, directory);
    undo.push(() => machine.remove());
    const registering = startRegistry(processes, machine, directory).then(async (registry) => {
      await ensureImages(registry, [...standardImages, ...images]);
      return registry;
    });
    const { hostAddress, serviceSubnet, address } = machine;
    const [controlPlane, registry] = await Promise.all([
      startControlPlane({
        version,
        directory,
        processes,
        address: hostAddress,
        serviceSubnet,
        controllers: true,
      }),
      registering,
      // For the tests: a hook's time limit is too short for a first build.
      kubernetesBinaries(version, ['kubectl']),
    ]);
    await startNode({ processes, machine, controlPlane, registry, directory });
    const volumes = await mkdtemp(join(directory, 'volumes-'));
    const certificates = join(directory, registryFolder);
    return { controlPlane, node: { registry, address, hostAddress, volumes, certificates } };
  });
}

type Undo = () => Promise<void>;

async function launch(
  start: (
    directory: string,
    processes: Processes,
    undo: Undo[],
  ) => Promise<Omit<Cluster, 'logs' | 'restart' | 'stop'>>,
): Promise<Cluster> {
  await removeLeftovers();
  const directory = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  const processes = new Processes(join(directory, 'logs'));
  const undo: Undo[] = [];
  const stop = async () => {
    await processes.stop();
    for (const step of undo.reverse()) await step();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    const started = await start(directory, processes, undo);
    const restart = async (name: string, signal?: NodeJS.Signals): Promise<void> => {
      await processes.restart(name, signal);
    };
    return { ...started, logs: (...names) => processes.logs(...names), restart, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Removes the folders of runs that were killed: their processes died with them. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix) || isAlive(Number(name.slice(prefix.length).split('-')[0]))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const cluster = await startCluster();
  console.log(`export KUBECONFIG=${cluster.controlPlane.kubeconfig}`);
  console.log(`# registry: ${cluster.node?.registry}; Ctrl-C ends the cluster`);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cluster.stop().then(() => process.exit(0)));
  }
  // Child processes that are not waited for do not keep this one alive.
  setInterval(() => undefined, 1 << 30);
}
