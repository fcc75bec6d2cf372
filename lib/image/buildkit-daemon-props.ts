import type { Size } from 'cdk8s';
import { egressProblems } from '../kubernetes/cidr.ts';
import { isDnsSubdomain } from '../kubernetes/names.ts';
import type { Destination, Egress } from '../kubernetes/network.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import {
  type ContainerResources,
  parseQuantity,
  quantity,
  resourceProblems,
} from '../kubernetes/resources.ts';
import type { Registry } from '../registry/registry.ts';
import { ImageName } from './image-name.ts';

/**
 * Mutual TLS between the daemon and the image builds, by Secrets as cert-manager makes them: of the keys
 * `tls.crt`, `tls.key` and `ca.crt`.
 *
 * @see https://cert-manager.io/docs/usage/certificate/
 */
export interface BuildKitTls {
  /**
   * The Secret with the server's certificate, in the daemon's namespace. It has to be valid for the host of
   * the daemon's address, `buildkit.buildkit.svc.cluster.local` unless the namespace is another.
   */
  readonly serverSecret: string;
  /** The Secret with the clients' certificate, in the namespace of each pipeline. */
  readonly clientSecret: string;
}

/** AppArmor and seccomp profiles that lie on the nodes. */
export interface BuildKitProfiles {
  /**
   * An AppArmor profile that is loaded on the nodes and allows what the daemon does.
   * @default - that of the container runtime, where the node has AppArmor
   * @see https://kubernetes.io/docs/tutorials/security/apparmor/
   */
  readonly appArmor?: string;
  /**
   * A seccomp profile, as a path below the kubelet's folder for them.
   * @default - the kubelet's own choice: none, unless it was started with seccompDefault
   * @see https://kubernetes.io/docs/tutorials/security/seccomp/
   */
  readonly seccomp?: string;
}

/** Props of {@link BuildKitDaemon}. */
export interface BuildKitDaemonProps {
  /**
   * The daemon's namespace, which is its own.
   * @default 'buildkit'
   */
  readonly namespace?: string;
  /**
   * Most room for the daemon's cache and running builds.
   * @default Size.gibibytes(50)
   */
  readonly storage?: Size;
  /**
   * How much of the storage the cache may fill before the daemon deletes what was not used for longest.
   * @default - four fifths of `storage`
   */
  readonly cacheLimit?: Size;
  /**
   * Whether the cache is on a volume that outlives the pod. The volume has to be of the node: overlay file
   * systems don't work on NFS.
   * @default false: a lost cache costs time, less so with the caches in the registry
   */
  readonly persistent?: boolean;
  /**
   * Storage class of that volume.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * The daemon's image, of the rootless kind.
   * @default docker.io/moby/buildkit:v0.34.2-rootless
   */
  readonly image?: ImageName;
  /**
   * Resources of the daemon's container, in which all builds run.
   * @default - 500m to 4 CPU, 1 to 8 GiB of memory; ephemeral storage as `storage` needs
   */
  readonly resources?: ContainerResources;
  /**
   * The registries that images are pushed to or pulled from: which speak plain http, which certificate
   * authorities are trusted, and where they are. One that is public and speaks https need not be named, nor
   * one to or from which a `BuildKitBuilder` of the same program pushes or pulls: the daemon is told of it.
   * @default - that of the platform
   */
  readonly registries?: readonly Registry[];
  /**
   * Mirrors by the registry that they stand for, as host or host with a path, such as
   * `{ 'docker.io': ['mirror.example.com'] }`: a way out of rate limits, and without internet.
   * @default - none
   */
  readonly mirrors?: Readonly<Record<string, readonly string[]>>;
  /**
   * Further hosts that speak plain http, such as mirrors.
   * @default - none
   */
  readonly plainHttp?: readonly string[];
  /**
   * What the daemon, and with it RUN, may connect to in place of the internet.
   * @default - what the platform's `egress` names, or else the internet
   */
  readonly egress?: readonly Egress[];
  /**
   * What the daemon, and with it RUN, may connect to beside DNS, the internet and the registries: mirrors
   * within the cluster or a private network.
   * @default - nothing
   */
  readonly destinations?: readonly Destination[];
  /**
   * Most steps that run at once, over all builds.
   * @default - no limit
   */
  readonly maxParallelism?: number;
  /**
   * Mutual TLS. Without it, whatever runs in the daemon's pod, RUN steps too, may ask the daemon for
   * anything: give it where pipelines don't trust each other.
   * @default - none
   */
  readonly tls?: BuildKitTls;
  /**
   * How a node confines the daemon. `node-default` asks for nothing, which fits nodes without AppArmor whose
   * kubelet has no seccompDefault. On others name profiles of the nodes, or ask for none: `unconfined` needs
   * the Pod Security level `privileged` for the daemon's namespace.
   * @default 'node-default'
   */
  readonly confinement?: 'node-default' | 'unconfined' | BuildKitProfiles;
}

/** A BuildKit daemon, as image builds need to know it. */
export interface BuildKitReference {
  /** Such as `tcp://buildkit.buildkit.svc.cluster.local:1234`. */
  readonly address: string;
  /** Where its pods are, for network policies. */
  readonly destination: Destination;
  /**
   * The Secret with the clients' certificate, in the namespace of each pipeline.
   * @default - none: the daemon speaks without TLS
   */
  readonly clientSecret?: string | undefined;
}

/** What is wrong with a daemon's props. */
export function daemonProblems(
  props: BuildKitDaemonProps,
  storage: Size,
  cacheLimit: Size,
  image: ImageName,
): Problem[] {
  const { mirrors = {}, plainHttp = [], registries = [], maxParallelism, resources } = props;
  return [
    ...image.problems('image'),
    ...resourceProblems('resources', resources),
    ...registries.flatMap((registry, index) => registry.problems(`registries.${index}`)),
    ...Object.entries(mirrors).flatMap(([host, names]) => [
      ...hostProblems('mirrors', host),
      ...names.flatMap((name) => hostProblems(`mirrors.${host}`, name)),
    ]),
    ...plainHttp.flatMap((host) => hostProblems('plainHttp', host)),
    ...storageProblems(storage, cacheLimit),
    ...classProblems(props),
    ...parallelismProblems(maxParallelism),
    ...egressProblems('egress', props.egress),
    ...tlsProblems(props.tls),
    ...confinementProblems(props.confinement),
  ];
}

/** A registry's host, or a host with a path where a mirror keeps the images of several registries apart. */
function hostProblems(property: string, name: string): Problem[] {
  return problemsWhenKnown(property, name, (known) => knownHostProblems(property, known));
}

function knownHostProblems(property: string, name: string): Problem[] {
  const [registry = '', ...path] = String(name).split('/');
  const repository = path.length === 0 ? 'any' : path.join('/');
  if (new ImageName({ registry, repository }).problems(property).length === 0) return [];
  return [
    {
      property,
      value: name,
      message: 'is not a registry',
      remedy: 'give a host with an optional port, such as docker.io or mirror.example.com:5000',
    },
  ];
}

function storageProblems(storage: Size, cacheLimit: Size): Problem[] {
  const [room, cache] = [storage, cacheLimit].map((size) => parseQuantity(quantity(size)) ?? 0);
  if (room === undefined || cache === undefined || !(room > 0)) {
    const remedy = 'give Size.gibibytes(50)';
    return [{ property: 'storage', value: quantity(storage), message: 'is no size', remedy }];
  }
  if (cache > 0 && cache < room) return [];
  return [
    {
      property: 'cacheLimit',
      value: quantity(cacheLimit),
      message: `leaves running builds nothing of ${quantity(storage)}`,
      remedy: 'give less than storage: four fifths of it is well',
    },
  ];
}

function classProblems({ persistent = false, storageClassName }: BuildKitDaemonProps): Problem[] {
  if (persistent || storageClassName === undefined) return [];
  return [
    {
      property: 'storageClassName',
      value: storageClassName,
      message: 'is of no use without a volume',
      remedy: 'give persistent: true, or leave it out',
    },
  ];
}

function parallelismProblems(steps: number | undefined): Problem[] {
  if (steps === undefined || (Number.isInteger(steps) && steps >= 1)) return [];
  const message = 'is not a number of steps';
  return [{ property: 'maxParallelism', value: steps, message, remedy: 'give 1 or more, or leave it out' }];
}

function tlsProblems(tls: BuildKitTls | undefined): Problem[] {
  if (tls === undefined) return [];
  return (['serverSecret', 'clientSecret'] as const).flatMap((property) =>
    isDnsSubdomain(String(tls[property]))
      ? []
      : [
          {
            property: `tls.${property}`,
            // It may be the key itself.
            value: hidden,
            message: 'is not a valid Secret name',
            remedy: 'give the name of a Secret: lower-case letters, digits, "-" and "."',
          },
        ],
  );
}

function confinementProblems(confinement: BuildKitDaemonProps['confinement']): Problem[] {
  if (confinement === undefined || confinement === 'node-default' || confinement === 'unconfined') return [];
  const { appArmor, seccomp } = Object(confinement) as BuildKitProfiles;
  if (appArmor !== undefined || seccomp !== undefined) return profileProblems(appArmor, seccomp);
  return [
    {
      property: 'confinement',
      value: confinement,
      message: 'names no profile',
      remedy: "give { appArmor: 'profile' }, 'node-default' or 'unconfined'",
    },
  ];
}

/** https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/core/validation/validation.go */
function profileProblems(appArmor: string | undefined, seccomp: string | undefined): Problem[] {
  const problems: Problem[] = [];
  if (appArmor !== undefined && !/^\S(.{0,4093}\S)?$/s.test(appArmor)) {
    problems.push({
      property: 'confinement.appArmor',
      value: appArmor,
      message: 'is not the name of a profile',
      remedy: 'give the name under which the profile is loaded on the nodes',
    });
  }
  if (seccomp !== undefined && (!/^[^/]/.test(seccomp) || seccomp.split('/').includes('..'))) {
    problems.push({
      property: 'confinement.seccomp',
      value: seccomp,
      message: "is not a path below the kubelet's folder",
      remedy: 'give a relative path without .., such as profiles/buildkit.json',
    });
  }
  return problems;
}
