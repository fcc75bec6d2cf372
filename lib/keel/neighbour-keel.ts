import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import type { ClusterRoleBinding } from 'kubernetes-types/rbac/v1.d.ts';
import { defaultImage } from '../image/default-image.ts';
import { certificateProblems } from '../kubernetes/certificates.ts';
import { durationProblems } from '../kubernetes/durations.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { type Egress, networkPolicy, to, toApiServer, toDns, toInternet } from '../kubernetes/network.ts';
import { kubeObject, lazy } from '../kubernetes/object.ts';
import { reportProblems } from '../kubernetes/problem.ts';
import type { Subject } from '../kubernetes/rbac.ts';
import { resourceProblems } from '../kubernetes/resources.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { type WorkloadContainer, workload } from '../kubernetes/workload.ts';
import { listenerNodesRole } from '../platform/listener-roles.ts';
import { certificateFiles } from './certificate-authorities.ts';
import type { NeighbourKeelProps } from './hand-over-props.ts';
import {
  DEFAULT_KEEL_IMAGE,
  KEEL_EXCEPTIONS,
  KEEL_UID,
  keelContainer,
  keelVolumes,
} from './keel-container.ts';
import type { WatchRequest } from './keel-reference.ts';
import { NamespaceWatch } from './namespace-watch.ts';

export interface NeighbourKeelOptions extends NeighbourKeelProps {
  /** The build that it watches. */
  readonly build: string;
  readonly request: WatchRequest;
  readonly platformName: string;
  readonly apiServer: readonly string[] | undefined;
  readonly egress: readonly Egress[] | undefined;
}

/**
 * A Keel in the very namespace of the build that it watches. Nothing in it knows that namespace by name, so that a
 * listener in another one has the same.
 */
export class NeighbourKeel extends Construct {
  /** As whom it acts. */
  readonly account: Subject;
  /** Its Deployment. */
  readonly deployment: ApiObject;

  constructor(scope: Construct, id: string, options: NeighbourKeelOptions) {
    super(scope, id);
    const { request, apiServer } = options;
    const { namespace, policy, registry } = request;
    const name = `${options.build}-keel`;
    const image = options.image ?? defaultImage(this, DEFAULT_KEEL_IMAGE);
    this.account = { namespace, serviceAccountName: name };
    reportProblems(this, [
      ...image.problems('handOver.keel.image'),
      ...resourceProblems('handOver.keel.resources', options.resources),
      ...durationProblems('handOver.keel.pollInterval', options.pollInterval, 2, 86_400),
    ]);
    const watch = new NamespaceWatch(namespace, this.account);
    watch.requests.push(request);
    const pods = { [KeelsonLabels.STAGE]: 'keel', 'app.kubernetes.io/name': name };
    serviceAccount(this, 'service-account', name, namespace);
    networkPolicy(this, 'network-policy', {
      name,
      namespace,
      pods,
      egress: () => [
        toDns(),
        toApiServer(apiServer),
        ...toInternet(options.egress),
        ...to(registry?.destinations ?? []),
      ],
    });
    this.deployment = workload(this, 'Resource', {
      name,
      namespace,
      labels: partLabels(name, 'keel'),
      selector: pods,
      uid: KEEL_UID,
      serviceAccountName: name,
      replicas: 1,
      linterExceptions: KEEL_EXCEPTIONS,
      container: () => withoutName(keelContainer(image, watch, options)),
      volumes: () => keelVolumes(watch),
    });
    if (registry?.certificateAuthority !== undefined) this.#trust(watch, registry.certificateAuthority);
    if (policy?.readsNodes) this.#readNodes(options.platformName);
  }

  #trust(watch: NamespaceWatch, authority: string): void {
    reportProblems(this, certificateProblems('registry.certificateAuthority', authority));
    watch.certificates = kubeObject<ConfigMap>(this, 'certificates', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: watch.certificatesName, namespace: watch.namespace },
      data: lazy(() => certificateFiles(watch.authorities)),
    });
  }

  /** The role is the platform's, for the controller to bind for listeners. */
  #readNodes(platformName: string): void {
    const { namespace, serviceAccountName } = this.account;
    kubeObject<ClusterRoleBinding>(this, 'nodes', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: `${namespace}-${serviceAccountName}-nodes` },
      roleRef: {
        apiGroup: 'rbac.authorization.k8s.io',
        kind: 'ClusterRole',
        name: listenerNodesRole(platformName),
      },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
    });
  }
}

/** The watched namespace is the pod's own. */
function withoutName(container: WorkloadContainer): WorkloadContainer {
  return {
    ...container,
    env: (container.env ?? []).map((variable) =>
      variable.name === 'RESTRICTED_NAMESPACE'
        ? { name: variable.name, valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }
        : variable,
    ),
  };
}
