import type { IConstruct } from 'constructs';
import type { EnvVar } from 'kubernetes-types/core/v1.d.ts';
import type { ServiceConfiguration } from '../agent/configuration.ts';
import type { Destination } from '../kubernetes/network.ts';

/**
 * A service that tests run against. A build that is given one gets its variables, may connect to it, and
 * has its gate start it before the build and stop it after.
 */
export interface TestService extends IConstruct {
  /** The namespace of its pods: that of the build. */
  readonly namespace: string;
  /** How the gate starts the service and knows that it answers. */
  readonly configuration: ServiceConfiguration;
  /** The variables by which a build finds the service. */
  readonly environment: readonly EnvVar[];
  /** Where its pods are, for network policies. */
  readonly destination: Destination;
}
