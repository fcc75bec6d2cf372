import type { CommonGateConfiguration } from '../../../lib/agent/configuration.ts';
import type { Kubernetes } from '../kubernetes/client.ts';
import type { Log } from '../observe/log.ts';
import type { BuildLease } from './build-lease.ts';
import type { HandOver } from './hand-over.ts';
import type { KeelHold } from './keel-hold.ts';
import type { OwnPod } from './own-pod.ts';
import type { RunDirectory } from './run-directory.ts';
import type { RunRecord } from './run-record.ts';
import type { Services } from './services.ts';

/** What a gate works with. */
export interface GateParts {
  readonly configuration: CommonGateConfiguration;
  readonly client: Kubernetes;
  readonly pod: OwnPod;
  readonly files: RunDirectory;
  readonly lease: BuildLease;
  readonly record: RunRecord;
  readonly services: Services;
  /** Undefined for a Job: Keel rolls none, and whoever applies one wants its run. */
  readonly hold: KeelHold | undefined;
  /** Undefined where the build does not hand over. */
  readonly handOver: HandOver | undefined;
  readonly log: Log;
  /** Aborted when the pod is to end. */
  readonly signal: AbortSignal;
}
