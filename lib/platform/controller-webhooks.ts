import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import { WEBHOOKS_PATH, WEBHOOKS_PORT } from '../agent/configuration.ts';
import { type IngressEndpoint, ingress, ingressPeers } from '../kubernetes/ingress-endpoint.ts';
import { partLabels } from '../kubernetes/labels.ts';
import { networkPolicy, tcp } from '../kubernetes/network.ts';
import { service } from '../kubernetes/service.ts';
import { sound } from '../props/sound.ts';

/** The name of the port, of the container and of the Service. */
export const WEBHOOKS_PORT_NAME = 'webhooks';

/** Props of {@link ControllerWebhooks}. */
export interface ControllerWebhooksProps {
  /** The name of Service, Ingress and network policy: the controller's. */
  readonly name: string;
  /** The controller's namespace. */
  readonly namespace: string;
  /** The labels of its pods. */
  readonly pods: Readonly<Record<string, string>>;
  /** Where it is told. */
  readonly endpoint: IngressEndpoint;
}

/**
 * What lets the webhooks of git servers through to the controller: a Service, an Ingress with the path
 * `/webhooks/` and nothing else, and a network policy for the ingress controller alone.
 */
export class ControllerWebhooks extends Construct {
  /** The Service of the controller's port for webhooks. */
  readonly service: ApiObject;
  /** The Ingress with the host. */
  readonly ingress: ApiObject;
  /** What lets the ingress controller connect. */
  readonly networkPolicy: ApiObject;

  constructor(scope: Construct, id: string, given: ControllerWebhooksProps) {
    super(scope, id);
    const { name, namespace, pods, endpoint } = sound(this, 'ControllerWebhooksProps', given, {
      endpoint: { host: 'missing', ingressController: { cidrs: [] } },
    });
    const labels = partLabels(name, 'controller');
    this.service = service(this, 'service', {
      name,
      namespace,
      labels,
      selector: pods,
      ports: [
        { name: WEBHOOKS_PORT_NAME, port: WEBHOOKS_PORT, targetPort: WEBHOOKS_PORT_NAME, protocol: 'TCP' },
      ],
    });
    this.ingress = ingress(this, 'Resource', {
      name,
      namespace,
      labels,
      endpoint,
      port: WEBHOOKS_PORT_NAME,
      pathType: 'Prefix',
      paths: () => [WEBHOOKS_PATH],
      property: 'controller.webhooks',
    });
    this.networkPolicy = networkPolicy(this, 'network-policy', {
      name: `${name}-webhooks`,
      namespace,
      pods,
      ingress: () => [{ from: ingressPeers(endpoint.ingressController), ports: tcp(WEBHOOKS_PORT) }],
    });
  }
}
