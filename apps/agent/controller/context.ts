import type { ControllerConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Events } from '../kubernetes/events.ts';
import type { LeaseObserver } from '../kubernetes/lease-observer.ts';
import type { Log } from '../observe/log.ts';
import type { ControllerMetrics } from './metrics.ts';

/** What every part of the controller works with. */
export interface ControllerContext {
  readonly client: Kubernetes;
  readonly configuration: ControllerConfiguration;
  readonly events: Events;
  readonly log: Log;
  readonly metrics: ControllerMetrics;
  /** Since when the Leases of builds are as they are. */
  readonly leases: LeaseObserver;
  /** The controller's own account, to which it gives its rights in the namespaces that it makes. */
  readonly account: ControllerAccount;
  /** For how long a listener's namespace may be there that nobody waits for; ten minutes where absent. */
  readonly orphanSeconds?: number;
}

/** As whom the controller changes objects. */
export const FIELD_MANAGER = 'keelson-controller';

/** A ServiceAccount. */
export interface ControllerAccount {
  readonly name: string;
  readonly namespace: string;
}
