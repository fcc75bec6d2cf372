import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { LimitRange, LimitRangeItem, Namespace, ResourceQuota } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import { sound } from '../props/sound.ts';
import { KeelsonAnnotations } from './labels.ts';
import { isDnsLabel } from './names.ts';
import { defaultDeny } from './network.ts';
import { kubeObject, lazy, type Typed } from './object.ts';
import { PodSecurity } from './pod-security.ts';
import { reportProblem } from './problem.ts';
import { quotaProblems } from './quota.ts';

/** Hard limits of a ResourceQuota, by resource name, such as `limits.memory` or `count/pods`. */
export type QuotaLimits = Readonly<Record<string, string>>;

export interface NamespaceOptions {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly podSecurity: PodSecurity;
  readonly quota: QuotaLimits;
}

/** What a container gets that states no resources of its own. */
const CONTAINER_DEFAULTS: LimitRangeItem = {
  type: 'Container',
  defaultRequest: { cpu: '50m', memory: '64Mi', 'ephemeral-storage': '64Mi' },
  default: { cpu: '500m', memory: '256Mi', 'ephemeral-storage': '1Gi' },
};

/**
 * GPUs are for the builds that ask for them, in whose namespaces the quota is raised by as much. Partitions have names
 * of their own, which no quota can list in advance.
 */
const NO_GPUS: QuotaLimits = { 'requests.nvidia.com/gpu': '0', 'requests.nvidia.com/gpu.shared': '0' };

/** A namespace that enforces a Pod Security level. */
export function namespaceObject({
  name,
  labels,
  podSecurity,
}: Omit<NamespaceOptions, 'quota'>): Typed<Namespace> {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      name,
      labels: { ...labels, ...podSecurity.labels },
      ...(podSecurity.reason !== undefined && {
        annotations: { [KeelsonAnnotations.POD_SECURITY_REASON]: podSecurity.reason },
      }),
    },
  };
}

/** The most that a namespace may take of the cluster. Without a word about GPUs, it is none. */
function quotaObject(namespace: string, quota: QuotaLimits): Typed<ResourceQuota> {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota', namespace },
    spec: { hard: { ...NO_GPUS, ...quota } },
  };
}

/** Resources for containers that state none: with a quota on limits, such a container would be refused. */
function limitRangeObject(namespace: string): Typed<LimitRange> {
  return {
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { name: 'defaults', namespace },
    spec: { limits: [CONTAINER_DEFAULTS] },
  };
}

/** A namespace and its fences, as plain objects for a job template. */
export function isolatedNamespaceObjects(
  options: NamespaceOptions,
): [Typed<Namespace>, Typed<ResourceQuota>, Typed<LimitRange>, Typed<NetworkPolicy>] {
  const { name, quota } = options;
  return [namespaceObject(options), quotaObject(name, quota), limitRangeObject(name), defaultDeny(name)];
}

/** Props of {@link IsolatedNamespace}. */
export interface IsolatedNamespaceProps {
  /** The namespace's name. */
  readonly name: string;
  /**
   * Labels of the namespace.
   * @default - none but that of its manager
   */
  readonly labels?: Readonly<Record<string, string>>;
  /** The level that the namespace enforces; asked at synthesis, when every stage is known. */
  readonly podSecurity: () => PodSecurity;
  /** What may be used in all; asked at synthesis, when every stage is known. */
  readonly quota: () => QuotaLimits;
}

/** A namespace with a Pod Security level, a quota, default resources, and no connection that is not allowed. */
export class IsolatedNamespace extends Construct {
  /** The Namespace. */
  readonly namespace: ApiObject;
  /** Its ResourceQuota. */
  readonly quota: ApiObject;
  /** The LimitRange with default resources. */
  readonly limitRange: ApiObject;
  /** The network policy that denies every connection. */
  readonly defaultDeny: ApiObject;

  constructor(scope: Construct, id: string, given: IsolatedNamespaceProps) {
    super(scope, id);
    const props = sound(this, 'IsolatedNamespaceProps', given, {
      podSecurity: () => PodSecurity.restricted(),
      quota: () => ({}),
    });
    const { name, podSecurity } = props;
    checkNamespace(this, name);
    const labels = { 'app.kubernetes.io/managed-by': 'keelson', ...props.labels };
    this.namespace = kubeObject<Namespace>(this, 'Resource', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        // The level is the highest that any stage needs, so it is known only when all have been added.
        labels: {
          ...labels,
          ...PodSecurity.restricted().labels,
          [PodSecurity.ENFORCE]: lazy(() => podSecurity().level),
        },
        annotations: { [KeelsonAnnotations.POD_SECURITY_REASON]: lazy(() => podSecurity().reason) },
      },
    });
    this.quota = kubeObject<ResourceQuota>(this, 'quota', {
      ...quotaObject(name, {}),
      spec: lazy(() => quotaObject(name, props.quota()).spec),
    });
    this.node.addValidation({ validate: () => quotaProblems(props.quota()) });
    this.limitRange = kubeObject<LimitRange>(this, 'limits', limitRangeObject(name));
    this.defaultDeny = kubeObject<NetworkPolicy>(this, 'default-deny', defaultDeny(name));
  }
}

/** Reports a namespace name that Kubernetes refuses, or that belongs to Kubernetes itself. */
export function checkNamespace(scope: Construct, name: string, property = 'namespace'): void {
  if (!isDnsLabel(name)) {
    reportProblem(scope, {
      property,
      value: name,
      message: 'is not a valid name of a namespace',
      remedy: 'use at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
    });
  } else if (name === 'default' || name.startsWith('kube-')) {
    reportProblem(scope, {
      property,
      value: name,
      message: 'is a namespace of Kubernetes itself',
      remedy: 'use a namespace of its own for each pipeline',
    });
  }
}
