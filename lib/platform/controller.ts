import { type ApiObject, Duration, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { Lease } from 'kubernetes-types/coordination/v1.d.ts';
import type { ConfigMap, PodSpec } from 'kubernetes-types/core/v1.d.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import type { ClusterRole, ClusterRoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { CONTROLLER_KEY, type ControllerConfiguration, WEBHOOKS_PORT } from '../agent/configuration.ts';
import type { GarbageCollectionConfiguration } from '../agent/garbage-collection.ts';
import { AGENT_API_VERSION } from '../agent/version.ts';
import type { ImageName } from '../image/image-name.ts';
import { AGENT_UID } from '../keel/gate.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { type IngressEndpoint, ingressEndpointProblems } from '../kubernetes/ingress-endpoint.ts';
import { jsonFile } from '../kubernetes/json.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { BEHIND_SERVICE } from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters } from '../kubernetes/linters.ts';
import { IsolatedNamespace } from '../kubernetes/namespace.ts';
import {
  distinct,
  type Egress,
  networkPolicy,
  to,
  toApiServer,
  toDns,
  toInternet,
} from '../kubernetes/network.ts';
import { kubeObject } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { type Problem, reportProblems } from '../kubernetes/problem.ts';
import { every, Grant, named, type PolicyRule, type Subject } from '../kubernetes/rbac.ts';
import { type ContainerResources, resourceProblems, resourceRequirements } from '../kubernetes/resources.ts';
import { apiTokenMount, apiTokenVolume, serviceAccount } from '../kubernetes/service-account.ts';
import { scratchVolume, type WorkloadContainer, workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import { missingImage, missingRegistry } from '../props/stand-ins.ts';
import { lookUpsOf } from '../registry/looked-in.ts';
import type { Registry } from '../registry/registry.ts';
import { ControllerWebhooks, WEBHOOKS_PORT_NAME } from './controller-webhooks.ts';
import {
  LISTENER_NAMESPACE_RULES,
  LISTENER_NODES_RULES,
  listenerNamespaceRole,
  listenerNodesRole,
} from './listener-roles.ts';

/** How long what image builds leave behind is kept. */
export interface RetentionProps {
  /**
   * How long the namespace of a build that succeeded is kept.
   * @default Duration.hours(1)
   */
  readonly succeeded?: Duration;
  /**
   * How long the namespace of a build that failed is kept.
   * @default Duration.days(3)
   */
  readonly failed?: Duration;
  /**
   * Most namespaces of finished builds that a pipeline keeps.
   * @default 10
   */
  readonly maxPerPipeline?: number;
}

/** Props of {@link Controller}. */
export interface ControllerProps {
  /** The platform's name. */
  readonly platformName: string;
  /** The controller's namespace. */
  readonly namespace: string;
  /** The agent's image. */
  readonly agentImage: ImageName;
  /** The platform's registry, in which the controller looks up digests. */
  readonly registry: Registry;
  /**
   * Addresses of the API server, as CIDRs.
   * @default - any address on the ports of API servers
   */
  readonly apiServer?: readonly string[];
  /**
   * What it may connect to beside the registry: git servers.
   * @default - any address of the internet
   */
  readonly egress?: readonly Egress[];
  /**
   * How many controllers run. One of them leads, the others take over.
   * @default 1
   */
  readonly replicas?: number;
  /**
   * Most image builds that run at once.
   * @default 4
   */
  readonly maxConcurrentBuilds?: number;
  /**
   * How long the namespaces of finished image builds are kept.
   * @default - an hour after success, three days after failure, at most ten a pipeline
   */
  readonly retention?: RetentionProps;
  /**
   * Whether it makes listeners for builds that hand over.
   * @default false
   */
  readonly handOver?: boolean;
  /**
   * Further registries in which the controller looks for images, in a private network, for pipelines of other
   * programs. Those of this program's pipelines, and those on the internet, need not be named.
   * @default - none
   */
  readonly registries?: readonly Registry[];
  /**
   * How it collects the garbage of a registry.
   * @default - it does not
   */
  readonly garbageCollection?: GarbageCollectionConfiguration;
  /**
   * Where git servers tell it of a push, for the pipelines whose source has a `webhook`: each at
   * `https://HOST/webhooks/NAMESPACE`.
   * @default - nobody can connect to it, and it polls
   */
  readonly webhooks?: IngressEndpoint;
  /**
   * Resources of the container.
   * @default - 50m to 1 CPU, 128 to 512 MiB of memory
   */
  readonly resources?: ContainerResources;
}

const NAME = 'keelson-controller';
const PORT = 8080;
const TOLD = { who: 'the controller', host: 'that leads to the ingress controller, such as ci.example.com' };
const SELECTOR = { 'app.kubernetes.io/name': NAME, [KeelsonLabels.STAGE]: 'controller' } as const;

/**
 * The agent that acts for a whole platform: it watches git, starts image builds, and repairs and cleans up
 * what they leave behind. Over the cluster it may only make namespaces and bind itself to one named role
 * in them; what it may do in a pipeline's namespace, the pipeline grants.
 */
export class Controller extends Construct {
  /** As whom the controller acts. */
  readonly subject: Subject;
  /** The ClusterRole that the controller binds itself to in the namespaces that it makes. */
  readonly commitNamespaceRole: string;
  /** The ClusterRole that it binds itself to in the namespaces of listeners; undefined where it makes none. */
  readonly listenerNamespaceRole: string | undefined;
  /** The controller's namespace. */
  readonly namespace: IsolatedNamespace;
  /** Its Deployment. */
  readonly deployment: ApiObject;
  /** The ConfigMap with its configuration. */
  readonly configMap: ApiObject;
  /** Its rights over namespaces and RoleBindings. */
  readonly clusterRole: ApiObject;
  /** What lets webhooks through; undefined where nothing does. */
  readonly webhooks: ControllerWebhooks | undefined;

  constructor(scope: Construct, id: string, given: ControllerProps) {
    super(scope, id);
    const props = sound(this, 'ControllerProps', given, {
      agentImage: missingImage(),
      registry: missingRegistry(),
    });
    const { platformName, namespace, agentImage } = props;
    this.subject = { namespace, serviceAccountName: NAME };
    this.commitNamespaceRole = `keelson-${platformName}-commit-namespace`;
    this.listenerNamespaceRole = props.handOver ? listenerNamespaceRole(platformName) : undefined;
    reportProblems(this, controllerProblems(props));

    this.namespace = new IsolatedNamespace(this, 'namespace', {
      name: namespace,
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({ 'count/pods': '10', 'limits.cpu': '8', 'limits.memory': '8Gi' }),
    });
    serviceAccount(this, 'service-account', NAME, namespace);
    this.clusterRole = this.#clusterRights(platformName);
    this.#ownRights(namespace);
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace,
      pods: SELECTOR,
      egress: () => [
        toDns(),
        toApiServer(props.apiServer),
        ...toInternet(props.egress),
        ...to(
          distinct([
            ...[props.registry, ...(props.registries ?? [])].flatMap(({ destinations }) => destinations),
            ...lookUpsOf(scope),
          ]),
        ),
      ],
    });
    this.configMap = kubeObject<ConfigMap>(this, 'configuration', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: NAME, namespace },
      data: {
        [CONTROLLER_KEY]: jsonFile(configuration(props, this.commitNamespaceRole)),
      },
    });
    kubeObject<Lease>(this, 'lease', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: NAME, namespace },
    });
    const replicas = props.replicas ?? 1;
    if (replicas > 1) this.#budget(namespace);
    this.deployment = workload(this, 'Resource', {
      name: NAME,
      namespace,
      labels: partLabels(NAME, 'controller'),
      selector: SELECTOR,
      uid: AGENT_UID,
      serviceAccountName: NAME,
      replicas,
      pod: replicas > 1 ? apart() : {},
      container: () => container(agentImage, props),
      volumes: () => [
        apiTokenVolume(),
        { name: 'config', configMap: { name: NAME } },
        scratchVolume('tmp', '256Mi'),
      ],
    });
    this.webhooks = props.webhooks && this.#expose(props.webhooks, replicas);
  }

  #expose(endpoint: IngressEndpoint, replicas: number): ControllerWebhooks {
    exceptFromLinters(this.deployment, {
      checks: replicas > 1 ? BEHIND_SERVICE.filter((check) => !check.endsWith('-replicas')) : BEHIND_SERVICE,
      reason: 'a webhook that finds no controller is made up for by the next poll',
    });
    const { namespace } = this.subject;
    return new ControllerWebhooks(this, 'webhooks', { name: NAME, namespace, pods: SELECTOR, endpoint });
  }

  /** The rights that can't be given namespace by namespace, because the namespaces don't exist yet. */
  #clusterRights(platformName: string): ApiObject {
    const name = `keelson-${platformName}-controller`;
    const { namespace, serviceAccountName } = this.subject;
    clusterRole(this, 'commit-namespace-role', this.commitNamespaceRole, COMMIT_NAMESPACE_RULES);
    const role = clusterRole(this, 'cluster-role', name, [
      every('', ['namespaces'], ['create', 'get', 'list', 'watch', 'patch', 'delete']),
      every('rbac.authorization.k8s.io', ['rolebindings'], ['create', 'get', 'patch']),
      named('rbac.authorization.k8s.io', ['clusterroles'], [this.commitNamespaceRole], ['bind']),
      ...this.#listenerRights(platformName),
    ]);
    kubeObject<ClusterRoleBinding>(this, 'cluster-role-binding', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
    });
    return role;
  }

  /** One of several controllers is enough, and one is always left when nodes are emptied. */
  #budget(namespace: string): void {
    kubeObject<PodDisruptionBudget>(this, 'budget', {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: NAME, namespace },
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
        selector: { matchLabels: { ...SELECTOR } },
      },
    });
  }

  /** What it takes to make listeners: its own role there, and node readers for those that need one. */
  #listenerRights(platformName: string): PolicyRule[] {
    if (this.listenerNamespaceRole === undefined) return [];
    const nodes = listenerNodesRole(platformName);
    clusterRole(this, 'listener-namespace-role', this.listenerNamespaceRole, LISTENER_NAMESPACE_RULES);
    clusterRole(this, 'listener-nodes-role', nodes, LISTENER_NODES_RULES);
    return [
      every('rbac.authorization.k8s.io', ['clusterrolebindings'], ['create', 'get', 'patch']),
      named('rbac.authorization.k8s.io', ['clusterroles'], [this.listenerNamespaceRole], ['bind']),
      named('rbac.authorization.k8s.io', ['clusterroles'], [nodes], ['bind']),
    ];
  }

  #ownRights(namespace: string): void {
    new Grant(this, 'own', {
      name: NAME,
      namespace,
      to: this.subject,
      rules: () => [
        named('coordination.k8s.io', ['leases'], [NAME], ['create', 'get', 'update', 'patch']),
        every('', ['events'], ['create', 'patch']),
      ],
    });
  }
}

/** What the controller may do in a namespace that it made for a commit: apply a job template and follow its Job. */
const COMMIT_NAMESPACE_RULES: PolicyRule[] = [
  every('batch', ['jobs'], ['create', 'get', 'list', 'watch', 'patch', 'delete']),
  every('', ['pods'], ['get', 'list', 'watch', 'delete']),
  every('', ['pods/log'], ['get']),
  every(
    '',
    ['configmaps', 'services', 'serviceaccounts', 'resourcequotas', 'limitranges'],
    ['create', 'get', 'patch'],
  ),
  // The controller writes copies of a pipeline's Secrets there. It can't list them, nor read one by its name.
  every('', ['secrets'], ['create', 'patch']),
  every('networking.k8s.io', ['networkpolicies'], ['create', 'get', 'patch']),
  every('', ['events'], ['create', 'patch', 'list']),
];

function clusterRole(scope: Construct, id: string, name: string, rules: PolicyRule[]): ApiObject {
  return kubeObject<ClusterRole>(scope, id, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name },
    rules,
  });
}

function configuration(props: ControllerProps, commitNamespaceRole: string): ControllerConfiguration {
  const { platformName, maxConcurrentBuilds = 4, retention = {} } = props;
  const { succeeded = Duration.hours(1), failed = Duration.days(3), maxPerPipeline = 10 } = retention;
  return {
    apiVersion: AGENT_API_VERSION,
    kind: 'Controller',
    platform: platformName,
    lease: NAME,
    commitNamespaceRole,
    ...(props.handOver && { listenerNamespaceRole: listenerNamespaceRole(platformName) }),
    maxConcurrentBuilds,
    retention: {
      succeededSeconds: succeeded.toSeconds({ integral: false }),
      failedSeconds: failed.toSeconds({ integral: false }),
      maxPerPipeline,
    },
    ...(props.garbageCollection && { garbageCollection: props.garbageCollection }),
    ...(props.webhooks !== undefined && { webhooks: { port: WEBHOOKS_PORT } }),
  };
}

/** Where several controllers run: on a node each, or together where there is only one. */
function apart(): Partial<PodSpec> {
  const place = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { ...SELECTOR } } };
  return {
    affinity: {
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: place }],
      },
    },
    topologySpreadConstraints: [{ ...place, maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
  };
}

function container(agentImage: ImageName, { resources, webhooks }: ControllerProps): WorkloadContainer {
  return {
    name: 'controller',
    image: agentImage.toString(),
    imagePullPolicy: 'IfNotPresent',
    args: ['controller', `--config=/keelson/config/${CONTROLLER_KEY}`],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
      { name: 'HOME', value: '/tmp' },
    ],
    ports: [
      { name: 'http', containerPort: PORT, protocol: 'TCP' },
      ...(webhooks === undefined
        ? []
        : [{ name: WEBHOOKS_PORT_NAME, containerPort: WEBHOOKS_PORT, protocol: 'TCP' }]),
    ],
    readinessProbe: { httpGet: { path: '/readyz', port: PORT }, periodSeconds: 5 },
    livenessProbe: { httpGet: { path: '/healthz', port: PORT }, initialDelaySeconds: 10, periodSeconds: 20 },
    resources: resourceRequirements(resources, {
      cpu: { request: { amount: '50m' }, limit: { amount: '1' } },
      memory: { request: Size.mebibytes(128), limit: Size.mebibytes(512) },
      ephemeralStorage: { request: Size.mebibytes(64), limit: Size.gibibytes(1) },
    }),
    volumeMounts: [
      apiTokenMount(),
      { name: 'config', mountPath: '/keelson/config', readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

function controllerProblems({
  replicas,
  maxConcurrentBuilds,
  retention,
  registries = [],
  webhooks,
  resources,
}: ControllerProps): Problem[] {
  const count = (property: string, value: number | undefined, most: number): Problem[] =>
    value === undefined || (Number.isInteger(value) && value >= 1 && value <= most)
      ? []
      : [
          {
            property: `controller.${property}`,
            value,
            message: 'is out of range',
            remedy: `give a whole number from 1 to ${most}`,
          },
        ];
  return [
    ...count('replicas', replicas, 5),
    ...count('maxConcurrentBuilds', maxConcurrentBuilds, 1000),
    ...count('retention.maxPerPipeline', retention?.maxPerPipeline, 1000),
    ...durationProblems('controller.retention.succeeded', retention?.succeeded, 60, 365 * 86_400),
    ...durationProblems('controller.retention.failed', retention?.failed, 60, 365 * 86_400),
    ...registries.flatMap((registry, index) => registry.problems(`controller.registries[${index}]`)),
    ...(webhooks === undefined ? [] : ingressEndpointProblems('controller.webhooks', webhooks, TOLD)),
    ...resourceProblems('controller.resources', resources),
  ];
}
