import type { Registry } from 'prom-client';
import type { ControllerConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Events } from '../kubernetes/events.ts';
import type { Log } from '../observe/log.ts';

/** What every part of the controller works with. */
export interface ControllerContext {
  readonly client: Kubernetes;
  readonly configuration: ControllerConfiguration;
  readonly events: Events;
  readonly log: Log;
  readonly metrics: Registry;
}

/** As whom the controller changes objects. */
export const FIELD_MANAGER = 'keelson-controller';
