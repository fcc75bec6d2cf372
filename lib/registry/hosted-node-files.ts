import type { NodeFile } from './registry.ts';

/** What a node has to know of a registry that public certificates don't vouch for. */
export interface HostedNode {
  /** Host, and port where it is not the protocol's own. */
  readonly host: string;
  readonly insecure: boolean;
  /** The certificates of the private authority, as PEM. */
  readonly certificateAuthority: string | undefined;
}

/**
 * The folder by which containerd, and so each kubelet, knows a registry with a private authority or without
 * TLS. Its name is containerd's own for a host with a port, so that it is copied as it is.
 *
 * @see https://github.com/containerd/containerd/blob/main/docs/hosts.md
 */
export function hostedNodeFiles({ host, insecure, certificateAuthority }: HostedNode): NodeFile[] {
  if (!insecure && certificateAuthority === undefined) return [];
  const folder = containerdFolder(host);
  const url = `${insecure ? 'http' : 'https'}://${host}`;
  const files: NodeFile[] = [
    {
      file: `${folder}/certs.d/${folder}/hosts.toml`,
      content: `server = "${url}"

[host."${url}"]
capabilities = ["pull", "resolve"]
${certificateAuthority === undefined ? '' : 'ca = "ca.crt"\n'}`,
    },
    { file: `${folder}/README.md`, content: instructions(host, folder, certificateAuthority !== undefined) },
  ];
  if (certificateAuthority !== undefined) {
    files.push({ file: `${folder}/certs.d/${folder}/ca.crt`, content: certificateAuthority });
  }
  return files;
}

/** A port is written `_5000_`: a colon is not taken by every file system. */
function containerdFolder(host: string): string {
  const colon = host.lastIndexOf(':');
  return colon > host.lastIndexOf(']') ? `${host.slice(0, colon)}_${host.slice(colon + 1)}_` : host;
}

function instructions(host: string, folder: string, authority: boolean): string {
  const why = authority
    ? 'A private authority vouches for the registry.'
    : 'The registry speaks plain http: what is pulled and the accounts that pull it can be read on the way.';
  return `# Node set-up for the registry ${host}

${why} Each node of the cluster has to be told so once, or the kubelet can't pull.

Copy the folder \`certs.d/${folder}\` into containerd's \`certs.d\`:

| cluster | folder |
|---|---|
| MicroK8s 1.23 and later | \`/var/snap/microk8s/current/args/certs.d/\` |
| kubeadm and others with containerd of their own | \`/etc/containerd/certs.d/\` |

containerd reads it at each pull, so nothing is restarted. It does so where its configuration names that folder as
\`config_path\` of the plugin \`io.containerd.grpc.v1.cri\` (\`io.containerd.cri.v1.images\` from containerd 2 on);
MicroK8s' does, and elsewhere containerd is restarted once when the line is added.

K3s and RKE2 take the same from \`registries.yaml\` instead: https://docs.k3s.io/installation/private-registry
`;
}
