import { ImageName } from '../image/image-name.ts';
import { holdsDeferred } from '../kubernetes/deferred.ts';
import { type IngressEndpoint, ingressEndpointProblems } from '../kubernetes/ingress-endpoint.ts';
import { hidden, type Problem, problemsWhenKnown } from '../kubernetes/problem.ts';
import { SecretSource } from '../kubernetes/secret-source.ts';

/**
 * What tells Keel of a push, each in a format of its own: quay.io or a Quay, Docker Hub, GitHub's registry
 * ghcr.io, Harbor, Azure's registry, Artifactory, any program that writes Keel's own format (`native`), or a
 * registry by the notifications of Docker's distribution (`registry`).
 *
 * @see https://keel.sh/docs/#webhooks
 */
export type WebhookSender =
  | 'quay'
  | 'dockerhub'
  | 'github'
  | 'harbor'
  | 'azure'
  | 'jfrog'
  | 'native'
  | 'registry';

/** User and password that a webhook has to bring. */
export interface WebhookCredentials {
  /** The user. */
  readonly user: SecretSource;
  /** The password. */
  readonly password: SecretSource;
}

/**
 * Where a registry tells Keel of a push. Each namespace has a Keel of its own and so needs a host of its own;
 * builds of one namespace share host, Ingress and credentials, from any number of senders.
 */
export interface WebhookEndpoint extends IngressEndpoint {
  /** What tells. */
  readonly from: WebhookSender;
  /**
   * User and password, in Secrets of Keel's namespace, whose values must not be empty. Keel checks them for
   * every sender but `registry`. They are those of Keel's administrator, who can do more than this: nothing
   * but the webhook's path is led through.
   * @default - none, which only `registry` can do without
   */
  readonly credentials?: WebhookCredentials;
  /**
   * Why anybody who reaches the host may start builds of images that exist. `registry` asks for it, because
   * Keel takes the notifications of a registry from everybody.
   * @default - refused
   */
  readonly allowUnauthenticated?: string;
  /**
   * What stands before the image's name that Artifactory tells, for `jfrog` only: the registry, and the key of
   * the repository where that is part of the image's name, such as `example.jfrog.io/docker-local`.
   * @default - none, which `jfrog` can't do without
   */
  readonly imagePrefix?: string;
}

/** The path at which Keel listens to a sender. */
export function webhookPath(from: WebhookSender): string {
  return `/v1/webhooks/${from}`;
}

const SENDERS: readonly string[] = [
  'quay',
  'dockerhub',
  'github',
  'harbor',
  'azure',
  'jfrog',
  'native',
  'registry',
] satisfies WebhookSender[];

/** The one registry that a sender speaks of: Keel adds its name to what it is told. */
const ONLY_OF: Readonly<Partial<Record<WebhookSender, string>>> = {
  dockerhub: 'docker.io',
  github: 'ghcr.io',
};

const KEEL = { who: 'Keel', host: 'of its own for each namespace, such as keel-my-project.example.com' };

/** What is wrong with an endpoint. */
export function endpointProblems(property: string, endpoint: WebhookEndpoint): Problem[] {
  return [
    ...choiceProblems(property, endpoint),
    ...prefixProblems(property, endpoint),
    ...ingressEndpointProblems(property, endpoint, KEEL),
    ...credentialProblems(property, endpoint),
  ];
}

/** What is wrong with an endpoint for one image: that it never tells of it. */
export function senderProblems(property: string, endpoint: WebhookEndpoint, image: ImageName): Problem[] {
  return problemsWhenKnown(
    property,
    [image.toString(), endpoint.imagePrefix] as const,
    ([name, imagePrefix]) =>
      knownSenderProblems(
        property,
        endpoint.from,
        imagePrefix,
        holdsDeferred(image.toString()) ? ImageName.parse(name) : image,
      ),
  );
}

function knownSenderProblems(
  property: string,
  from: WebhookEndpoint['from'],
  imagePrefix: string | undefined,
  image: ImageName,
): Problem[] {
  const only = ONLY_OF[from];
  if (only !== undefined && image.registry !== only) {
    return [
      {
        property: `${property}.from`,
        value: from,
        message: `tells of images of ${only} only, and never of ${image}`,
        remedy: `name the sender of ${image.registry}, or use KeelTrigger.poll()`,
      },
    ];
  }
  if (imagePrefix === undefined || `${image.registry}/${image.repository}`.startsWith(`${imagePrefix}/`))
    return [];
  return [
    {
      property: `${property}.imagePrefix`,
      value: imagePrefix,
      message: `is not the beginning of ${image}`,
      remedy: 'give the registry, or registry and key of the repository',
    },
  ];
}

function prefixProblems(property: string, { from, imagePrefix }: WebhookEndpoint): Problem[] {
  if ((from === 'jfrog') === (typeof imagePrefix === 'string' && imagePrefix !== '')) return [];
  return [
    {
      property: `${property}.imagePrefix`,
      value: imagePrefix,
      message: from === 'jfrog' ? 'is missing: Artifactory tells no registry' : 'is for jfrog only',
      remedy:
        from === 'jfrog'
          ? 'give what stands before its names, such as example.jfrog.io/docker-local'
          : 'leave it out',
    },
  ];
}

function choiceProblems(property: string, { from }: WebhookEndpoint): Problem[] {
  if (SENDERS.includes(from)) return [];
  const remedy = `use one of ${SENDERS.join(', ')}`;
  return [{ property: `${property}.from`, value: from, message: 'is nothing that Keel listens to', remedy }];
}

function credentialProblems(property: string, endpoint: WebhookEndpoint): Problem[] {
  const { from, credentials, allowUnauthenticated } = endpoint;
  const problem = (part: string, value: unknown, message: string, remedy: string): Problem[] => [
    { property: `${property}.${part}`, value, message, remedy },
  ];
  if (from === 'registry') {
    if (credentials !== undefined) {
      const message = 'are not checked by Keel for the notifications of a registry';
      return problem(
        'credentials',
        hidden,
        message,
        'give the reason why that is no harm as allowUnauthenticated',
      );
    }
    if (typeof allowUnauthenticated === 'string' && allowUnauthenticated.trim() !== '') return [];
    const message = 'is missing: Keel takes the notifications of a registry from everybody';
    return problem('allowUnauthenticated', allowUnauthenticated, message, 'say why that is no harm, or poll');
  }
  if (allowUnauthenticated !== undefined) {
    const message = 'is not for a sender whose credentials Keel checks';
    return problem('allowUnauthenticated', allowUnauthenticated, message, 'give credentials in its place');
  }
  const parts: unknown[] = [credentials?.user, credentials?.password];
  if (parts.every((part) => part instanceof SecretSource)) return [];
  const message = 'is missing: without it anybody could start builds';
  return problem('credentials', hidden, message, 'give a SecretSource for user and password each');
}
