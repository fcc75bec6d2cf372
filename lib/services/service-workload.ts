import type { ApiObject, Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Volume } from 'kubernetes-types/core/v1.d.ts';
import { KeelsonLabels, partLabels } from '../kubernetes/labels.ts';
import { ONE_VOLUME } from '../kubernetes/linter-reasons.ts';
import type { LinterException } from '../kubernetes/linters.ts';
import { type Destination, networkPolicy, tcp } from '../kubernetes/network.ts';
import { service } from '../kubernetes/service.ts';
import { serviceAccount } from '../kubernetes/service-account.ts';
import { volumeClaim } from '../kubernetes/storage.ts';
import { claimVolume, type WorkloadContainer, workload } from '../kubernetes/workload.ts';

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
 * A Deployment that the gate scales, with its Service, its volume, and a network policy by which only
 * builds of the same namespace reach it, and it reaches nobody.
 */
export function serviceWorkload(scope: Construct, options: ServiceWorkloadOptions): ServiceWorkload {
  const { name, serviceName, namespace, uid, ports, storage, container, volumes } = options;
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
        from: [{ podSelector: { matchLabels: { [KeelsonLabels.STAGE]: 'build' } } }],
        ports: tcp(...numbers),
      },
    ],
    // It answers and asks nobody, also in a namespace that does not deny what is not allowed.
    egress: () => [],
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
    // Without replicas: the gate scales it, and no manifest fights over it.
    deployment: workload(scope, 'Resource', {
      name,
      namespace,
      labels,
      selector,
      uid,
      serviceAccountName: name,
      container,
      volumes: () => [claimVolume(DATA_VOLUME, claimName), ...volumes()],
      linterExceptions: [ONE_VOLUME, ...(options.linterExceptions ?? [])],
    }),
    destination: { peers: [{ podSelector: { matchLabels: selector } }], ports: numbers },
  };
}
