import { Chart, type Size } from 'cdk8s';
import type { Construct } from 'constructs';
import type { ImageName } from '../image/image-name.ts';
import { GeneratedSecret } from '../kubernetes/generated-secret.ts';
import { isDnsLabel } from '../kubernetes/names.ts';
import { type NetworkPolicyPeer, peerProblems } from '../kubernetes/network-peers.ts';
import { type Problem, reportProblems, reportWarning } from '../kubernetes/problem.ts';
import { type ContainerResources, resourceProblems } from '../kubernetes/resources.ts';
import type { SecretReference, SecretSource } from '../kubernetes/secret-source.ts';
import { PipelineRecord, recordOf } from '../pipeline/pipeline-record.ts';

/** User and password of a service. */
export interface ServiceCredentials {
  /** The name of the user. */
  readonly user: SecretSource;
  /** Letters and digits only where it becomes part of a URL. */
  readonly password: SecretSource;
}

/** What every test service can be told. */
export interface TestServiceProps {
  /**
   * The name of the service's objects. Two services of a kind in a namespace need two names.
   * @default - the kind: `minio` or `rabbitmq`
   */
  readonly name?: string;
  /**
   * The namespace.
   * @default - the pipeline's, or else the chart's
   */
  readonly namespace?: string;
  /**
   * User and password.
   * @default - made in the cluster by the platform's controller
   */
  readonly credentials?: ServiceCredentials;
  /**
   * Storage class of the volume.
   * @default - the cluster's default class
   */
  readonly storageClassName?: string;
  /**
   * Pods beside the builds of its namespace that may connect to the service, on its ports.
   * `kubectl port-forward` needs no entry here.
   * @default - none
   */
  readonly clients?: readonly NetworkPolicyPeer[];
}

/** What a service's construct makes of its props, beside the workload. */
export function serviceCredentials(
  scope: Construct,
  name: string,
  namespace: string,
  credentials: ServiceCredentials | undefined,
): { readonly user: SecretReference; readonly password: SecretReference } {
  if (credentials !== undefined) {
    return {
      user: credentials.user.bind(scope, `${name}-user`, 'credentials.user', { namespace }),
      password: credentials.password.bind(scope, `${name}-password`, 'credentials.password', { namespace }),
    };
  }
  const secret = new GeneratedSecret(scope, 'credentials', {
    name: `${name}-credentials`,
    namespace,
    keys: { user: { password: { length: 12 } }, password: { password: { length: 32 } } },
  });
  reportWarning(scope, () => unfilledWarning(scope, secret.secretName));
  return {
    user: secret.source('user').bind(scope, '', 'credentials.user', { namespace }),
    password: secret.source('password').bind(scope, '', 'credentials.password', { namespace }),
  };
}

/** In a chart of which no controller knows, nobody makes the values, and the service waits for ever. */
function unfilledWarning(scope: Construct, secretName: string): Problem | undefined {
  const chart = Chart.of(scope).node;
  const known =
    recordOf(scope, {}) !== undefined || chart.findAll().some((child) => child instanceof PipelineRecord);
  if (known) return undefined;
  return {
    property: 'credentials',
    value: undefined,
    message: `are to be made in the Secret ${secretName} by a controller, which does not know this chart`,
    remedy: 'give credentials, use a Pipeline, or fill the Secret yourself',
  };
}

/** Reports what is wrong with the props that services have in common. */
export function checkService(
  scope: Construct,
  props: {
    readonly image: ImageName;
    readonly serviceName: string;
    readonly storage: Size;
    readonly resources: ContainerResources | undefined;
    readonly clients: readonly NetworkPolicyPeer[] | undefined;
  },
): void {
  const { image, serviceName, resources } = props;
  const problems: Problem[] = [
    ...image.problems('image'),
    ...resourceProblems('resources', resources),
    ...peerProblems('clients', props.clients),
  ];
  if (!isDnsLabel(serviceName) || /^[0-9]/.test(serviceName)) {
    problems.push({
      property: 'serviceName',
      value: serviceName,
      message: 'is not a valid name of a Service',
      remedy: 'use at most 63 lower-case letters, digits and "-", starting with a letter',
    });
  }
  reportProblems(scope, problems);
}
