import { jsonFile } from '../kubernetes/json.ts';
import type { NodeFile } from './registry.ts';

/**
 * What a MicroK8s node needs so that its containerd pulls from a plain-http registry by the node's
 * address: the `certs.d` folder of MicroK8s 1.23 and later, the template of older ones, and docker's
 * daemon.json for pushing from the same machine.
 *
 * @see https://microk8s.io/docs/registry-private
 */
export function microk8sNodeFiles(imageHost: string): NodeFile[] {
  const folder = imageHost.replace(':', '__');
  return [
    {
      file: `${folder}/certs.d/${folder}/hosts.toml`,
      content: `# MicroK8s 1.23 and later: /var/snap/microk8s/current/args/certs.d/${imageHost}/hosts.toml
server = "http://${imageHost}"

[host."http://${imageHost}"]
capabilities = ["pull", "resolve"]
`,
    },
    {
      file: `${folder}/containerd-template.toml`,
      content: `# MicroK8s before 1.23: add these lines to /var/snap/microk8s/current/args/containerd-template.toml,
# below [plugins."io.containerd.grpc.v1.cri".registry.mirrors] ([plugins.cri.registry.mirrors] in the oldest).
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."${imageHost}"]
endpoint = ["http://${imageHost}"]
`,
    },
    {
      file: `${folder}/daemon.json`,
      content: jsonFile({ 'insecure-registries': [imageHost] }),
    },
    { file: `${folder}/README.md`, content: instructions(imageHost) },
  ];
}

function instructions(imageHost: string): string {
  return `# Node set-up for the registry ${imageHost}

The registry speaks plain http. Each node of the cluster has to be told so once, or the kubelet can't pull.

1. MicroK8s 1.23 and later: copy \`certs.d/${imageHost.replace(':', '__')}/hosts.toml\` to
   \`/var/snap/microk8s/current/args/certs.d/${imageHost}/hosts.toml\`. containerd reads it at each pull, so
   nothing is restarted. Older MicroK8s: add the lines of \`containerd-template.toml\` to the file it names,
   then \`microk8s stop && microk8s start\`.
2. To push from this machine with docker: merge \`daemon.json\` into docker's own
   (\`/var/snap/docker/current/config/daemon.json\` for the snap, \`/etc/docker/daemon.json\` otherwise), then
   restart docker (\`sudo snap restart docker\`, or \`sudo systemctl restart docker\`).
3. Restart docker before MicroK8s where both have to be.

**Do not disable and enable the registry addon to apply a change.** Doing so makes a new, empty registry:
every image that was pushed is gone.
`;
}
