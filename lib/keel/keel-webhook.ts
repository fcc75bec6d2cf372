import type { ApiObject } from 'cdk8s';
import { Construct } from 'constructs';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import { secretVariable } from '../kubernetes/environment.ts';
import { GeneratedSecret } from '../kubernetes/generated-secret.ts';
import { ingress, ingressPeers } from '../kubernetes/ingress-endpoint.ts';
import { toDnsLabel } from '../kubernetes/names.ts';
import { networkPolicy, tcp } from '../kubernetes/network.ts';
import { hidden, reportProblem } from '../kubernetes/problem.ts';
import { type SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { service } from '../kubernetes/service.ts';
import { sound } from '../props/sound.ts';
import { KEEL_PORT } from './keel-container.ts';
import { type WebhookEndpoint, webhookPath } from './webhook-endpoint.ts';

/** Props of {@link KeelWebhook}. */
export interface KeelWebhookProps {
  /** The name of Service, Ingress and network policy: that of the Keel that is told. */
  readonly name: string;
  /** Keel's namespace. */
  readonly namespace: string;
  /** Labels of the objects. */
  readonly labels: Readonly<Record<string, string>>;
  /** The labels of that Keel's pods. */
  readonly pods: Readonly<Record<string, string>>;
  /** Where it is told. */
  readonly endpoint: WebhookEndpoint;
}

/**
 * What lets the registry's webhook through to the Keel of one namespace: a Service, an Ingress with the
 * webhooks' paths and nothing else, and a network policy for the ingress controller alone.
 */
export class KeelWebhook extends Construct {
  /** The Service of Keel's port. */
  readonly service: ApiObject;
  /** The Ingress with the host. */
  readonly ingress: ApiObject;
  /** What lets the ingress controller connect. */
  readonly networkPolicy: ApiObject;
  readonly #props: KeelWebhookProps;
  readonly #endpoints: WebhookEndpoint[] = [];
  readonly #secrets: Map<SecretSource, SecretReference> = new Map();
  #credentials: readonly [user: SecretReference, password: SecretReference] | undefined;

  constructor(scope: Construct, id: string, given: KeelWebhookProps) {
    super(scope, id);
    const props = sound(this, 'KeelWebhookProps', given, {
      endpoint: { from: 'native', host: 'missing', ingressController: { cidrs: [] } },
    });
    this.#props = props;
    const { name, namespace, labels, pods, endpoint } = props;
    this.accept(endpoint);
    this.service = service(this, 'service', {
      name,
      namespace,
      labels,
      selector: pods,
      ports: [{ name: 'http', port: KEEL_PORT, targetPort: 'http', protocol: 'TCP' }],
    });
    this.ingress = ingress(this, 'Resource', {
      name,
      namespace,
      labels,
      endpoint,
      port: 'http',
      pathType: 'Exact',
      paths: () => this.#paths,
      property: 'trigger',
    });
    this.networkPolicy = networkPolicy(this, 'network-policy', {
      name: `${name}-webhook`,
      namespace,
      pods,
      ingress: () => [{ from: ingressPeers(endpoint.ingressController), ports: tcp(KEEL_PORT) }],
    });
  }

  /** Lets a further endpoint of the same namespace through, which may differ in its sender only. */
  accept(endpoint: WebhookEndpoint): void {
    const [first] = this.#endpoints;
    if (this.#endpoints.includes(endpoint)) return;
    this.#endpoints.push(endpoint);
    const bound = this.#bind(endpoint);
    if (first !== undefined) this.#compare(first, endpoint);
    if (bound === undefined) return;
    this.#credentials ??= bound;
    if (JSON.stringify(bound) !== JSON.stringify(this.#credentials))
      this.#reportDifference('credentials', hidden);
  }

  /** The variables by which Keel asks for a password, and knows what stands before Artifactory's names. */
  environment(): EnvVar[] {
    const prefix = this.#endpoints.find(({ imagePrefix }) => imagePrefix !== undefined)?.imagePrefix;
    const [user, password] = this.#credentials ?? [];
    return [
      ...(prefix === undefined ? [] : [{ name: 'PRIVATE_REGISTRY', value: prefix }]),
      ...(user === undefined || password === undefined
        ? []
        : [
            { name: 'AUTHENTICATED_WEBHOOKS', value: 'true' },
            secretVariable('BASIC_AUTH_USER', user),
            secretVariable('BASIC_AUTH_PASSWORD', password),
            // Unless it is told one, Keel makes the key that signs its tokens from the time at which it starts.
            secretVariable('TOKEN_SECRET', password),
          ]),
    ];
  }

  get #paths(): string[] {
    return [...new Set(this.#endpoints.map(({ from }) => webhookPath(from)))].sort();
  }

  #bind({ credentials }: WebhookEndpoint): [SecretReference, SecretReference] | undefined {
    const { user, password } = credentials ?? {};
    if (!(user instanceof SecretSource) || !(password instanceof SecretSource)) return undefined;
    const reference = (source: SecretSource, part: 'user' | 'password'): SecretReference => {
      const known = this.#secrets.get(source);
      if (known !== undefined) return known;
      const id = toDnsLabel(
        `${this.#props.name}-webhook-${part}${this.#secrets.size < 2 ? '' : `-${this.#secrets.size}`}`,
      );
      const property = `trigger.credentials.${part}`;
      const bound = source.bind(this, id, property, { namespace: this.#props.namespace });
      this.#secrets.set(source, bound);
      this.#checkSecret(property, id, bound);
      return bound;
    };
    return [reference(user, 'user'), reference(password, 'password')];
  }

  #checkSecret(property: string, id: string, { optional }: SecretReference): void {
    const generated = this.node.tryFindChild(id) instanceof GeneratedSecret;
    if (!generated && !optional) return;
    reportProblem(this, {
      property,
      value: hidden,
      message: generated
        ? "is made by nobody: the controller fills the Secrets of pipelines' namespaces, and this is Keel's"
        : 'is optional, and without it Keel would let everybody in',
      remedy: generated ? 'make a Secret and give SecretSource.existing(name, key)' : 'leave optional out',
    });
  }

  #compare(first: WebhookEndpoint, other: WebhookEndpoint): void {
    const keys = ['host', 'ingressClassName', 'tlsSecretName', 'ingressController', 'annotations'] as const;
    for (const key of keys) {
      if (JSON.stringify(first[key]) !== JSON.stringify(other[key])) this.#reportDifference(key, other[key]);
    }
    const prefixes = this.#endpoints.flatMap(({ imagePrefix }) => imagePrefix ?? []);
    if (new Set(prefixes).size > 1) this.#reportDifference('imagePrefix', other.imagePrefix);
  }

  #reportDifference(key: string, value: unknown): void {
    reportProblem(this, {
      property: `trigger.${key}`,
      value,
      message: 'differs from that of another build of the same namespace, with which it shares a Keel',
      remedy: 'give both the same, or a namespace of their own',
    });
  }
}
