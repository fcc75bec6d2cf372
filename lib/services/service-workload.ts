import type { ApiObject, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Volume } from 'kubernetes-types/core/v1.d.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { ONE_VOLUME, SCALED_AT_RUN_TIME } from '../kubernetes/linter-reasons.ts';
import { exceptFromLinters, type LinterException } from '../kubernetes/linters.ts';
import { type Destination, type NetworkPolicyPeer, networkPolicy, tcp } from '../kubernetes/network.ts';
import { lazy } from '../kubernetes/object.ts';
import { noteRunsWithBuild } from '../kubernetes/runs-with-build.ts';
import { service } from '../kubernetes/service.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { claimVolume, type WorkloadContainer, workload } from '../kubernetes/workload.ts';
import { isServiceUsed, whenServiceIsUsed } from './service-use.ts';

export interface ServiceWorkloadOptions {
  readonly name: string;
  readonly serviceName: string;
  readonly namespace: string;
  readonly uid: number;
  readonly ports: readonly { readonly name: string; readonly port: number }[];
  readonly storage: { readonly size: Size; readonly storageClassName?: string };
  readonly container: () => WorkloadContainer;
  readonly volumes: () => Volume[];
  /** From which checks of linters it is excepted, beside those that no service passes. */
  readonly linterExceptions?: readonly LinterException[];
  /** Pods beside those of builds that may connect. */
  readonly clients?: readonly NetworkPolicyPeer[];
}

/** The objects that every test service has. */
export interface ServiceWorkload {
  readonly deployment: ApiObject;
  readonly service: ApiObject;
  readonly claim: ApiObject;
  readonly destination: Destination;
}

/** The volume in which a service keeps its data. */
export const DATA_VOLUME = 'data';

/**
 * A Deployment with its Service, its volume, and a network policy by which only builds of the same namespace
 * reach it, and whoever it is told of, and it reaches nobody. Where a build uses it, the gate scales it; else it
 * always runs.
 */
export function serviceWorkload(scope: Construct, options: ServiceWorkloadOptions): ServiceWorkload {
  const { name, serviceName, namespace, uid, ports, storage, container, volumes, clients = [] } = options;
  const selector = { 'app.kubernetes.io/name': name, [KeelsonLabels.STAGE]: 'service' };
  const labels = partLabels(name, 'service');
  const numbers = ports.map(({ port }) => port);
  const claimName = `${name}-data`;
  serviceAccount(scope, 'service-account', name, namespace);
  networkPolicy(scope, 'network-policy', {
    name,
    namespace,
    pods: selector,
    ingress: () => [
      {
        from: [{ podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'build' } } }, ...clients],
        ports: tcp(...numbers),
      },
    ],
    // It answers and asks nobody, also in a namespace that does not deny what is not allowed.
    egress: () => [],
  });
  const deployment = workload(scope, 'Resource', {
    name,
    // The gate of a build scales its services, and no manifest fights over that. Others run all the time.
    replicas: lazy(() => (isServiceUsed(scope) ? undefined : 1)),
    namespace,
    labels,
    selector,
    uid,
    serviceAccountName: name,
    container,
    volumes: () => [claimVolume(DATA_VOLUME, claimName), ...volumes()],
    linterExceptions: [ONE_VOLUME, ...(options.linterExceptions ?? [])],
  });
  whenServiceIsUsed(scope, () => {
    exceptFromLinters(deployment, SCALED_AT_RUN_TIME);
    noteRunsWithBuild(deployment);
  });
  return {
    claim: volumeClaim(scope, 'claim', { name: claimName, namespace, labels }, 'storage', storage),
    service: service(scope, 'service', {
      name: serviceName,
      namespace,
      labels,
      selector,
      ports: ports.map((entry) => ({ ...entry, targetPort: entry.port, protocol: 'TCP' })),
    }),
    deployment,
    destination: { peers: [{ podSelector: { matchLabels: selector } }], ports: numbers },
  };
}
