import { type ApiObject, Duration, Size } from 'cdk8s';
import { Construct } from 'constructs';
import type { ClusterRole, ClusterRoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { egressProblems } from '../kubernetes/cidr.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { checkNamespace, IsolatedNamespace } from '../kubernetes/namespace.ts';
import {
  type Destination,
  type Egress,
  networkPolicy,
  to,
  toApiServer,
  toDns,
  toInternet,
} from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { reportProblem, reportProblems } from '../kubernetes/problem.ts';
import { every, type Subject } from '../kubernetes/rbac.ts';
import { type ContainerResources, resourceProblems, resourceRequirements } from '../kubernetes/resources.ts';
import { apiTokenMount, apiTokenVolume, serviceAccount } from '../kubernetes/service-account.ts';
import { scratchVolume, workload } from '../kubernetes/workload.ts';
import type { KeelPolicy } from './keel-policy.ts';

/** What a watched build asks of Keel. */
export interface WatchRequest {
  /** The namespace of the Deployment. */
  readonly namespace: string;
  /** Which new images start a build. */
  readonly policy: KeelPolicy;
  /**
   * Where the registry is, for the network policy; a registry on the internet needs none.
   * @default - Keel reaches registries on the internet only
   */
  readonly registry?: { readonly insecure: boolean; readonly destinations: readonly Destination[] };
}

/** A Keel that is installed by this program or was before. */
export interface KeelReference {
  /** The namespace that Keel runs in. */
  readonly namespace: string;
  /**
   * The one account that Keel acts as; undefined where it has one for each namespace that it watches.
   * @default - one account for each watched namespace
   */
  readonly serviceAccountName?: string;
  /** Has a namespace watched, and says as whom Keel acts there. */
  watch(request: WatchRequest): Subject;
}

/** Props of {@link Keel}. */
export interface KeelProps {
  /**
   * Keel's namespace.
   * @default 'keel'
   */
  readonly namespace?: string;
  /**
   * Keel's image. Older versions than 0.22.0 lose what is pushed while a build is held back.
   * @default ghcr.io/keel-hq/keel:0.22.1
   */
  readonly image?: ImageName;
  /**
   * Namespaces to watch for pipelines of other programs. Those of this one are watched by themselves.
   * @default - none
   */
  readonly namespaces?: readonly string[];
  /**
   * How often registries are polled, unless a build says otherwise.
   * @default Duration.minutes(1)
   */
  readonly pollInterval?: Duration;
  /**
   * Addresses of the API server, as CIDRs, for the network policy.
   * @default - any address on the ports of API servers
   */
  readonly apiServer?: readonly string[];
  /**
   * What it may connect to beside the registries of what it watches.
   * @default - any address of the internet
   */
  readonly egress?: readonly Egress[];
  /**
   * Resources of each of Keel's containers.
   * @default - 50m to 500m CPU, 64 to 256 MiB of memory
   */
  readonly resources?: ContainerResources;
}

/** What Keel's RESTRICTED_NAMESPACE takes for no restriction. */
const ALL_NAMESPACES = 'keel';

const NAME = 'keel';
const PODS = { [KeelsonLabels.STAGE]: 'keel' } as const;
/** The user that Keel's image runs as. */
const UID = 666;

/**
 * Keel, which sees new images in a registry and rolls the Deployments that use them. One Keel runs for
 * each namespace with a watched build and may act in that namespace only: Keel can be told to keep to one
 * namespace or to none, and the latter would need rights over every Deployment of the cluster.
 *
 * Keel's webhooks, which need no authentication and roll without a new digest, are reachable by nobody.
 *
 * @see https://keel.sh/docs/
 * @example
 * new Keel(chart, 'keel');
 */
export class Keel extends Construct implements KeelReference {
  /** Refers to a Keel that is installed already, for example by its Helm chart. */
  static existing(props: { readonly namespace: string; readonly serviceAccountName: string }): KeelReference {
    const { namespace, serviceAccountName } = props;
    return { namespace, serviceAccountName, watch: () => ({ namespace, serviceAccountName }) };
  }

  readonly namespace: string;
  /** The namespace's objects. */
  readonly isolation: IsolatedNamespace;
  /** Keel's Deployments by the namespace that each watches. */
  readonly deployments: ReadonlyMap<string, ApiObject>;
  readonly #props: KeelProps;
  readonly #image: ImageName;
  readonly #deployments: Map<string, ApiObject> = new Map();
  readonly #requests: WatchRequest[] = [];
  /** Watched namespaces with a registry that speaks plain HTTP. */
  readonly #insecure: Set<string> = new Set();

  constructor(scope: Construct, id: string, props: KeelProps = {}) {
    super(scope, id);
    this.#props = props;
    this.#image = props.image ?? defaultImage(this, 'ghcr.io/keel-hq/keel:0.22.1');
    this.namespace = props.namespace ?? 'keel';
    this.deployments = this.#deployments;
    reportProblems(this, [
      ...this.#image.problems('image'),
      ...resourceProblems('resources', props.resources),
      ...durationProblems('pollInterval', props.pollInterval, 2, 86_400),
      ...egressProblems('egress', props.egress),
    ]);

    this.isolation = new IsolatedNamespace(this, 'namespace', {
      name: this.namespace,
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({ 'count/pods': '50', 'limits.cpu': '16', 'limits.memory': '16Gi' }),
    });
    networkPolicy(this, 'network-policy', {
      name: NAME,
      namespace: this.namespace,
      pods: PODS,
      egress: () => [
        toDns(),
        toApiServer(props.apiServer),
        ...toInternet(props.egress),
        ...to(unique(this.#requests.flatMap(({ registry }) => registry?.destinations ?? []))),
      ],
    });
    for (const namespace of props.namespaces ?? []) {
      checkNamespace(this, namespace, 'namespaces');
      if (namespace === ALL_NAMESPACES) this.#reportAllNamespaces();
      this.#deploy(namespace);
    }
  }

  watch(request: WatchRequest): Subject {
    if (request.namespace === ALL_NAMESPACES) this.#reportAllNamespaces();
    this.#requests.push(request);
    if (request.registry?.insecure) this.#insecure.add(request.namespace);
    if (!this.#deployments.has(request.namespace)) this.#deploy(request.namespace);
    if (request.policy.readsNodes) this.#grantNodes(request.namespace);
    return this.#subject(request.namespace);
  }

  #reportAllNamespaces(): void {
    reportProblem(this, {
      property: 'namespaces',
      value: ALL_NAMESPACES,
      message: 'means every namespace to Keel, in which it has no rights',
      remedy: 'give the namespace that builds another name',
    });
  }

  #subject(namespace: string): Subject {
    return { namespace: this.namespace, serviceAccountName: toDnsLabel(`${NAME}-${namespace}`) };
  }

  #deploy(watched: string): void {
    const { serviceAccountName: name } = this.#subject(watched);
    const { namespace } = this;
    const selector = { ...PODS, 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/instance': name };
    serviceAccount(this, `watch-${watched}-service-account`, name, namespace);
    const deployment = workload(this, `watch-${watched}`, {
      name,
      namespace,
      labels: { ...partLabels(NAME, 'keel'), 'app.kubernetes.io/instance': name },
      selector,
      uid: UID,
      serviceAccountName: name,
      replicas: 1,
      container: () => this.#container(watched),
      volumes: () => [apiTokenVolume(), scratchVolume('data', '64Mi'), scratchVolume('tmp', '64Mi')],
    });
    this.#deployments.set(watched, deployment);
  }

  #container(watched: string): ReturnType<Parameters<typeof workload>[2]['container']> {
    const health = { httpGet: { path: '/healthz', port: 9300 } };
    const seconds = (this.#props.pollInterval ?? Duration.minutes(1)).toSeconds({ integral: false });
    return {
      name: NAME,
      image: this.#image.toString(),
      imagePullPolicy: 'IfNotPresent',
      command: ['/bin/keel'],
      env: [
        { name: 'RESTRICTED_NAMESPACE', value: watched },
        { name: 'POLL', value: 'true' },
        { name: 'POLL_DEFAULTSCHEDULE', value: `@every ${seconds}s` },
        { name: 'HELM3_PROVIDER', value: 'false' },
        { name: 'NOTIFICATION_LEVEL', value: 'info' },
        { name: 'XDG_DATA_HOME', value: '/data' },
        ...(this.#insecure.has(watched) ? [{ name: 'INSECURE_REGISTRY', value: 'true' }] : []),
      ],
      ports: [{ name: 'http', containerPort: 9300, protocol: 'TCP' }],
      readinessProbe: { ...health, periodSeconds: 10 },
      livenessProbe: { ...health, initialDelaySeconds: 30, periodSeconds: 10, timeoutSeconds: 10 },
      resources: resourceRequirements(this.#props.resources, {
        cpu: { request: { amount: '50m' }, limit: { amount: '500m' } },
        memory: { request: Size.mebibytes(64), limit: Size.mebibytes(256) },
        ephemeralStorage: { request: Size.mebibytes(32), limit: Size.mebibytes(256) },
      }),
      volumeMounts: [
        apiTokenMount(),
        { name: 'data', mountPath: '/data' },
        { name: 'tmp', mountPath: '/tmp' },
      ],
    };
  }

  #grantNodes(watched: string): void {
    const { namespace, serviceAccountName } = this.#subject(watched);
    const name = toDnsLabel(`${namespace}-${serviceAccountName}-nodes`);
    if (this.node.tryFindChild(name) !== undefined) return;
    kubeObject<ClusterRole>(this, name, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name },
      rules: lazy(() => [every('', ['nodes'], ['get', 'list', 'watch'])]),
    });
    kubeObject<ClusterRoleBinding>(this, `${name}-binding`, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
    });
  }
}

/** The same destination once, however many builds asked for it. */
function unique(destinations: readonly Destination[]): Destination[] {
  return [...new Map(destinations.map((destination) => [JSON.stringify(destination), destination])).values()];
}
