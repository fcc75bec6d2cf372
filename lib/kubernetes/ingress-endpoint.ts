import type { ApiObject } from 'cdk8s';
import type { Construct } from 'constructs';
import type { Ingress, NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import { cidrProblems } from './cidr.ts';
import { isDnsLabel, isDnsSubdomain } from './names.ts';
import { kubeObject, lazy } from './object.ts';
import { type Problem, problemsWhenKnown } from './problem.ts';
import { declareSecretUse } from './secret-use.ts';

/** The pods or, for a controller in the network of its nodes, the addresses that webhooks come through. */
export type IngressControllerPeer =
  | {
      /** The namespace of the ingress controller. */
      readonly namespace: string;
      /**
       * Labels of its pods.
       * @default - every pod of the namespace
       */
      readonly labels?: Readonly<Record<string, string>>;
    }
  | {
      /** Addresses of the ingress controller, as CIDRs. */
      readonly cidrs: readonly string[];
    };

/** A host name at which something of the cluster is told by webhooks, and what leads from there to it. */
export interface IngressEndpoint {
  /** The host name at which it is told, such as `keel-my-project.example.com`. */
  readonly host: string;
  /** Who may connect to it. */
  readonly ingressController: IngressControllerPeer;
  /**
   * The class of the Ingress.
   * @default - the cluster's default class
   */
  readonly ingressClassName?: string;
  /**
   * The Secret with the host's certificate, in the namespace of what is told. Without TLS the password, or the
   * secret that some senders show, could be read.
   * @default - the ingress controller's default certificate
   */
  readonly tlsSecretName?: string;
  /**
   * Annotations of the Ingress, such as the issuer of its certificate or addresses that are let through.
   * @default - none
   */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface IngressOptions {
  /** The name of the Ingress, and of the Service that it leads to. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoint: IngressEndpoint;
  /** The name of the Service's port. */
  readonly port: string;
  readonly pathType: 'Exact' | 'Prefix';
  readonly paths: () => readonly string[];
  /** The property by which the endpoint was given. */
  readonly property: string;
}

/** An Ingress with TLS, which leads from a host and its paths to a Service of the same name. */
export function ingress(scope: Construct, id: string, options: IngressOptions): ApiObject {
  const { name, namespace, labels, endpoint, port, pathType, paths, property } = options;
  const { host, ingressClassName, tlsSecretName, annotations } = endpoint;
  for (const key of tlsSecretName === undefined ? [] : ['tls.crt', 'tls.key']) {
    declareSecretUse(scope, {
      secretName: tlsSecretName as string,
      namespace,
      key,
      type: 'kubernetes.io/tls',
      property: `${property}.tlsSecretName`,
      optional: false,
    });
  }
  return kubeObject<Ingress>(scope, id, {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name,
      namespace,
      labels: { ...labels },
      ...(annotations !== undefined && { annotations: { ...annotations } }),
    },
    spec: lazy(() => ({
      ...(ingressClassName !== undefined && { ingressClassName }),
      tls: [{ hosts: [host], ...(tlsSecretName !== undefined && { secretName: tlsSecretName }) }],
      rules: [
        {
          host,
          http: {
            paths: paths().map((path) => ({
              path,
              pathType,
              backend: { service: { name, port: { name: port } } },
            })),
          },
        },
      ],
    })),
  });
}

/** An ingress controller as network policies name it. */
export function ingressPeers(peer: IngressControllerPeer | undefined): NetworkPolicyPeer[] {
  if (peer === undefined) return [];
  if ('cidrs' in peer) return peer.cidrs.map((cidr) => ({ ipBlock: { cidr } }));
  const { namespace, labels } = peer;
  return [
    {
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
      ...(labels !== undefined && { podSelector: { matchLabels: { ...labels } } }),
    },
  ];
}

/** Who is told at an endpoint, and an example of a host name for it. */
export interface Told {
  readonly who: string;
  readonly host: string;
}

/** What is wrong with where somebody is told. */
export function ingressEndpointProblems(property: string, endpoint: IngressEndpoint, told: Told): Problem[] {
  return [
    ...hostProblems(`${property}.host`, endpoint.host, told.host),
    ...nameProblems(property, endpoint),
    ...peerProblems(`${property}.ingressController`, endpoint.ingressController, told.who),
    ...annotationProblems(`${property}.annotations`, endpoint.annotations ?? {}),
  ];
}

function hostProblems(property: string, host: unknown, example: string): Problem[] {
  return problemsWhenKnown(property, host, (known) => {
    if (typeof known === 'string' && known.includes('.') && isDnsSubdomain(known)) return [];
    return [
      { property, value: known, message: 'is not a host name', remedy: `give a whole name ${example}` },
    ];
  });
}

function nameProblems(property: string, endpoint: IngressEndpoint): Problem[] {
  return (['ingressClassName', 'tlsSecretName'] as const).flatMap((key) => {
    const value: unknown = endpoint[key];
    if (value === undefined || (typeof value === 'string' && isDnsSubdomain(value))) return [];
    const message = 'is not a valid name';
    const remedy = 'use lower-case letters, digits, "-" and "."';
    return [{ property: `${property}.${key}`, value, message, remedy }];
  });
}

function peerProblems(property: string, peer: IngressControllerPeer | undefined, who: string): Problem[] {
  if (peer !== undefined && 'cidrs' in peer && Array.isArray(peer.cidrs) && peer.cidrs.length > 0)
    return cidrProblems(`${property}.cidrs`, peer.cidrs);
  const namespace: unknown = peer !== undefined && 'namespace' in peer ? peer.namespace : undefined;
  if (typeof namespace === 'string' && isDnsLabel(namespace)) return [];
  return [
    {
      property,
      value: peer,
      message: `does not say whose pods may connect to ${who}`,
      remedy: "give the namespace of the ingress controller, such as { namespace: 'ingress' }",
    },
  ];
}

function annotationProblems(property: string, annotations: Readonly<Record<string, unknown>>): Problem[] {
  return Object.entries(annotations)
    .filter(([, value]) => typeof value !== 'string')
    .map(([key, value]) => ({
      property: `${property}.${key}`,
      value,
      message: 'is no text',
      remedy: 'write numbers and booleans as texts, such as "1" or "true"',
    }));
}
