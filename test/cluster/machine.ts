import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './cache.ts';
import { command } from './command.ts';
import { Missing } from './missing.ts';
import { installed } from './packages.ts';
import type { Processes } from './processes.ts';

/**
 * A set of Linux namespaces (network, mounts, processes) that a node runs in like on a machine of its own.
 * When its first process dies the kernel ends every process in it and drops its interfaces, nftables rules
 * and mounts: nothing of a node is left behind, and several can run beside each other.
 */
export interface Machine {
  /** Unique among the machines that run here. */
  readonly name: string;
  /** This side of the link to the machine: where pods reach what runs outside it. */
  readonly hostAddress: string;
  /** The machine's side of the link. */
  readonly address: string;
  readonly podSubnet: string;
  readonly serviceSubnet: string;
  /** The Service address for DNS. */
  readonly dnsAddress: string;
  /** The cgroup for its pods. */
  readonly cgroup: string;
  /** What to put before a command to run it in the machine. */
  readonly enter: readonly string[];
  /** Removes what is not tied to the processes; call it after they have ended. */
  remove(): Promise<void>;
}

/**
 * The first process: it hides the host's run-time state, says that it is ready and reaps orphans. Mounts are
 * shared within, as containers' volume mounts expect, and invisible outside. Before /proc shows only the
 * machine's own processes, it still tells which process id the first one has outside: the ready message.
 */
const init = `
set -e
read -r pid _ </proc/self/stat
mount --make-rshared /
mount -t proc proc /proc
for folder in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $folder; done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo $pid >"$1.unfinished"
mv "$1.unfinished" "$1"
sleep infinity &
wait
`;

/** Starts an empty machine with a network link to this one; `directory` is for its files. */
export async function startMachine(processes: Processes, directory: string): Promise<Machine> {
  if (process.platform !== 'linux') throw new Missing('a node needs Linux: run the tests on or in one');
  if (process.getuid?.() !== 0) throw new Missing('a node needs root: run the tests as root');
  await installed({ ip: 'iproute2', nsenter: 'util-linux', setpriv: 'util-linux' });
  await removeStaleCgroups();
  const { name, number } = await reserveLink();
  // --kill-child: the machine's first process, and so all others, die with unshare.
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL'];
  const ready = join(directory, 'machine.pid');
  processes.start('machine', 'unshare', [...namespaces, 'sh', '-c', init, 'init', ready]);
  await processes.until('namespaces', () => exists(ready));
  const pid = (await readFile(ready, 'utf8')).trim();
  const enter = ['nsenter', '--target', pid, '--net', '--mount', '--pid'];

  // From the range for benchmarks of network devices (RFC 2544), which no real network uses.
  const hostAddress = `198.18.${number}.1`;
  const address = `198.18.${number}.2`;
  const podSubnet = `198.18.${100 + number}.0/24`;
  const serviceSubnet = `198.19.${number}.0/24`;
  const ip = (...args: string[]) => command('ip', args);
  const ipWithin = (...args: string[]) => command('nsenter', [...enter.slice(1), 'ip', ...args]);
  await ip('link', 'set', `${name}n`, 'netns', pid);
  await ip('address', 'add', `${hostAddress}/30`, 'dev', name);
  await ip('link', 'set', name, 'up');
  await ipWithin('link', 'set', `${name}n`, 'name', 'eth0');
  await ipWithin('address', 'add', `${address}/30`, 'dev', 'eth0');
  await ipWithin('link', 'set', 'eth0', 'up');
  // Without a route for them, the node's own requests to Services end before they are redirected.
  await ipWithin('route', 'add', 'default', 'via', hostAddress);
  // So that this side (the API server's webhooks, the tests) reaches pods and Services as on a real node.
  for (const subnet of [podSubnet, serviceSubnet]) await ip('route', 'add', subnet, 'via', address);

  const cgroup = `/${name}`;
  for (const hierarchy of await cgroupHierarchies())
    await mkdir(join(hierarchy, cgroup), { recursive: true });
  return {
    name,
    hostAddress,
    address,
    podSubnet,
    serviceSubnet,
    dnsAddress: `198.19.${number}.10`,
    cgroup,
    enter,
    remove: () => removeCgroup(cgroup),
  };
}

/** Creates the pair of linked interfaces; the kernel refuses a name in use, which makes the number ours. */
async function reserveLink(): Promise<{ name: string; number: number }> {
  for (let number = 0; number < 100; number += 1) {
    const name = `keelson${number}`;
    try {
      await command('ip', ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `${name}n`]);
    } catch (error) {
      if (String(error).includes('File exists')) continue;
      throw new Missing(`a node needs virtual network links (the veth module): ${error}`);
    }
    return { name, number };
  }
  throw new Error('100 machines run already: delete the keelson* network links that are left over');
}

/** The mount points of all cgroup hierarchies: one of version 2, or one for each controller of version 1. */
async function cgroupHierarchies(): Promise<string[]> {
  const mounts = (await readFile('/proc/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  return mounts.flatMap(([, point, type]) =>
    point && (type === 'cgroup' || type === 'cgroup2') ? [point] : [],
  );
}

/** Removes what machines left that were killed: their link is gone, their empty cgroups are not. */
async function removeStaleCgroups(): Promise<void> {
  const [hierarchy] = await cgroupHierarchies();
  if (hierarchy === undefined) return;
  for (const name of await readdir(hierarchy)) {
    const ours = /^keelson\d+$/.test(name);
    if (ours && !(await exists(`/sys/class/net/${name}`))) await removeCgroup(`/${name}`);
  }
}

async function removeCgroup(cgroup: string): Promise<void> {
  for (const hierarchy of await cgroupHierarchies()) {
    await removeTree(join(hierarchy, cgroup)).catch(() => undefined);
  }
}

/** The files of a cgroup can't be deleted: a cgroup goes with its folder, the innermost first. */
async function removeTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
}
