import type { Duration, Size } from 'cdk8s';
import type { GpuBuildNode } from '../gpu/gpu-build-node.ts';
import type { ImageName } from '../image/image-name.ts';
import type { ImageSource } from '../image/image-source.ts';
import type { Environment } from '../kubernetes/environment.ts';
import type { PodSecurity } from '../kubernetes/pod-security.ts';
import type { ContainerResources } from '../kubernetes/resources.ts';
import type { SecretSource } from '../kubernetes/secret-source.ts';
import type { AccessMode } from '../kubernetes/storage.ts';
import type { StageProps } from '../pipeline/pipeline-record.ts';
import type { TestService } from '../services/test-service.ts';

/** A ConfigMap or Secret of the namespace whose keys become variables. */
export type EnvironmentSource = { readonly configMap: string } | { readonly secret: string };

/** The volume of a build. */
export interface BuildVolumeProps {
  /**
   * Where the volume is mounted.
   * @default '/build'
   */
  readonly mountPath?: string;
  /**
   * Size of the volume.
   * @default Size.gibibytes(20)
   */
  readonly size?: Size;
  /**
   * Storage class.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * How many nodes may mount the volume at once.
   * @default 'ReadWriteOnce'
   */
  readonly accessMode?: AccessMode;
}

/** What every build is told, however it is started. */
export interface BuildProps extends StageProps {
  /** The image that runs: a builder's, or the name of one that something else pushes. */
  readonly image: ImageSource | ImageName;
  /** What builds and tests, in the image's working directory. */
  readonly command: readonly string[];
  /**
   * Services that run while the build does.
   * @default - none
   */
  readonly services?: Iterable<TestService>;
  /**
   * How long the command may run.
   * @default Duration.hours(2)
   */
  readonly timeout?: Duration;
  /**
   * The kind of node to build on.
   * @default - any, without a GPU
   */
  readonly node?: GpuBuildNode;
  /**
   * The Pod Security level that the image needs. At `restricted` it has to run as a user other than root.
   * @default PodSecurity.restricted()
   */
  readonly podSecurity?: PodSecurity;
  /**
   * Environment variables, beside those that the services bring.
   * @default - none
   */
  readonly env?: Environment;
  /**
   * ConfigMaps and Secrets of the namespace whose keys become variables.
   * @default - none
   */
  readonly envFrom?: readonly EnvironmentSource[];
  /**
   * Secrets as files, by the path of each file.
   * @default - none
   */
  readonly secretFiles?: Readonly<Record<string, SecretSource>>;
  /**
   * Resources of the build's container.
   * @default - 1 to 2 CPU, 2 to 4 GiB of memory, 4 to 20 GiB of ephemeral storage
   */
  readonly resources?: ContainerResources;
  /**
   * The volume that outlives a build, or false for none.
   * @default - 20 GiB at /build
   */
  readonly volume?: BuildVolumeProps | false;
  /**
   * Whether the pod uses the node's user IDs. `false` gives it a user namespace of its own, which
   * Kubernetes has by default from 1.33.
   * @default - the cluster's default
   */
  readonly hostUsers?: boolean;
  /**
   * What a private image is pulled with: Secrets of the build's namespace of the type
   * `kubernetes.io/dockerconfigjson`, by their key `.dockerconfigjson`. The kubelet pulls with them; Keel and
   * the controller may read them by name, to look for new images.
   * @default - the `pullCredentials` of the image's registry: the builder's target's, or the platform's
   */
  readonly imagePullSecrets?: readonly SecretSource[];
  /**
   * The agent's image, for the gate.
   * @default - the platform's
   */
  readonly agentImage?: ImageName;
}
