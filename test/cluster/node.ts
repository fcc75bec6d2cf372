import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Api } from './api.ts';
import { kubernetesBinaries } from './binaries.ts';
import { type ControlPlane, nodeName } from './control-plane.ts';
import type { Machine } from './machine.ts';
import { installed, unpacked } from './packages.ts';
import type { Processes } from './processes.ts';

/** The image that holds a pod's namespaces; it must be in the registry before the first pod starts. */
export const pauseImage = 'registry.k8s.io/pause:3.10';

/** The `certs.d` of containerd, in the folder for files. */
export const registryFolder = 'registries';

export interface NodeOptions {
  readonly processes: Processes;
  readonly machine: Machine;
  readonly controlPlane: ControlPlane;
  /** The registry from which all images are pulled, whatever registry they name. */
  readonly registry: string;
  /** For the files: container and pod state, configuration. */
  readonly directory: string;
}

/** Starts containerd, the kubelet, kube-proxy and CoreDNS in the machine and waits for the node. */
export async function startNode(options: NodeOptions): Promise<void> {
  const { processes, machine, controlPlane, directory } = options;
  const binaries = await kubernetesBinaries(controlPlane.version, ['kubelet', 'kube-proxy', 'coredns']);
  const packages = await unpacked(['containerd', 'runc', 'containernetworking-plugins']);
  // The CNI plugins masquerade with iptables, kube-proxy is configured to use nftables.
  await installed({ iptables: 'iptables', nft: 'nftables' });
  const start = (name: string, program: string, args: readonly string[], env?: Record<string, string>) => {
    const [enter = '', ...within] = machine.enter;
    processes.start(name, enter, [...within, program, ...args], env);
  };
  const write = async (name: string, content: string | object) => {
    const path = join(directory, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };

  await write('cni/10-pods.conflist', podNetwork(machine));
  await write(`${registryFolder}/_default/hosts.toml`, mirror(options.registry));
  start(
    'containerd',
    join(packages, 'usr/bin/containerd'),
    ['--config', await write('containerd.toml', containerdConfig(directory, packages))],
    // It looks for its shim and for runc there.
    { PATH: `${join(packages, 'usr/bin')}:${join(packages, 'usr/sbin')}:/usr/sbin:/usr/bin:/sbin:/bin` },
  );
  start('kubelet', binaries.kubelet, [
    `--config=${await write('kubelet.json', await kubeletConfig(options, write))}`,
    `--kubeconfig=${controlPlane.kubeconfigOf('kubelet')}`,
    ...[`--hostname-override=${nodeName}`, `--node-ip=${machine.address}`],
    ...[`--root-dir=${join(directory, 'kubelet')}`, `--cert-dir=${join(directory, 'kubelet-certificates')}`],
  ]);
  start('kube-proxy', binaries['kube-proxy'], [
    `--config=${await write('kube-proxy.json', kubeProxyConfig(options))}`,
  ]);
  start('coredns', binaries.coredns, ['-conf', await write('Corefile', corefile(options))]);

  const api = await Api.connect(controlPlane.kubeconfig);
  for (const object of dnsService(machine)) await api.apply(object);
  await processes.until('ready node', async () => {
    const { status, spec } = await api.get<Node>(`/api/v1/nodes/${nodeName}`);
    const ready = status.conditions.some(
      (condition) => condition.type === 'Ready' && condition.status === 'True',
    );
    // The taint of a node that was not ready goes a moment later.
    return ready && !spec.taints?.length;
  });
}

interface Node {
  readonly spec: { readonly taints?: readonly unknown[] };
  readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}

function podNetwork({ podSubnet }: Machine): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods0',
        isGateway: true,
        ipMasq: true,
        // A pod may reach itself through its Service.
        hairpinMode: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: podSubnet }]], routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** For every host without a folder of its own: nothing is ever asked of a registry outside. */
function mirror(registry: string): string {
  return `server = "http://${registry}"\n\n[host."http://${registry}"]\n  capabilities = ["pull", "resolve"]\n`;
}

function containerdConfig(directory: string, packages: string): string {
  const quote = (path: string) => JSON.stringify(join(directory, path));
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = ${quote('containerd')}
state = "/run/containerd"
[grpc]
  address = "${containerdSocket}"
[${cri}]
  sandbox_image = "${pauseImage}"
  # Without CAP_SYS_RESOURCE, as in many virtual machines, runc can't lower a score below its own.
  restrict_oom_score_adj = true
[${cri}.cni]
  bin_dir = ${JSON.stringify(join(packages, 'usr/lib/cni'))}
  conf_dir = ${quote('cni')}
[${cri}.registry]
  config_path = ${quote(registryFolder)}
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
# For RuntimeClasses with this handler: the same runtime under the name that NVIDIA's has.
[${cri}.containerd.runtimes.nvidia]
  runtime_type = "io.containerd.runc.v2"
`;
}

/** In the machine's own /run. */
const containerdSocket = '/run/containerd/containerd.sock';

async function kubeletConfig(
  { directory, machine }: NodeOptions,
  write: (name: string, content: string) => Promise<string>,
): Promise<object> {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: machine.cgroup,
    failCgroupV1: false,
    failSwapOn: false,
    // The API server has no client certificate; only this machine and its pods reach the kubelet.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    address: machine.address,
    clusterDNS: [machine.dnsAddress],
    clusterDomain: 'cluster.local',
    // The outside's name servers can't be reached from here.
    resolvConf: await write('resolv.conf', `nameserver ${machine.address}\n`),
    makeIPTablesUtilChains: false,
    podLogsDir: join(directory, 'pod-logs'),
    volumePluginDir: join(directory, 'volume-plugins'),
    serializeImagePulls: false,
    // A disk that is rather full must neither evict the tests' pods nor cost them their images.
    evictionHard: { 'nodefs.available': '1%', 'imagefs.available': '1%', 'memory.available': '100Mi' },
    imageGCHighThresholdPercent: 99,
    imageGCLowThresholdPercent: 98,
  };
}

function kubeProxyConfig({ controlPlane, machine }: NodeOptions): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig: controlPlane.kubeconfigOf('kube-proxy') },
    clusterCIDR: machine.podSubnet,
    hostnameOverride: nodeName,
    // 0 leaves the kernel's limits alone: they are not the machine's own.
    conntrack: { maxPerCore: 0 },
  };
}

/** CoreDNS answers for the cluster; other names do not exist, which is quicker than no answer. */
function corefile({ controlPlane, machine }: NodeOptions): string {
  return `cluster.local:53 in-addr.arpa:53 {
  bind ${machine.address}
  errors
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${controlPlane.kubeconfigOf('coredns')}
    ttl 1
  }
}
.:53 {
  bind ${machine.address}
  template ANY ANY {
    rcode NXDOMAIN
  }
}
`;
}

/** The usual Service for DNS; its one endpoint is the CoreDNS on the node. */
function dnsService({ address, dnsAddress }: Machine) {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' };
  const ports = [
    { name: 'dns', protocol: 'UDP', port: 53 },
    { name: 'dns-tcp', protocol: 'TCP', port: 53 },
  ];
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: dnsAddress, ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    },
  ];
}
