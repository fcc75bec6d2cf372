import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Service, ServicePort } from 'kubernetes-types/core/v1.d.ts';
import { kubeObject } from './object.ts';

export interface ServiceOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  readonly type?: 'ClusterIP' | 'NodePort';
}

/** A Service; inside the cluster only unless its type says otherwise. */
export function service(scope: Construct, id: string, options: ServiceOptions): ApiObject {
  const { name, namespace, labels, selector, ports, type = 'ClusterIP' } = options;
  return kubeObject<Service>(scope, id, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...(namespace !== undefined && { namespace }), labels: { ...labels } },
    spec: { type, selector: { ...selector }, ports: [...ports] },
  });
}
