import type { ApiObject, Duration } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { defaultImage } from '../image/default-image.ts';
import type { ImageName } from '../image/image-name.ts';
import { certificateProblems } from '../kubernetes/certificates.ts';
import { egressProblems } from '../kubernetes/cidr.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { BEHIND_SERVICE } from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters } from '../kubernetes/linters.ts';
import { checkNamespace, IsolatedNamespace } from '../kubernetes/namespace.ts';
import {
  distinct,
  type Egress,
  networkPolicy,
  to,
  toApiServer,
  toDns,
  toInternet,
} from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { PodSecurity } from '../kubernetes/pod-security.ts';
import { reportProblem, reportProblems, reportWarning } from '../kubernetes/problem.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import { type ContainerResources, resourceProblems } from '../kubernetes/resources.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { workload } from '../kubernetes/workload.ts';
import { sound } from '../props/sound.ts';
import { certificateFiles } from './certificate-authorities.ts';
import {
  DEFAULT_KEEL_IMAGE,
  KEEL_EXCEPTIONS,
  KEEL_UID,
  keelContainer,
  keelVolumes,
} from './keel-container.ts';
import {
  type KeelReference,
  keelAccount,
  type WatchedRegistry,
  type WatchRequest,
} from './keel-reference.ts';
import { KeelWebhook } from './keel-webhook.ts';
import { NamespaceWatch } from './namespace-watch.ts';
import { grantNodes } from './nodes-grant.ts';
import type { WebhookEndpoint } from './webhook-endpoint.ts';

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
   * Namespaces to watch for pipelines of other programs: a name, or more where a pipeline's images are not in
   * `registry`, it has a policy by which tags may change, or it is told by a webhook. Those of this program are
   * watched by themselves.
   * @default - none
   */
  readonly namespaces?: readonly (string | WatchRequest)[];
  /**
   * The registry with the images of `namespaces`.
   * @default - the platform's; without a platform, Keel reaches registries on the internet only
   */
  readonly registry?: WatchedRegistry;
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

/**
 * Keel, which sees new images in a registry and rolls the Deployments that use them. One Keel runs for
 * each namespace with a watched build and may act in that namespace only: Keel can be told to keep to one
 * namespace or to none, and the latter would need rights over every Deployment of the cluster.
 *
 * Keel's webhooks, which roll without a new digest, are reachable by nobody, but for those that a trigger
 * asks for: these by the ingress controller alone, with a password.
 *
 * @see https://keel.sh/docs/
 * @example
 * new Keel(chart, 'keel');
 */
export class Keel extends Construct implements KeelReference {
  /** Refers to a Keel with one account that is installed already, for example by its Helm chart. */
  static existing(props: { readonly namespace: string; readonly serviceAccountName: string }): KeelReference {
    const { namespace, serviceAccountName }: typeof props = props ?? {};
    return { namespace, serviceAccountName, watch: () => ({ namespace, serviceAccountName }) };
  }

  /**
   * Refers to the Keel that another program installed with this library, with an account for each namespace
   * that it watches. That program has to list the pipeline's namespace in `namespaces`. The namespace is Keel's.
   */
  static installed(props: { readonly namespace?: string } = {}): KeelReference {
    const namespace = props?.namespace ?? 'keel';
    return { namespace, watch: (request) => keelAccount(namespace, request.namespace) };
  }

  readonly namespace: string;
  /** The namespace's objects. */
  readonly isolation: IsolatedNamespace;
  /** Keel's Deployments by the namespace that each watches. */
  readonly deployments: ReadonlyMap<string, ApiObject>;
  /** What lets webhooks through, by the watched namespace; only where a trigger asks for it. */
  readonly webhooks: ReadonlyMap<string, KeelWebhook>;
  readonly #props: KeelProps;
  readonly #image: ImageName;
  readonly #deployments: Map<string, ApiObject> = new Map();
  readonly #webhooks: Map<string, KeelWebhook> = new Map();
  readonly #watches: Map<string, NamespaceWatch> = new Map();
  /** The watched namespace behind each host. */
  readonly #hosts: Map<string, string> = new Map();

  constructor(scope: Construct, id: string, given: KeelProps = {}) {
    super(scope, id);
    const props = sound(this, 'KeelProps', given);
    this.#props = props;
    this.#image = props.image ?? defaultImage(this, DEFAULT_KEEL_IMAGE);
    this.namespace = props.namespace ?? 'keel';
    this.deployments = this.#deployments;
    this.webhooks = this.#webhooks;
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
        ...to(distinct(this.#requests().flatMap(({ registry }) => registry?.destinations ?? []))),
      ],
    });
    for (const [index, listed] of (props.namespaces ?? []).entries()) this.#list(listed, index);
  }

  watch(request: WatchRequest): Subject {
    const { namespace, policy, trigger, registry } = request;
    if (namespace === ALL_NAMESPACES) this.#reportAllNamespaces();
    const known = this.#watches.get(namespace);
    const watch =
      known ?? new NamespaceWatch(namespace, keelAccount(this.namespace, namespace), this.#watches.size);
    this.#watches.set(namespace, watch);
    watch.requests.push(request);
    if (known === undefined) this.#deploy(watch);
    if (policy?.readsNodes) grantNodes(this, `nodes-${watch.id}`, watch.account);
    if (registry?.certificateAuthority !== undefined) this.#trust(watch, registry.certificateAuthority);
    if (trigger?.endpoint !== undefined) this.#expose(watch, trigger.endpoint);
    return watch.account;
  }

  #requests(): WatchRequest[] {
    return [...this.#watches.values()].flatMap(({ requests }) => requests);
  }

  /** Watches for a pipeline of another program. */
  #list(listed: string | WatchRequest, index: number): void {
    const { registry } = this.#props;
    const property = typeof listed === 'string' ? 'namespaces' : `namespaces[${index}]`;
    const request: WatchRequest = typeof listed === 'string' ? { namespace: listed } : listed;
    const { policy, trigger } = request ?? {};
    reportProblems(this, [
      ...(policy?.problems(`${property}.policy`) ?? []),
      ...(trigger?.problems(`${property}.trigger`) ?? []),
    ]);
    checkNamespace(this, String(request?.namespace ?? ''), property);
    if (typeof request?.namespace !== 'string') return;
    this.watch({ ...(registry !== undefined && { registry }), ...request });
  }

  #reportAllNamespaces(): void {
    reportProblem(this, {
      property: 'namespaces',
      value: ALL_NAMESPACES,
      message: 'means every namespace to Keel, in which it has no rights',
      remedy: 'give the namespace that builds another name',
    });
  }

  #deploy(watch: NamespaceWatch): void {
    const { namespace: watched, account } = watch;
    const { namespace, serviceAccountName: name } = account;
    serviceAccount(this, `watch-${watch.id}-service-account`, name, namespace);
    const deployment = workload(this, `watch-${watch.id}`, {
      name,
      namespace,
      labels: { ...partLabels(NAME, 'keel'), 'app.kubernetes.io/instance': name },
      selector: podsOf(account),
      uid: KEEL_UID,
      serviceAccountName: name,
      replicas: 1,
      container: () => keelContainer(this.#image, watch, this.#props),
      volumes: () => keelVolumes(watch),
      linterExceptions: KEEL_EXCEPTIONS,
    });
    this.#deployments.set(watched, deployment);
  }

  /** Private authorities of a registry, beside the public ones. */
  #trust(watch: NamespaceWatch, authority: string): void {
    const given = watch.requests.filter(({ registry }) => registry?.certificateAuthority === authority);
    if (given.length > 1) return;
    reportProblems(this, certificateProblems('registry.certificateAuthority', authority));
    if (watch.certificates !== undefined) return;
    watch.certificates = kubeObject<ConfigMap>(this, `certificates-${watch.id}`, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: watch.certificatesName, namespace: this.namespace },
      data: lazy(() => certificateFiles(watch.authorities)),
    });
    reportWarning(this, () => watch.unusedAuthority);
  }

  /** Lets the registry's webhook through. */
  #expose(watch: NamespaceWatch, endpoint: WebhookEndpoint): void {
    if (watch.webhook !== undefined) {
      watch.webhook.accept(endpoint);
      return;
    }
    // Without a host, which is reported already, there is nothing to make.
    if (typeof endpoint.host !== 'string') return;
    const { serviceAccountName: name } = watch.account;
    this.#checkHost(watch.namespace, endpoint.host);
    watch.webhook = new KeelWebhook(this, `webhook-${watch.id}`, {
      name,
      namespace: this.namespace,
      labels: { ...partLabels(NAME, 'keel'), 'app.kubernetes.io/instance': name },
      pods: podsOf(watch.account),
      endpoint,
    });
    this.#webhooks.set(watch.namespace, watch.webhook);
    const deployment = this.#deployments.get(watch.namespace);
    if (deployment === undefined) return;
    const reason = 'two Keels of one namespace would get in the way of each other';
    exceptFromLinters(deployment, { checks: BEHIND_SERVICE, reason });
  }

  #checkHost(watched: string, host: string): void {
    if (!this.#hosts.has(host)) {
      this.#hosts.set(host, watched);
      return;
    }
    reportProblem(this, {
      property: 'trigger.host',
      value: host,
      message: `leads to the Keel of ${this.#hosts.get(host)} already, and not to that of ${watched}`,
      remedy: 'give the webhook of each namespace a host of its own',
    });
  }
}

/** The labels of the pods of one Keel. */
function podsOf({ serviceAccountName }: Subject): Record<string, string> {
  return { ...PODS, 'app.kubernetes.io/name': NAME, 'app.kubernetes.io/instance': serviceAccountName };
}
