import { type ApiObject, Size } from 'cdk8s';
import { Construct, type IConstruct } from 'constructs';
import type { DaemonSet } from 'kubernetes-types/apps/v1.d.ts';
import type {
  ConfigMap,
  Container,
  ResourceQuota,
  SecurityContext,
  Toleration,
} from 'kubernetes-types/core/v1.d.ts';
import { declareStage } from '../app/graph.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { KeelsonAnnotations, KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import {
  LOW_USER,
  OPENED_NAMESPACE,
  privilegeExceptions,
  USUAL_PRIORITY,
  VERSIONED_IMAGE,
} from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters, type LinterException } from '../kubernetes/linters.ts';
import { isDnsSubdomain, shortHash } from '../kubernetes/names.ts';
import { IsolatedNamespace } from '../kubernetes/namespace.ts';
import { Notes } from '../kubernetes/notes.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { type NodeSelector, placementProblems } from '../kubernetes/placement.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { formatProblem, type Problem, reportProblems } from '../kubernetes/problem.ts';
import { type ContainerResources, resourceProblems, resourceRequirements } from '../kubernetes/resources.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { sound } from '../props/sound.ts';
import { NVIDIA, runtimeClassObject, runtimeProblems } from './gpu-runtime-class.ts';
import { GpuSharing } from './gpu-sharing.ts';
import { GPU, GPU_TOLERATIONS, type Gpus, VISIBLE_DEVICES } from './gpus.ts';
import {
  DEVICE_LIST_STRATEGIES,
  type DeviceListStrategy,
  MIG_STRATEGIES,
  type MigStrategy,
  offerProblem,
  type PluginOptions,
  pluginConfiguration,
} from './plugin-configuration.ts';

/** Props of {@link NvidiaDevicePlugin}. */
export interface NvidiaDevicePluginProps {
  /**
   * The plugin's namespace. It admits privileged pods, so nothing else should be in it.
   * @default 'nvidia-device-plugin'
   */
  readonly namespace?: string;
  /**
   * Labels of the nodes that have GPUs. The plugin fails where it finds none.
   * @default - `nvidia.com/gpu.present: "true"`, which GPU feature discovery sets, or `kubectl label node`
   */
  readonly nodeSelector?: NodeSelector;
  /**
   * Taints of those nodes that the plugin's pods put up with.
   * @default - the taint `nvidia.com/gpu`, by which GPU nodes keep other pods away
   */
  readonly tolerations?: readonly Toleration[];
  /**
   * What partitions of a GPU (MIG) are advertised as: `none` not at all, `single` as `nvidia.com/gpu`, for nodes whose
   * GPUs are all divided alike, `mixed` by their profile. Dividing GPUs is a matter of the node (`nvidia-smi mig`).
   * @default 'none'
   */
  readonly mig?: MigStrategy;
  /**
   * How several containers share one GPU.
   * @default - not at all: each GPU has one user
   */
  readonly sharing?: GpuSharing;
  /**
   * How the container runtime is told which GPUs a container got. With `volume-mounts`, and the nodes' container
   * toolkit set up to take nothing else, no image can give itself a GPU.
   * @default 'envvar'
   */
  readonly deviceListStrategy?: DeviceListStrategy;
  /**
   * The RuntimeClass whose containers see GPUs, or null where that is the nodes' default runtime.
   * @default 'nvidia'
   */
  readonly runtimeClassName?: string | null;
  /**
   * The container runtime's handler, where the RuntimeClass has to be made. It is in no namespace: one construct of the
   * cluster makes it.
   * @default - none: the RuntimeClass exists
   */
  readonly runtimeHandler?: string;
  /**
   * The PriorityClass of the plugin's pods, or null for the cluster's default one.
   * @default 'system-node-critical': without the plugin, a node has no GPUs
   */
  readonly priorityClassName?: string | null;
  /**
   * The plugin's image.
   * @default nvcr.io/nvidia/k8s-device-plugin:v0.20.0
   */
  readonly image?: ImageName;
  /**
   * Resources of the plugin's container.
   * @default - 10m to 200m CPU, 64 to 256 MiB of memory
   */
  readonly resources?: ContainerResources;
}

const NAME = 'nvidia-device-plugin';
const SELECTOR = { 'app.kubernetes.io/name': NAME, [KeelsonLabels.STAGE]: 'gpu' } as const;
/** The same on every node, wherever the kubelet keeps its other files. */
const SOCKETS = '/var/lib/kubelet/device-plugins';
const CONFIGURATION = { directory: '/etc/nvidia-device-plugin', file: 'config.json' } as const;
/** One pod for each node: as many nodes as Kubernetes supports. */
const MOST_PODS = '5000';
const REASON =
  "NVIDIA's device plugin serves the kubelet on a socket in a directory of the host, and sees every GPU of the node";

const PLUGINS = new Notes<NvidiaDevicePlugin>();

/**
 * NVIDIA's device plugin: on every node with GPUs it tells the kubelet of them, so that pods can ask for some. It is
 * for clusters whose GPU operator or MicroK8s addon does not bring it; a node must have one only. The nodes need the
 * driver and the container toolkit.
 *
 * It lives in a namespace of its own at the Pod Security level `privileged`, though its container is not privileged:
 * it mounts one directory of the host, has no capability (with partitions or `volume-mounts` it needs SYS_ADMIN), a
 * read-only root, no API token and no network.
 *
 * @see https://github.com/NVIDIA/k8s-device-plugin
 * @example
 * new NvidiaDevicePlugin(platform, 'gpus', {
 *   sharing: GpuSharing.timeSlicing({ replicas: 4 }),
 *   runtimeHandler: 'nvidia',
 * });
 */
export class NvidiaDevicePlugin extends Construct {
  /** The device plugins of a program, by the root of its constructs. */
  static of(root: IConstruct): readonly NvidiaDevicePlugin[] {
    return PLUGINS.of(root);
  }

  /** The plugin's namespace. */
  readonly namespace: IsolatedNamespace;
  /** The plugin's configuration file. */
  readonly configuration: ApiObject;
  /** The plugin's pods, one for each node. */
  readonly daemonSet: ApiObject;
  /** The RuntimeClass, where it was made. */
  readonly runtimeClass: ApiObject | undefined;
  readonly #options: PluginOptions;
  readonly #nodeSelector: NodeSelector;

  constructor(scope: Construct, id: string, given: NvidiaDevicePluginProps = {}) {
    super(scope, id);
    const props = sound(this, 'NvidiaDevicePluginProps', given, {}, [
      'sharing',
      'mig',
      'deviceListStrategy',
      'tolerations',
      'tolerations.*',
      'nodeSelector',
      'nodeSelector.*',
    ]);
    const { namespace = NAME, runtimeHandler, nodeSelector = { [`${GPU}.present`]: 'true' } } = props;
    // What is none of these is reported.
    const mig = MIG_STRATEGIES.find((strategy) => strategy === props.mig) ?? 'none';
    const deviceListStrategy =
      DEVICE_LIST_STRATEGIES.find((strategy) => strategy === props.deviceListStrategy) ?? 'envvar';
    const { runtimeClassName = NVIDIA, priorityClassName = 'system-node-critical' } = props;
    const sharing = props.sharing instanceof GpuSharing ? props.sharing : undefined;
    const tolerations = Array.isArray(props.tolerations) ? props.tolerations : GPU_TOLERATIONS;
    const image = props.image ?? defaultImage(this, 'nvcr.io/nvidia/k8s-device-plugin:v0.20.0');
    this.#options = { mig, sharing, deviceListStrategy };
    this.#nodeSelector = Object.fromEntries(
      Object.entries(nodeSelector ?? {}).filter(([, value]) => typeof value === 'string'),
    );
    reportProblems(this, [
      ...image.problems('image'),
      ...resourceProblems('resources', props.resources),
      ...optionProblems(props),
      ...placementProblems(props),
      ...runtimeProblems(props),
    ]);
    PLUGINS.add(this.node.root, this);
    this.node.addValidation({ validate: () => this.#neighbourProblems() });

    this.namespace = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      podSecurity: () => PodSecurity.privileged(REASON),
      quota: () => ({ 'count/pods': MOST_PODS }),
    });
    if (priorityClassName !== null) criticalPods(this, namespace, priorityClassName);
    this.runtimeClass =
      runtimeHandler === undefined || runtimeClassName === null
        ? undefined
        : runtimeClassObject(this, 'runtime-class', runtimeClassName, runtimeHandler);
    serviceAccount(this, 'service-account', NAME, namespace);
    const labels = partLabels(NAME, 'gpu');
    const text = jsonFile(pluginConfiguration(this.#options));
    this.configuration = kubeObject<ConfigMap>(this, 'configuration', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace, labels },
      data: { [CONFIGURATION.file]: text },
    });
    this.daemonSet = kubeObject<DaemonSet>(this, 'Resource', {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: NAME, namespace, labels: { ...labels, 'app.kubernetes.io/instance': NAME } },
      spec: lazy(() => ({
        revisionHistoryLimit: 2,
        selector: { matchLabels: { ...SELECTOR } },
        template: {
          // The plugin reads its configuration once.
          metadata: {
            labels: { ...labels },
            annotations: { [KeelsonAnnotations.CONFIGURATION]: shortHash(text) },
          },
          spec: {
            serviceAccountName: NAME,
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            ...(priorityClassName !== null && { priorityClassName }),
            ...(runtimeClassName !== null && { runtimeClassName }),
            nodeSelector: { ...this.#nodeSelector },
            tolerations: [...tolerations],
            securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
            containers: [container(image, this.#options, props.resources)],
            volumes: [
              { name: 'sockets', hostPath: { path: SOCKETS, type: 'Directory' } },
              { name: 'configuration', configMap: { name: NAME } },
            ],
          },
        },
      })),
    });
    exceptFromLinters(
      this.daemonSet,
      ...exceptions(this.#options),
      ...(priorityClassName === null ? [USUAL_PRIORITY] : []),
    );
    declareStage(this, { title: 'NVIDIA device plugin', detail: summary(this.#options) });
  }

  /** Why the plugin never gives what is asked for; undefined where it may. */
  offerProblem(gpus: Gpus): Omit<Problem, 'property'> | undefined {
    return offerProblem(this.#options, gpus);
  }

  /** Two plugins on one node take the socket, and the GPUs, from each other. */
  #neighbourProblems(): string[] {
    const selector = selectorText(this.#nodeSelector);
    const other = NvidiaDevicePlugin.of(this.node.root).find(
      (plugin) => plugin !== this && selectorText(plugin.#nodeSelector) === selector,
    );
    if (other === undefined) return [];
    const message = `is that of ${other.node.path} too, and a node can have one device plugin only`;
    const remedy = 'give each plugin a nodeSelector for other nodes';
    return [formatProblem({ property: 'nodeSelector', value: this.#nodeSelector, message, remedy })];
  }
}

function container(
  image: ImageName,
  options: PluginOptions,
  resources: ContainerResources | undefined,
): Container {
  const { directory, file } = CONFIGURATION;
  return {
    name: NAME,
    image: image.toString(),
    imagePullPolicy: 'IfNotPresent',
    command: ['nvidia-device-plugin'],
    env: [
      { name: 'CONFIG_FILE', value: `${directory}/${file}` },
      { name: VISIBLE_DEVICES, value: 'all' },
      { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'compute,utility' },
      // Health of partitions is read through the devices that monitor them.
      ...(options.mig === 'none' ? [] : [{ name: 'NVIDIA_MIG_MONITOR_DEVICES', value: 'all' }]),
    ],
    securityContext: securityContext(options),
    resources: resourceRequirements(resources, {
      cpu: { request: { amount: '10m' }, limit: { amount: '200m' } },
      memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
      ephemeralStorage: { request: Size.mebibytes(16), limit: Size.mebibytes(256) },
    }),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'sockets', mountPath: SOCKETS },
      { name: 'configuration', mountPath: directory, readOnly: true },
    ],
  };
}

/**
 * The host's directory belongs to root, and so must the process. The container runtime gives the devices that monitor
 * partitions, and devices by variable where its toolkit takes that from nobody else, to SYS_ADMIN only, which
 * Kubernetes does not let a container have without the escalation of privileges.
 */
function securityContext({ mig, deviceListStrategy }: PluginOptions): SecurityContext {
  const powerful = mig !== 'none' || deviceListStrategy === 'volume-mounts';
  return {
    ...(!powerful && { allowPrivilegeEscalation: false }),
    capabilities: { drop: ['ALL'], ...(powerful && { add: ['SYS_ADMIN'] }) },
    readOnlyRootFilesystem: true,
    runAsUser: 0,
  };
}

/** What linters say of a pod that every node with GPUs has, for which the host's directory is the point. */
function exceptions(options: PluginOptions): LinterException[] {
  return [
    OPENED_NAMESPACE,
    VERSIONED_IMAGE,
    { checks: ['polaris/topologySpreadConstraint'], reason: 'it is one pod on each node' },
    {
      checks: ['polaris/livenessProbeMissing', 'polaris/readinessProbeMissing'],
      reason: 'the kubelet alone asks it, and it has no other endpoint',
    },
    { checks: [...LOW_USER, 'polaris/hostPathSet'], reason: REASON },
    ...privilegeExceptions(PodSecurity.privileged(REASON), undefined, securityContext(options)),
  ];
}

/**
 * Some clusters let pods have a system PriorityClass only where a quota speaks of it.
 *
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
 */
function criticalPods(scope: Construct, namespace: string, priorityClassName: string): ApiObject {
  return kubeObject<ResourceQuota>(scope, 'critical-pods', {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'critical-pods', namespace },
    spec: {
      hard: { pods: MOST_PODS },
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: [priorityClassName] }],
      },
    },
  });
}

function optionProblems(props: NvidiaDevicePluginProps): Problem[] {
  const { mig = 'none', sharing, deviceListStrategy = 'envvar', priorityClassName } = props;
  const problems: Problem[] = [];
  if (!MIG_STRATEGIES.includes(mig))
    problems.push(choiceProblem('mig', mig, 'is not a MIG strategy', MIG_STRATEGIES));
  if (!DEVICE_LIST_STRATEGIES.includes(deviceListStrategy))
    problems.push(
      choiceProblem(
        'deviceListStrategy',
        deviceListStrategy,
        'is not a known strategy',
        DEVICE_LIST_STRATEGIES,
      ),
    );
  if (
    typeof priorityClassName === 'string' ? !isDnsSubdomain(priorityClassName) : priorityClassName != null
  ) {
    problems.push({
      property: 'priorityClassName',
      value: priorityClassName,
      message: 'is not a valid name of a PriorityClass',
      remedy: 'name one that `kubectl get priorityclass` lists, or give null',
    });
  }
  if (sharing === undefined) return problems;
  if (!(sharing instanceof GpuSharing)) {
    const remedy = 'give GpuSharing.timeSlicing({ replicas: 4 })';
    return [...problems, { property: 'sharing', value: sharing, message: 'is no way to share GPUs', remedy }];
  }
  if (Object.keys(sharing.migReplicas).length > 0 && mig !== 'mixed') {
    problems.push({
      property: 'sharing.migReplicas',
      value: sharing.migReplicas,
      message: `divides partitions by their profile, by which the MIG strategy ${String(mig)} advertises none`,
      remedy: "give mig: 'mixed', or with mig: 'single' replicas",
    });
  }
  return [...problems, ...sharing.problems('sharing')];
}

function choiceProblem(
  property: string,
  value: unknown,
  message: string,
  choices: readonly string[],
): Problem {
  return { property, value, message, remedy: `give one of ${choices.map((one) => `'${one}'`).join(', ')}` };
}

/** The same text for the same labels in any order. */
function selectorText(selector: NodeSelector): string {
  return JSON.stringify(Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function summary({ mig, sharing }: PluginOptions): string {
  const parts = mig === 'none' ? [] : [`MIG ${mig}`];
  for (const { name, replicas } of sharing?.resources ?? []) parts.push(`${replicas} shares of ${name}`);
  return parts.length === 0 ? 'whole GPUs' : parts.join(', ');
}
